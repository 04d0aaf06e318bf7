# SPDX-License-Identifier: Apache-2.0
"""The commands of ``python -m lab``, which the Makefile calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from lab import layout
from lab import openstack
from lab import packages
from lab import preflight
from lab import progress
from lab import virtualbox
from lab.openstack import config

_CLOUD_PACKAGES = ('glance', 'keystone', 'neutron', 'nova',
                   'openstack-placement', 'python-openstackclient', 'pymysql',
                   'pyuwsgi')
_CONSTRAINTS = layout.CHECKOUT / 'lab/constraints.txt'


def prepare(lab: layout.Layout, show: progress.Progress) -> None:
    """Install what the servers and the tests need; again is no work."""
    preflight.check(lab, openstack.Cloud(lab).has_processes())
    lab.make()
    with show.step('Packages on this host'):
        packages.install_on_host(lab.logs / 'apt.log')
    root = show.shown('A Debian with VirtualBox, MariaDB and RabbitMQ',
                      lambda: packages.make_root(lab, lab.logs / 'root.log'))
    venv = show.shown('OpenStack from PyPI', lambda: _make_cloud_venv(lab))
    progress.together(root, venv)
    with show.step('VirtualBox and the test guest'):
        virtualbox.make(lab, lab.logs / 'virtualbox.log')


def _make_cloud_venv(lab: layout.Layout) -> None:
    log = lab.logs / 'pip.log'
    packages.make_tools(lab, log)
    packages.make_venv(lab, lab.cloud, _CLOUD_PACKAGES, log, _CONSTRAINTS)
    # As a user has it: a wheel.
    packages.pip_install(lab, lab.cloud, (
        '--reinstall-package', 'nova-hypervisors', '-c', str(_CONSTRAINTS),
        str(layout.CHECKOUT)), log)


def up(words: list[str]) -> int:
    """Start the cloud, and install what it needs."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare(lab, show)
    openstack.Cloud(lab).start(show)
    show.say(f'The cloud is up: source {lab.openrc}')
    return 0


def demo(words: list[str]) -> int:
    """Start the cloud and take a server through its life."""
    lab = layout.Layout.from_environment()
    show = progress.Progress()
    prepare(lab, show)
    openstack.Cloud(lab).start(show)
    environment = {**os.environ, **config.variables(lab),
                   'LAB_DIR': str(lab.top),
                   'PATH': f'{lab.cloud}/bin:{os.environ["PATH"]}'}
    done = subprocess.run([lab.cloud / 'bin/python', '-m', 'lab.demo'],
                          env=environment, cwd=layout.CHECKOUT, check=False)
    return done.returncode


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


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    'clean': clean,
    'demo': demo,
    'down': down,
    'up': up,
}
