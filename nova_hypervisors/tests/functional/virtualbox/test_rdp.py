# SPDX-License-Identifier: Apache-2.0
"""RDP displays, as far as they go without Oracle's extension pack.

That pack may not be passed on.  So here the VNC pack stands in under its name:
VirtualBox itself takes, keeps and applies the settings, and the display
listens; what Oracle's server makes of them is not seen.
"""

import dataclasses
import hashlib
import shlex
import shutil

import pytest

from lab import layout
from lab import packages
from nova_hypervisors import conf
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers
from nova_hypervisors.virtualbox import directory

CONTEXT = builders.admin_context()

NAME = 'Oracle VirtualBox Extension Pack'
PACKS = '/usr/lib/virtualbox/ExtensionPacks'


@dataclasses.dataclass(frozen=True)
class LabWithPack(layout.Layout):
    """The lab, whose programs see another folder of extension packs."""

    folder: object = None

    @property
    def bin(self):
        return self.folder / 'bin'


def with_pack(lab, folder):
    """Return a lab that has a pack with the name of Oracle's."""
    source = lab.root / PACKS.lstrip('/')
    if packages.has_virtualbox():
        source = layout.Path(PACKS)
    pack = folder / 'packs' / NAME.replace(' ', '_')
    shutil.copytree(source / 'VNC', pack)
    description = pack / 'ExtPack.xml'
    description.write_text(description.read_text().replace(
        '<Name>VNC<', f'<Name>{NAME}<'))
    found = LabWithPack(lab.top, folder)
    found.bin.mkdir()
    for program in (found.vboxmanage, found.vboxwebsrv):
        original = (lab.bin / program.name).resolve()
        words = shlex.split(original.read_text().splitlines()[-1]) if (
            original.parent == lab.bin) else [
            'exec', 'bwrap', '--dev-bind', '/', '/', '--', str(original),
            '"$@"']
        inside = words.index('--')
        words[inside:inside] = ['--ro-bind', str(pack.parent), PACKS]
        program.write_text('#!/bin/sh\n'
                           f'{shlex.join(words[:-1])} "$@"\n')
        program.chmod(0o755)
    return found


@pytest.fixture(scope='module')
def real_virtualbox():
    """One of its own, with the pack."""
    folder = peers.short_folder('r')
    real = peers.RealVirtualBox(folder, with_pack(peers.lab(), folder))
    yield real
    real.clear()
    real.restart_vboxsvc()
    shutil.rmtree(folder)


@pytest.fixture(scope='module')
def web_service(real_virtualbox):
    service = webpeers.RealWebService(real_virtualbox)
    yield service
    service.close()


@pytest.fixture(autouse=True)
def rdp(config):
    config.config(group='virtualbox',
                  # What it was called before 7.1.
                  vrde_module='Oracle VM VirtualBox Extension Pack')
    config.config(group='rdp', enabled=True)


@pytest.fixture
def display(real_virtualbox):
    def display(instance):
        return real_virtualbox.client.remote_display(instance.uuid)
    return display


class TestRdp:
    @pytest.mark.feature('console.rdp')
    @pytest.mark.parametrize('method', ['RDP', 'TLS', 'Negotiate'])
    def test_it_is_encrypted_as_the_options_say(
            self, config, make_driver, spawn, display, folder, method):
        authority = certificates.Authority(folder)
        certificate, key = authority.make('rdp')
        config.config(group='rdp', encrypted_rdp=True, security_method=method,
                      server_certificate=certificate, server_private_key=key,
                      server_ca=str(authority.path))
        instance = spawn(driver=make_driver())
        found = display(instance)
        assert found.extension_pack == NAME
        assert found.properties == {
            'Security/Method': method,
            'Security/ServerCertificate': certificate,
            'Security/ServerPrivateKey': key,
            'Security/CACertificate': str(authority.path)}

    @pytest.mark.feature('console.rdp')
    def test_a_client_has_to_log_on(self, make_driver, spawn, display,
                                    real_virtualbox):
        instance = spawn(driver=make_driver())
        screen = directory.find(conf.CONF, instance.uuid)
        assert display(instance).logins == {
            screen.user: hashlib.sha256(screen.password.encode()).hexdigest()}
        shown = real_virtualbox.manage('showvminfo', instance.uuid,
                                       '--machinereadable')
        assert 'vrdeauthtype="external"' in shown
        assert f'vrdeport={screen.port}' in shown
        assert screen.port in peers.DISPLAY_PORTS

    @pytest.mark.feature('console.rdp')
    def test_with_the_uuid_if_that_is_wanted(self, config, make_driver, spawn,
                                             display):
        config.config(group='virtualbox', vrde_password_length=20,
                      vrde_require_instance_uuid_as_password=True)
        instance = spawn(driver=make_driver())
        assert display(instance).logins == {
            'nova': hashlib.sha256(instance.uuid[:20].encode()).hexdigest()}

    @pytest.mark.feature('console.rdp')
    def test_each_server_keeps_a_port_of_its_own(self, make_driver, spawn):
        driver = make_driver()
        instances = [spawn(driver=driver) for _ in range(2)]
        before = [directory.find(conf.CONF, instance.uuid).port
                  for instance in instances]
        driver = make_driver()
        driver.reboot(CONTEXT, instances[0], [], 'HARD')
        after = [directory.find(conf.CONF, instance.uuid).port
                 for instance in instances]
        assert before == after
        assert len(set(after)) == 2

    def test_what_is_secret_is_in_no_command_line(self, make_driver, spawn,
                                                  display, real_virtualbox):
        driver = make_driver(client=real_virtualbox.client)
        real_virtualbox.runner.calls.clear()
        instance = spawn(driver=driver)
        hashes = display(instance).logins.values()
        words = ' '.join(word for call in real_virtualbox.runner.calls
                         for word in call)
        assert instance.uuid in words
        assert not any(text in words for text in hashes)
        assert directory.find(conf.CONF, instance.uuid).password not in words
