# SPDX-License-Identifier: Apache-2.0
"""What is iLO 4's alone, and what goes wrong with it."""

import ssl
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests.fakes.ribcl import machine as machines
from nova_hypervisors.tests.fakes.ribcl import server as fakeilo

CDROM, FLOPPY = api.MediaKind.CDROM, api.MediaKind.FLOPPY
URL = 'http://192.0.2.1/image.iso?temp_url_sig=0123456789'


@pytest.fixture
def machine(ilo4, make_ribcl):
    return make_ribcl(ilo4)


@pytest.fixture
def gen9(ilo4):
    ilo4.machine.model = machines.GEN9


class TestAccess:
    def test_a_wrong_password(self, ilo4, make_ribcl):
        with pytest.raises(errors.AuthenticationFailed) as caught:
            make_ribcl(ilo4, password='wr ong').power()
        assert 'wr ong' not in str(caught.value)

    def test_a_wrong_password_for_what_is_newer(self, ilo4, make_ribcl, gen9):
        machine = make_ribcl(ilo4)
        machine.secure_boot()
        ilo4.password = 'another'
        with pytest.raises(errors.AuthenticationFailed):
            machine.secure_boot()

    def test_a_certificate_of_nobody(self, ilo4, make_ribcl):
        with pytest.raises(errors.CertificateRefused, match='ilo_verify_ca'):
            make_ribcl(ilo4, verify=True).power()
        assert ilo4.seen == []

    def test_a_certificate_of_nobody_if_so_wanted(self, ilo4, make_ribcl):
        assert make_ribcl(ilo4, verify=False).power() is api.Power.OFF

    def test_nobody_there(self, ilo4, machine):
        ilo4.close()
        with pytest.raises(errors.Unreachable):
            machine.power()

    def test_one_that_does_not_answer(self, ilo4, make_ribcl):
        ilo4.silent = True
        begun = time.monotonic()
        with pytest.raises(errors.TimedOut, match=r'0\.5 seconds'):
            make_ribcl(ilo4, timeout_s=0.5).power()
        assert time.monotonic() - begun < 5
        ilo4.silent = False

    @pytest.mark.parametrize('text', [
        '', 'no XML', '<?xml version="1.0"?><a/>'])
    def test_an_answer_that_means_nothing(self, ilo4, machine, text):
        ilo4.broken = text
        with pytest.raises(errors.ClientError):
            machine.power()

    def test_no_secret_is_shown(self, machine):
        assert 'se cret' not in repr(machine._access)


# It is what this is about.
@pytest.mark.filterwarnings('ignore:ssl.TLSVersion.TLSv1 is deprecated')
class TestOldTls:
    @pytest.fixture
    def old(self, authority):
        context = authority.server()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers('DEFAULT:@SECLEVEL=0')
        ilo = fakeilo.Ilo4(context)
        yield ilo
        ilo.close()

    def test_it_is_refused_and_the_error_says_what_to_do(self, old,
                                                         make_ribcl):
        with pytest.raises(errors.CertificateRefused,
                           match='ilo_tls_legacy'):
            make_ribcl(old).power()

    def test_it_is_spoken_if_so_wanted(self, old, make_ribcl):
        machine = make_ribcl(old, tls_legacy=True)
        assert machine.power() is api.Power.OFF

    def test_its_certificate_is_checked_all_the_same(self, old, make_ribcl):
        with pytest.raises(errors.CertificateRefused):
            make_ribcl(old, tls_legacy=True, verify=True).power()


class TestPower:
    def test_it_takes_a_while(self, ilo4, machine):
        ilo4.machine.delay_s = 0.2
        machine.power_on()
        assert machine.power() is api.Power.OFF
        time.sleep(0.25)
        assert machine.power() is api.Power.ON

    def test_off_by_the_button(self, ilo4, machine):
        machine.power_on()
        ilo4.machine.ignores_button = True
        machine.power_off(soft=True)
        assert machine.power() is api.Power.ON
        machine.power_off()
        assert machine.power() is api.Power.OFF

    def test_the_button_is_not_pressed_when_it_is_off(self, ilo4, machine):
        machine.power_off(soft=True)
        assert machine.power() is api.Power.OFF
        assert 'PRESS_PWR_BTN' not in ilo4.seen

    def test_nmi(self, ilo4, machine, gen9):
        with pytest.raises(errors.InvalidState):
            machine.nmi()
        machine.power_on()
        machine.nmi()
        assert ilo4.machine.nmis == 1


class TestBoot:
    def test_once(self, ilo4, machine):
        machine.set_boot(api.BootDevice.PXE)
        machine.power_on()
        machine.reset()
        machine.power()
        assert [device for device, _ in ilo4.machine.boots] == [
            'NETWORK', 'CDROM']

    def test_for_good_ends_what_was_for_once(self, ilo4, machine):
        machine.set_boot(api.BootDevice.PXE)
        machine.set_boot(api.BootDevice.DISK, persistent=True)
        machine.power_on()
        machine.power()
        assert ilo4.machine.boots == [('HDD', 0)]

    def test_for_good_with_uefi(self, ilo4, machine, gen9):
        ilo4.machine.mode = 'UEFI'
        machine.set_boot(api.BootDevice.PXE, persistent=True)
        assert ilo4.machine.order[0] == 'NETWORK1'
        assert machine.boot() == api.Boot(api.BootDevice.PXE, True)

    def test_boot_mode(self, ilo4, machine, gen9):
        machine.set_boot_mode(api.BootMode.UEFI)
        assert machine.boot_mode() is api.BootMode.UEFI

    def test_gen8_has_no_boot_mode_but_bios(self, machine):
        assert machine.boot_mode() is api.BootMode.BIOS
        machine.set_boot_mode(api.BootMode.BIOS)

    def test_secure_boot(self, ilo4, machine, gen9):
        assert machine.secure_boot() is False
        ilo4.bios['BootMode'] = 'Uefi'
        machine.set_secure_boot(True)
        machine.power_on()
        machine.power()
        assert machine.secure_boot() is True


class TestMedia:
    def test_it_is_connected_and_cannot_be_written(self, ilo4, machine):
        machine.insert_media(FLOPPY, URL)
        assert ilo4.machine.drives['FLOPPY'] == machines.Drive(
            'FLOPPY', URL, connected=True, protected=True)

    def test_the_machine_reads_it_and_nobody_else(self, ilo4, machine,
                                                  image_server):
        ilo4.machine.reads_media = True
        image_server.gets.clear()
        machine.insert_media(CDROM, image_server.url('image.iso'))
        assert image_server.gets == []
        machine.set_boot(api.BootDevice.CDROM)
        machine.power_on()
        machine.power()
        assert ilo4.machine.boots == [
            ('CDROM', (image_server.folder / 'image.iso').stat().st_size)]

    @pytest.mark.parametrize('licence', [
        'iLO 4 Advanced', 'iLO 4 Essentials', 'iLO Advanced for BladeSystem'])
    def test_licences_with_media(self, ilo4, machine, licence):
        ilo4.machine.licence = licence
        machine.insist_on_media()
        machine.insert_media(CDROM, URL)
        assert ilo4.machine.drives['CDROM'].url == URL

    def test_a_licence_without(self, ilo4, machine):
        ilo4.machine.licence = 'iLO 4 Standard'
        with pytest.raises(errors.Unsupported, match='iLO 4 Standard'):
            machine.insist_on_media()
        with pytest.raises(errors.Unsupported, match='license'):
            machine.insert_media(CDROM, URL)

    def test_no_licence(self, ilo4, machine):
        ilo4.machine.licence = ''
        with pytest.raises(errors.Unsupported, match='no licence'):
            machine.insist_on_media()


class TestSensors:
    def test_what_is_not_there_has_no_reading(self, machine):
        assert machine.sensors()['temperature'] == {
            '01-Inlet Ambient': {'reading': 16, 'unit': 'Celsius',
                                 'health': 'OK'},
            '02-CPU 1': {'reading': None, 'unit': None,
                         'health': 'Not Installed'}}
