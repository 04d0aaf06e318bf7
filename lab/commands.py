# SPDX-License-Identifier: Apache-2.0
"""The commands of ``python -m lab``, which the Makefile calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path

from lab import browser
from lab import layout
from lab import openstack
from lab import packages
from lab import preflight
from lab import progress
from lab import releases
from lab import storage
from lab import testing
from lab import virtualbox
from lab import vsphere
from lab.baremetal import swift
from lab.openstack import config
from lab.openstack import tempest

_CLOUD_PACKAGES = ('cinder', 'glance', 'keystone', 'neutron', 'nova',
                   'openstack-placement', 'python-openstackclient', 'pymysql',
                   'pyuwsgi')
_DEMOS = {'virtualbox': 'lab.demo', 'esx': 'lab.esxdemo',
          'baremetal': 'lab.metalnodes'}
_NODES = ('ilo', 'virtualbox', 'openstack')
_CONSTRAINTS = layout.CHECKOUT / 'lab/constraints.txt'


def prepare(lab: layout.Layout, show: progress.Progress,
            *jobs: Callable[[], None]) -> None:
    """Install what the servers and the tests need; again is no work.

    :param jobs: what else can be done while packages are installed
    """
    preflight.check(lab, openstack.Cloud(lab).has_processes())
    lab.make()
    with show.step('Packages on this host'):
        packages.install_on_host(lab.logs / 'apt.log')
    packages.make_tools(lab, lab.logs / 'pip.log')
    root = show.shown('A Debian with VirtualBox, MariaDB and RabbitMQ',
                      lambda: packages.make_root(lab, lab.logs / 'root.log'))
    progress.together(root, *jobs)
    with show.step('VirtualBox and the test guest'):
        virtualbox.make(lab, lab.logs / 'virtualbox.log')
        storage.make(lab)


def prepare_cloud(lab: layout.Layout, show: progress.Progress) -> None:
    prepare(lab, show, show.shown('OpenStack from PyPI',
                                  lambda: _make_cloud_venv(lab)))


def prepare_tests(lab: layout.Layout, show: progress.Progress,
                  releases: Iterable[str] = testing.RELEASES) -> None:
    def make_venvs() -> None:
        for release in releases:
            with show.step(f'Nova {release} from PyPI'):
                testing.make_venv(lab, release)

    prepare(lab, show, make_venvs)
    with show.step('Ironic from PyPI'):
        testing.make_ironic_venv(lab)
    with show.step('A simulated ESX host'):
        vsphere.make(lab, lab.logs / 'vcsim.log')
    with show.step('Swift from PyPI'):
        swift.make(lab)
    with show.step('A deploy ramdisk'):
        _make_ramdisk(lab, lab.nova_venv(testing.NEWEST))


def _make_ramdisk(lab: layout.Layout, venv: Path) -> None:
    progress.run(
        (venv / 'bin/python', '-W', 'ignore', '-m', 'lab.baremetal.guests'),
        lab.logs / 'ramdisk.log',
        env={**os.environ, 'LAB_DIR': str(lab.top)}, cwd=layout.CHECKOUT)


def _make_cloud_venv(lab: layout.Layout) -> None:
    log = lab.logs / 'pip.log'
    packages.make_venv(lab, lab.cloud, _CLOUD_PACKAGES, log, _CONSTRAINTS)
    # As a user has it: a wheel.
    packages.pip_install(lab, lab.cloud, (
        '--reinstall-package', 'nova-hypervisors', '-c', str(_CONSTRAINTS),
        f'{layout.CHECKOUT}[vmware,baremetal,ilo4]'), log)


def up(words: list[str]) -> int:
    """Start the cloud, and install what it needs."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_cloud(lab, show)
    openstack.Cloud(lab).start(show)
    show.say(f'The cloud is up: source {lab.openrc}')
    return 0


def demo(words: list[str]) -> int:
    """Start the cloud and take a server through its life.

    HYPERVISOR in the environment says on what: virtualbox, esx, baremetal.
    NODES says on which bare machines: ilo, virtualbox, openstack.
    """
    hypervisor = os.environ.get('HYPERVISOR') or 'virtualbox'
    if hypervisor not in _DEMOS:
        raise progress.LabError(f'HYPERVISOR={hypervisor}: there is no such '
                                f'demo, but {" and ".join(_DEMOS)}')
    nodes = os.environ.get('NODES') or _NODES[0]
    if nodes not in _NODES:
        raise progress.LabError(f'NODES={nodes}: there are no such nodes, '
                                f'but {", ".join(_NODES)}')
    if hypervisor != 'baremetal' and 'NODES' in os.environ:
        raise progress.LabError(
            f'NODES={nodes}: only HYPERVISOR=baremetal has nodes, and not '
            f'{hypervisor}')
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_cloud(lab, show)
    cloud = openstack.Cloud(lab)
    if hypervisor == 'esx':
        with show.step('A simulated ESX host'):
            vsphere.make(lab, lab.logs / 'vcsim.log')
    if hypervisor == 'baremetal':
        with show.step('A deploy ramdisk'):
            _make_ramdisk(lab, lab.cloud)
    cloud.start(show)
    if hypervisor == 'esx':
        cloud.start_esx(show)
    if hypervisor == 'baremetal':
        cloud.start_metal(show)
    return _run_in_cloud(lab, _DEMOS[hypervisor])


def crash(words: list[str]) -> int:
    """Kill nova-compute while it makes a server, and start it again."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_cloud(lab, show)
    openstack.Cloud(lab).start(show)
    return _run_in_cloud(lab, 'lab.crash')


def look(words: list[str]) -> int:
    """Open a server's console in a browser, and install the browser."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_cloud(lab, show)
    with show.step('Chromium'):
        packages.add_to_root(lab, browser.PACKAGES, lab.logs / 'root.log')
        venv = browser.make_venv(lab)
    openstack.Cloud(lab).start(show)
    return subprocess.run(
        [venv / 'bin/python', '-m', 'lab.browser'], cwd=layout.CHECKOUT,
        env={**os.environ, 'LAB_DIR': str(lab.top)}, check=False).returncode


def look_at_esx(words: list[str]) -> int:
    """Open a console of an ESX server in a browser; there is no cloud."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    venv = lab.nova_venv(testing.NEWEST)
    with show.step('Chromium'):
        packages.add_to_root(lab, browser.PACKAGES, lab.logs / 'root.log')
        packages.pip_install(lab, venv, browser.PYTHON_PACKAGES,
                             lab.logs / 'pip-browser.log')
    return subprocess.run(
        [venv / 'bin/python', '-W', 'ignore', '-m', 'lab.esxbrowser'],
        cwd=layout.CHECKOUT, env={**os.environ, 'LAB_DIR': str(lab.top)},
        check=False).returncode


def validate_redfish(words: list[str]) -> int:
    """Let DMTF's validator look at our Redfish service."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    return subprocess.run(
        [lab.nova_venv(testing.NEWEST) / 'bin/python', '-m', 'lab.redfish'],
        cwd=layout.CHECKOUT, env={**os.environ, 'LAB_DIR': str(lab.top)},
        check=False).returncode


def _run_in_cloud(lab: layout.Layout, module: str) -> int:
    """Run a module with the cloud's Python and as its administrator."""
    environment = {**os.environ, **config.variables(lab),
                   'LAB_DIR': str(lab.top),
                   'PATH': f'{lab.cloud}/bin:{os.environ["PATH"]}'}
    return subprocess.run([lab.cloud / 'bin/python', '-m', module],
                          env=environment, cwd=layout.CHECKOUT,
                          check=False).returncode


def down(words: list[str]) -> int:
    """Stop the cloud; it can be started again as it was."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    with show.step('The cloud and its machines are stopped'):
        openstack.Cloud(lab).stop()
    return 0


def clean(words: list[str]) -> int:
    """Stop the cloud and delete everything of the lab."""
    down(words)
    shutil.rmtree(layout.Layout.from_environment().top, ignore_errors=True)
    return 0


def make_virtualbox(words: list[str]) -> int:
    """Install the VirtualBox of the lab and what tests need; no cloud."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    show.say(f'VBoxManage is {lab.vboxmanage}; run tests with '
             f'{lab.nova_venv(testing.NEWEST)}/bin/python -m pytest')
    return 0


def make_vcsim(words: list[str]) -> int:
    """Build the simulated ESX host of the lab, for the tests."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    show.say(f'It is {lab.vcsim}: -help says what it takes')
    return 0


def test(words: list[str]) -> int:
    """Run every test, with every release of Nova."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show)
    return testing.run_all(lab, show)


def run_releases(words: list[str]) -> int:
    """Run every release of Nova with its constraints, or those of the words.

    They name releases, Pythons, modes and suites: 34 3.14 threads rest.
    """
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    return min(1, releases.run(lab, show, words))


def soak(words: list[str]) -> int:
    """Make and delete a thousand servers with each backend."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    return testing.soak(lab)


def test_long(words: list[str]) -> int:
    """Run the tests that take too long for every day."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show, [testing.NEWEST])
    return testing.run(lab, testing.LONG)


def proofs(words: list[str]) -> int:
    """Run every test and write down what rows of the matrix it proves."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_tests(lab, show)
    return testing.run_all(lab, show, proofs='write')


def lint(words: list[str]) -> int:
    """Say what the checkers of style and types say."""
    lab = _with_newest_venv()
    return testing.lint(lab)


def generate(words: list[str]) -> int:
    """Write those files anew that are made from the code."""
    lab = _with_newest_venv()
    return subprocess.run(
        [lab.nova_venv(testing.NEWEST) / 'bin/python', '-W', 'ignore', '-m',
         'lab.generated', 'write'], cwd=layout.CHECKOUT,
        check=False).returncode


def docs(words: list[str]) -> int:
    """Build the documentation; a warning is an error."""
    lab = _with_newest_venv()
    venv = lab.top / 'venvs/docs'
    packages.make_venv(
        lab, venv, (*packages.requirements('doc/requirements.txt'),
                    *testing.REQUIREMENTS,
                    *testing.RELEASES[testing.NEWEST]),
        lab.logs / 'pip-docs.log')
    packages.pip_install(lab, venv, (
        '--reinstall-package', 'nova-hypervisors', str(layout.CHECKOUT)),
        lab.logs / 'pip-docs.log')
    return max(subprocess.run(
        [venv / 'bin/sphinx-build', '-W', '--keep-going', '-q', '-b', 'html',
         source, built], cwd=layout.CHECKOUT, check=False).returncode
        for source, built in (('doc/source', 'doc/build/html'),
                              ('releasenotes/source',
                               'releasenotes/build/html')))


def _with_newest_venv() -> layout.Layout:
    lab = layout.Layout.from_environment()
    lab.make()
    packages.make_tools(lab, lab.logs / 'pip.log')
    testing.make_venv(lab, testing.NEWEST)
    return lab


def run_tempest(words: list[str]) -> int:
    """Run Tempest's tests of servers, or those that the words match.

    HYPERVISOR in the environment says on what: virtualbox or esx.
    """
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare_cloud(lab, show)
    cloud = openstack.Cloud(lab)
    if os.environ.get('HYPERVISOR') != 'esx':
        cloud.start(show)
        return tempest.run(lab, tuple(words) or tempest.TESTS)
    with show.step('A simulated ESX host'):
        vsphere.make(lab, lab.logs / 'vcsim.log')
    cloud.start(show)
    cloud.start_esx(show)
    return tempest.run_on_esx(lab, tuple(words) or tempest.ESX_TESTS)


def run_all_tempest(words: list[str]) -> int:
    """Run all of Tempest's tests of servers."""
    return run_tempest(list(tempest.ALL_TESTS))


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    'browser': look,
    'browser-esx': look_at_esx,
    'clean': clean,
    'crash': crash,
    'demo': demo,
    'docs': docs,
    'down': down,
    'generate': generate,
    'lint': lint,
    'proofs': proofs,
    'redfish': validate_redfish,
    'releases': run_releases,
    'soak': soak,
    'tempest': run_tempest,
    'tempest-full': run_all_tempest,
    'test': test,
    'test-long': test_long,
    'up': up,
    'vcsim': make_vcsim,
    'virtualbox': make_virtualbox,
}
