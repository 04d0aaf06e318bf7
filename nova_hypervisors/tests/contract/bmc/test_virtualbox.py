# SPDX-License-Identifier: Apache-2.0
"""What is VirtualBox's alone, on the real one."""

from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import virtualbox
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import imageserver
from nova_hypervisors.tests import webpeers

Device, Power = api.BootDevice, api.Power


@pytest.fixture
def name(virtualbox_machine):
    return virtualbox_machine._name


@pytest.fixture
def machine(virtualbox_peer, virtualbox_machine):
    return virtualbox_machine


@pytest.fixture
def shown(real_virtualbox, name):
    """What VirtualBox says that the machine is set to."""
    def shown(key):
        lines = real_virtualbox.manage('showvminfo', name,
                                       '--machinereadable').splitlines()
        return dict(line.split('=', 1) for line in lines if '=' in line)[key]
    return shown


class TestBootOrder:
    def test_it_is_set_at_once_when_the_machine_is_off(self, machine, shown):
        machine.set_boot(Device.PXE, persistent=True)
        assert shown('boot1') == '"net"'

    def test_it_is_kept_while_the_machine_runs(self, machine, shown):
        machine.power_on()
        machine.set_boot(Device.PXE, persistent=True)
        assert shown('boot1') == '"disk"'
        machine.reset()
        assert shown('boot1') == '"net"'

    def test_once_is_first_for_one_start(self, machine, shown):
        machine.set_boot(Device.CDROM)
        assert shown('boot1') == '"disk"'
        machine.power_on()
        assert shown('boot1') == '"dvd"'
        machine.reset()
        assert shown('boot1') == '"disk"'

    def test_another_process_sets_what_was_kept(self, machine, shown,
                                                web_service, name):
        machine.power_on()
        machine.set_boot(Device.PXE)
        machine.power_off()
        host = virtualbox.VirtualBoxHost(web_service.url, '', lambda: '')
        host.machine(name).power_on()
        host.close()
        assert shown('boot1') == '"net"'


class TestStates:
    def test_one_that_was_saved_is_off_and_goes_on(self, machine, shown,
                                                   web_service, name):
        machine.power_on()
        web_service.client.save_state(name)
        assert machine.power() is Power.OFF
        machine.power_on()
        assert machine.power() is Power.ON

    def test_what_was_saved_is_dropped_for_another_device(
            self, machine, shown, web_service, name):
        machine.power_on()
        web_service.client.save_state(name)
        machine.set_boot(Device.PXE)
        machine.power_on()
        assert shown('boot1') == '"net"'

    def test_one_that_is_paused_is_on_and_goes_on(self, machine, shown,
                                                  web_service, name):
        machine.power_on()
        web_service.client.pause(name)
        assert machine.power() is Power.ON
        machine.power_on()
        assert shown('VMState') == '"running"'

    def test_one_that_died_is_off(self, machine, real_virtualbox, shown):
        machine.power_on()
        real_virtualbox.crash(shown('UUID').strip('"'))
        assert machine.power() is Power.OFF

    def test_all_at_once(self, machine, web_service, name, shown):
        machine.power_on()
        host = virtualbox.VirtualBoxHost(web_service.url, '', lambda: '')
        assert host.powers() == {name: Power.ON,
                                 shown('UUID').strip('"'): Power.ON}
        host.close()

    def test_one_that_is_not_there(self, machine, web_service):
        host = virtualbox.VirtualBoxHost(web_service.url, '', lambda: '')
        with pytest.raises(errors.MachineNotFound, match='no-such-one'):
            host.machine('no-such-one').power()
        host.close()


class TestMedia:
    def test_a_path_of_the_host(self, machine, real_virtualbox):
        path = real_virtualbox.folder / 'own.iso'
        imageserver.write_iso(path)
        machine.insert_media(api.MediaKind.CDROM, str(path))
        assert api.Media(api.MediaKind.CDROM, True,
                         str(path)) in machine.media()
        machine.eject_media(api.MediaKind.CDROM)
        assert path.exists()

    def test_nothing_stays_on_the_host(self, machine, virtualbox_peer,
                                       real_virtualbox, name):
        folder = real_virtualbox.folder / name / 'nova-hypervisors-media'
        for kind in api.MediaKind:
            machine.insert_media(kind, virtualbox_peer.images[kind])
        assert len(list(folder.iterdir())) == 2
        for kind in api.MediaKind:
            machine.eject_media(kind)
        assert list(folder.iterdir()) == []

    def test_what_is_no_image_is_not_sent(self, machine, image_server,
                                          real_virtualbox, name):
        (image_server.folder / 'list.iso').write_text(
            '--iprt-iso-maker-file-marker-bourne-sh /etc/passwd\n' * 2)
        with pytest.raises(errors.InvalidArgument, match='list of other'):
            machine.insert_media(api.MediaKind.CDROM,
                                 image_server.url('list.iso'))
        assert not any(media.inserted for media in machine.media())

    def test_a_drive_that_misses_is_added_while_it_is_off(
            self, machine, virtualbox_peer, real_virtualbox, name):
        real_virtualbox.manage('storagectl', name, '--name', 'Floppy',
                               '--remove')
        url = virtualbox_peer.images[api.MediaKind.FLOPPY]
        machine.power_on()
        with pytest.raises(errors.InvalidState, match='while it is off'):
            machine.insert_media(api.MediaKind.FLOPPY, url)
        machine.power_off()
        machine.insert_media(api.MediaKind.FLOPPY, url)
        assert api.Media(api.MediaKind.FLOPPY, True, url) in machine.media()


class TestFirmware:
    def test_uefi(self, machine, shown):
        machine.set_boot_mode(api.BootMode.UEFI)
        assert shown('firmware') == '"EFI64"'
        machine.set_boot_mode(api.BootMode.BIOS)
        assert shown('firmware') == '"BIOS"'

    def test_no_signatures_with_bios(self, machine):
        assert machine.secure_boot() is None
        with pytest.raises(errors.InvalidState, match='boot mode to uefi'):
            machine.set_secure_boot(True)


class TestTls:
    """A node whose web service is reached by https."""

    @pytest.fixture
    def url(self, authority, real_virtualbox, machine):
        both = real_virtualbox.folder / 'both.pem'
        both.write_bytes(b''.join(
            Path(path).read_bytes() for path in authority.make('service')))
        service = webpeers.RealWebService(
            real_virtualbox, '--ssl', '--keyfile', str(both), scheme='https')
        yield service.url
        service.close()

    @pytest.fixture
    def ask(self, tmp_path, url, name):
        made = baremetalnodes.make_service(tmp_path)

        def ask(**driver_info):
            node = baremetalnodes.make_node(driver_info={
                'vbox_url': url, 'vbox_vmname': name, **driver_info})
            return made.registry.get('power', 'virtualbox').power(node)

        yield ask
        made.services.machines.close()
        made.database.close()

    def test_whose_certificate_is_trusted(self, ask, authority):
        assert ask(vbox_ca_file=str(authority.path)) is Power.OFF
        assert ask(vbox_insecure='true') is Power.OFF
        with pytest.raises(errors.CertificateRefused):
            ask()
