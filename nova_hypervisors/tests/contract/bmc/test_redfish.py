# SPDX-License-Identifier: Apache-2.0
"""What BMCs with Redfish do differently, and what goes wrong with them."""

import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

CDROM = api.MediaKind.CDROM
URL = 'http://192.0.2.1/image.iso?temp_url_sig=0123456789'


@pytest.fixture
def machine(ilo5, make_redfish):
    return make_redfish(ilo5.url)


def last(bmc, method):
    return next(body for used, _, body in reversed(bmc.requests)
                if used == method)


class TestAccess:
    def test_a_wrong_password(self, ilo5, make_redfish):
        with pytest.raises(errors.AuthenticationFailed) as caught:
            make_redfish(ilo5.url, password='wr ong').power()
        assert 'wr ong' not in str(caught.value)

    def test_a_certificate_of_nobody(self, ilo5, make_redfish):
        with pytest.raises(errors.CertificateRefused):
            make_redfish(ilo5.url, verify=True).power()
        assert ilo5.requests == []

    def test_a_certificate_of_nobody_if_so_wanted(self, ilo5, make_redfish):
        machine = make_redfish(ilo5.url, verify=False)
        assert machine.power() is api.Power.OFF

    def test_nobody_there(self, ilo5, machine):
        ilo5.close()
        with pytest.raises(errors.Unreachable):
            machine.power()

    def test_one_that_does_not_answer(self, ilo5, make_redfish):
        ilo5.silent = True
        begun = time.monotonic()
        with pytest.raises(errors.TimedOut):
            make_redfish(ilo5.url, timeout_s=0.5).power()
        assert time.monotonic() - begun < 5
        ilo5.silent = False

    def test_one_that_does_not_answer_any_more(self, ilo5, make_redfish):
        machine = make_redfish(ilo5.url, timeout_s=0.5)
        machine.power()
        ilo5.silent = True
        with pytest.raises(errors.TimedOut):
            machine.power()
        ilo5.silent = False
        assert machine.power() is api.Power.OFF

    @pytest.mark.parametrize('auth', ['auto', 'session', 'basic'])
    def test_ways_to_log_on(self, ilo5, make_redfish, auth):
        machine = make_redfish(ilo5.url, auth=auth)
        assert machine.power() is api.Power.OFF
        assert bool(ilo5.tokens) is (auth != 'basic')
        machine.close()
        assert ilo5.tokens == set()

    def test_a_session_that_is_over(self, ilo5, machine):
        machine.power()
        ilo5.tokens.clear()
        assert machine.power() is api.Power.OFF

    def test_one_whose_password_was_another_for_a_while(self, ilo5, machine):
        machine.power()
        ilo5.tokens.clear()
        ilo5.password = 'another'
        with pytest.raises(errors.AuthenticationFailed):
            machine.power()
        ilo5.password = 'se cret'
        assert machine.power() is api.Power.OFF

    def test_no_secret_is_shown(self, machine):
        assert 'se cret' not in repr(machine._access)

    @pytest.mark.parametrize('system', ['', '1', '/redfish/v1/Systems/1'])
    def test_which_system(self, ilo5, make_redfish, system):
        assert make_redfish(ilo5.url, system=system).power() is api.Power.OFF

    def test_a_system_that_is_not_there(self, ilo5, make_redfish):
        with pytest.raises(errors.MachineNotFound, match='Systems/1'):
            make_redfish(ilo5.url, system='2').power()

    @pytest.mark.parametrize(('status', 'kind'), [
        (503, errors.Busy), (500, errors.ClientError),
        (403, errors.Forbidden), (404, errors.NotFound)])
    def test_what_it_answers(self, ilo5, machine, status, kind):
        machine.power()
        ilo5.broken = {'status': status, 'body': {}}
        with pytest.raises(kind, match=str(status)):
            machine.power()


class TestPower:
    def test_a_state_that_means_nothing(self, ilo5, machine):
        ilo5.tree['/redfish/v1/Systems/1']['PowerState'] = None
        assert machine.power() is api.Power.ERROR

    def test_no_such_reset(self, ilo5, machine):
        action = ilo5.tree['/redfish/v1/Systems/1']['Actions'][
            '#ComputerSystem.Reset']
        action['ResetType@Redfish.AllowableValues'] = ['On', 'ForceOff']
        machine.power_on()
        with pytest.raises(errors.Unsupported, match='GracefulRestart'):
            machine.reset(soft=True)

    def test_it_boots_once(self, ilo5, machine):
        machine.set_boot(api.BootDevice.CDROM)
        machine.power_on()
        machine.reset()
        assert ilo5.boots == ['Cd', 'None']


class TestMedia:
    def test_the_fields_that_are_sent(self, ilo5, machine):
        machine.insert_media(CDROM, URL)
        assert last(ilo5, 'POST') == {'Image': URL}

    def test_an_action_that_needs_inserted(self, ilo5, machine):
        ilo5.needs = {'Inserted'}
        machine.insert_media(CDROM, URL)
        assert last(ilo5, 'POST') == {'Image': URL, 'Inserted': True,
                                      'WriteProtected': True}
        assert api.Media(CDROM, True, URL) in machine.media()

    def test_no_action(self, ilo5, machine):
        ilo5.media_by_patch()
        machine.insert_media(CDROM, URL)
        assert last(ilo5, 'PATCH')['Inserted'] is True
        assert api.Media(CDROM, True, URL) in machine.media()

    def test_no_action_and_no_inserted(self, ilo5, machine):
        ilo5.media_by_patch()
        ilo5.refuses = {'Inserted'}
        machine.insert_media(CDROM, URL)
        assert last(ilo5, 'PATCH') == {'Image': URL}
        assert api.Media(CDROM, True, URL) in machine.media()

    def test_another_refusal_is_told(self, ilo5, machine):
        ilo5.refuses = {'Image'}
        with pytest.raises(errors.Unsupported, match='property Image'):
            machine.insert_media(CDROM, URL)

    def test_drives_under_the_system(self, ilo5, machine):
        system = ilo5.tree['/redfish/v1/Systems/1']
        manager = ilo5.tree['/redfish/v1/Managers/1']
        system['VirtualMedia'] = manager.pop('VirtualMedia')
        machine.insert_media(CDROM, URL)
        assert api.Media(CDROM, True, URL) in machine.media()

    def test_a_licence_without_media(self, ilo5, machine):
        machine.insist_on_media()
        ilo5.set_licence('iLO Standard')
        with pytest.raises(errors.Unsupported, match='iLO Standard'):
            machine.insist_on_media()

    def test_no_drives(self, ilo5, machine):
        del ilo5.tree['/redfish/v1/Managers/1']['VirtualMedia']
        assert machine.media() == ()
        with pytest.raises(errors.Unsupported, match='no virtual media'):
            machine.insist_on_media()

    def test_a_signature_is_in_no_error(self, ilo5, machine):
        ilo5.broken_methods = {'POST'}
        ilo5.broken = {'status': 400, 'body': {'error': {
            'code': 'x', 'message': f'cannot fetch {URL}'}}}
        with pytest.raises(errors.InvalidArgument) as caught:
            machine.insert_media(CDROM, URL)
        assert '0123456789' not in str(caught.value)
