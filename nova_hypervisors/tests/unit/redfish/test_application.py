# SPDX-License-Identifier: Apache-2.0
"""What the service shows and does; sushy's part is in contract/bmc."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

ONE = '/Systems/one'
RESET = f'{ONE}/Actions/ComputerSystem.Reset'
CD = f'{ONE}/VirtualMedia/Cd'
URL = 'http://192.0.2.1/image.iso?sig=1'


def message(body):
    return body['error']['@Message.ExtendedInfo'][0]['MessageId'].rpartition(
        '.')[2]


class TestResources:
    def test_a_system(self, ask, machine):
        machine.power_on()
        machine.set_boot(api.BootDevice.PXE)
        status, system = ask('GET', ONE)
        assert status == 200
        assert system['PowerState'] == 'On'
        assert system['UUID'].startswith('6f8a7a8a')
        assert system['Boot']['BootSourceOverrideTarget'] == 'Pxe'
        assert system['Boot']['BootSourceOverrideEnabled'] == 'Once'

    def test_one_whose_controller_does_not_answer(self, ask, machine):
        machine.fail_next['power'] = errors.Unreachable('nobody there')
        status, system = ask('GET', ONE)
        assert (status, system['PowerState']) == (200, None)
        assert system['Status']['Health'] == 'Critical'
        assert 'nobody there' in system['Description']

    def test_every_link_leads_somewhere(self, ask, machine):
        machine.insert_media(api.MediaKind.CDROM, URL)
        seen, waiting = set(), ['/redfish/v1/']
        while waiting:
            path = waiting.pop().rstrip('/')
            if path in seen:
                continue
            seen.add(path)
            status, body = ask('GET', path.removeprefix('/redfish/v1'))
            assert status == 200, path
            assert body['@odata.id'].rstrip('/') == path
            waiting += links(body)
        assert len(seen) > 12

    def test_the_schemas(self, found, users):
        import webob

        from nova_hypervisors.redfish import application
        response = webob.Request.blank('/redfish/v1/$metadata').get_response(
            application.Application(found, users, 'x'))
        assert response.content_type == 'application/xml'
        assert b'ComputerSystem.v1_20_0' in response.body

    @pytest.mark.parametrize('path', ['/Systems/two', '/Managers/two',
                                      f'{ONE}/VirtualMedia/Tape', '/Chassis',
                                      '/SessionService/Sessions/x'])
    def test_what_is_not_there(self, ask, path):
        assert ask('GET', path)[0] == 404

    def test_what_is_not_done(self, ask):
        status, body = ask('DELETE', ONE)
        assert status == 405
        assert ask.headers['Allow'] == 'GET, HEAD, PATCH'
        assert message(body) == 'OperationNotAllowed'


def links(document):
    if isinstance(document, list):
        return [link for item in document for link in links(item)]
    if isinstance(document, dict):
        if set(document) == {'@odata.id'}:
            return [document['@odata.id']]
        return [link for item in document.values() for link in links(item)]
    return []


class TestResets:
    @pytest.mark.parametrize(('kind', 'power', 'boots'), [
        ('On', 'on', 1), ('ForceOn', 'on', 1), ('ForceOff', 'off', 0),
        ('GracefulShutdown', 'off', 0), ('ForceRestart', 'on', 1),
        ('GracefulRestart', 'on', 1), ('PowerCycle', 'on', 1)])
    def test_each(self, ask, machine, kind, power, boots):
        assert ask('POST', RESET, {'ResetType': kind})[0] == 204
        assert machine.power() is api.Power(power)
        assert len(machine.boots) == boots

    def test_nmi(self, ask, machine):
        status, body = ask('POST', RESET, {'ResetType': 'Nmi'})
        assert (status, message(body)) == (409, 'OperationFailed')
        machine.power_on()
        assert ask('POST', RESET, {'ResetType': 'Nmi'})[0] == 204
        assert machine.nmis == 1

    @pytest.mark.parametrize('body', [{}, {'ResetType': 'Explode'},
                                      {'ResetType': 1}, []])
    def test_what_is_wrong(self, ask, machine, body):
        assert ask('POST', RESET, body)[0] == 400
        assert machine.boots == []

    def test_no_json(self, ask):
        status, body = ask('POST', RESET, raw=b'{')
        assert (status, message(body)) == (400, 'MalformedJSON')

    def test_too_much(self, ask):
        assert ask('POST', RESET, raw=b' ' * (65 << 10))[0] == 413

    @pytest.mark.parametrize(('error', 'status', 'name'), [
        (errors.Unsupported('no'), 400, 'ActionNotSupported'),
        (errors.Busy('no'), 503, 'ResourceInUse'),
        (errors.Unreachable('no'), 503, 'ServiceTemporarilyUnavailable'),
        (errors.TimedOut('no'), 503, 'OperationTimeout'),
        (errors.AuthenticationFailed('no'), 502, 'OperationFailed')])
    def test_errors_of_a_machine(self, ask, machine, error, status, name):
        machine.fail_next['power_on'] = error
        answer, body = ask('POST', RESET, {'ResetType': 'On'})
        assert (answer, message(body)) == (status, name)


class TestBoot:
    @pytest.mark.parametrize(('wanted', 'boot'), [
        ({'Target': 'Pxe', 'Enabled': 'Once'},
         api.Boot(api.BootDevice.PXE, False)),
        ({'Target': 'Cd', 'Enabled': 'Continuous'},
         api.Boot(api.BootDevice.CDROM, True)),
        ({'Target': 'Hdd'}, api.Boot(api.BootDevice.DISK, True)),
        ({'Target': 'None'}, api.Boot(api.BootDevice.DISK, True)),
        ({'Enabled': 'Disabled'}, api.Boot(api.BootDevice.DISK, True)),
        ({'Mode': 'UEFI'}, api.Boot(None, True))])
    def test_each(self, ask, machine, wanted, boot):
        assert ask('PATCH', ONE, {'Boot': {
            f'BootSourceOverride{name}': value
            for name, value in wanted.items()}})[0] == 204
        assert machine.boot() == boot

    def test_how_often_alone(self, ask, machine):
        machine.set_boot(api.BootDevice.PXE)
        assert ask('PATCH', ONE, {'Boot': {
            'BootSourceOverrideEnabled': 'Continuous'}})[0] == 204
        assert machine.boot() == api.Boot(api.BootDevice.PXE, True)

    @pytest.mark.parametrize('body', [
        {'Boot': {'BootSourceOverrideTarget': 'Tape'}},
        {'Boot': {'BootSourceOverrideMode': 'CSM'}},
        {'Boot': {'BootOrder': ['Boot0001']}}, {'AssetTag': 'x'}, {},
        {'Boot': {'BootSourceOverrideTarget': 'Pxe',
                  'BootSourceOverrideMode': 'CSM'}}])
    def test_what_is_wrong_changes_nothing(self, ask, machine, body):
        assert ask('PATCH', ONE, body)[0] == 400
        assert machine.boot() == api.Boot(None, True)

    def test_secure_boot(self, ask, machine):
        path = f'{ONE}/SecureBoot'
        assert ask('PATCH', path, {'SecureBootEnable': True})[0] == 204
        assert machine.secure_boot() is True
        assert ask('GET', path)[1]['SecureBootEnable'] is True
        assert ask('PATCH', path, {'SecureBootEnable': 'x'})[0] == 400


class TestMedia:
    @pytest.mark.parametrize('parent', ['/Systems', '/Managers'])
    def test_in_and_out(self, ask, machine, parent):
        drive = f'{parent}/one/VirtualMedia/Cd'
        actions = f'{drive}/Actions/VirtualMedia'
        assert ask('POST', f'{actions}.InsertMedia', {'Image': URL})[0] == 204
        shown = ask('GET', drive)[1]
        assert (shown['Inserted'], shown['Image'], shown['ImageName']) == (
            True, URL, 'image.iso')
        assert ask('POST', f'{actions}.EjectMedia', {})[0] == 204
        assert not any(media.inserted for media in machine.media())

    @pytest.mark.parametrize('body', [
        {}, {'Image': '/etc/shadow'}, {'Image': 'file:///etc/shadow'},
        {'Image': URL, 'Inserted': False},
        {'Image': URL, 'WriteProtected': False}])
    def test_what_is_not_inserted(self, ask, machine, body):
        assert ask('POST', f'{CD}/Actions/VirtualMedia.InsertMedia',
                   body)[0] == 400
        assert not any(media.inserted for media in machine.media())
