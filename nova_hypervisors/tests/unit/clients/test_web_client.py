# SPDX-License-Identifier: Apache-2.0
"""When the client of the web service logs on, repeats, and gives up.

And which operations it calls on VirtualBox 7.0, by the WSDL that was published
with that: the real one, of 7.2, is in the contract suite.
"""

import collections
from pathlib import PurePosixPath
from xml.etree import ElementTree

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webservice

EXPIRED = soap.Fault('Invalid managed object reference', 'InvalidObjectFault',
                     {})
LOCKED = soap.Fault('VirtualBox error: apirc=0x80bb0007 locked',
                    'RuntimeFault', {'resultCode': str(0x80bb0007 - 2 ** 32)})
LOST = errors.ConnectionLost('cut')

UUID = '11111111-2222-4333-8444-555555555555'


class ScriptedService:
    """Answers every call with a reference, but for what a test says."""

    where = 'http://virtualbox.example/'

    def __init__(self, version):
        self.calls = []
        self.answers = {
            'IVirtualBox_getVersion': version, 'ISession_getState': 'Locked',
            'IMachine_getSessionState': 'Unlocked'}
        self.failures = collections.defaultdict(list)

    def call(self, operation, arguments, timeout_s=None, heard=None):
        self.calls.append((operation, dict(arguments)))
        if self.failures[operation]:
            raise self.failures[operation].pop(0)
        answer = ElementTree.Element(operation)
        ElementTree.SubElement(answer, 'returnval').text = self.answers.get(
            operation, f'reference-{len(self.calls)}')
        return answer

    def close(self):
        pass

    def count(self, operation):
        return sum(name == operation for name, _ in self.calls)

    def arguments(self, operation):
        return next(values for name, values in self.calls
                    if name == operation)


@pytest.fixture
def make():
    def make(version='7.2.22', observe=None):
        service = ScriptedService(version)
        policy = retry.Policy(2, 0, sleep=lambda _: None)
        sessions = weblogon.WebSessions(service, 'me', lambda: 'secret',
                                        policy, observe)
        return service, webservice.WebServiceClient(sessions, 60)
    return make


@pytest.fixture
def service_and_client(make):
    return make()


@pytest.fixture
def service(service_and_client):
    return service_and_client[0]


@pytest.fixture
def client(service_and_client):
    return service_and_client[1]


class TestLoggingOn:
    def test_once_for_many_calls(self, service, client):
        client.get_extradata('x/')
        client.get_extradata('x/')
        client.set_extradata('x/a', '1')
        assert service.count('IWebsessionManager_logon') == 1

    def test_what_reads_is_begun_anew(self, service, client):
        client.get_extradata('x/')
        service.failures['IVirtualBox_getExtraDataKeys'] = [EXPIRED]
        client.get_extradata('x/')
        assert service.count('IWebsessionManager_logon') == 2

    def test_but_not_for_ever(self, service, client):
        service.failures['IVirtualBox_getExtraDataKeys'] = [EXPIRED] * 9
        with pytest.raises(errors.ClientError):
            client.get_extradata('x/')

    def test_what_changes_something_tries_its_log_on_first(
            self, service, client, monkeypatch):
        monkeypatch.setattr(weblogon, '_JUST_S', 0.0)
        client.set_extradata('x/a', '1')
        service.failures['IVirtualBox_getAPIVersion'] = [EXPIRED]
        client.set_extradata('x/b', '2')
        assert service.count('IWebsessionManager_logon') == 2
        assert service.count('IVirtualBox_setExtraData') == 2

    def test_one_that_has_just_answered_is_not_tried(self, service, client):
        client.set_extradata('x/a', '1')
        client.set_extradata('x/b', '2')
        assert service.count('IVirtualBox_getAPIVersion') == 0

    def test_what_was_not_begun_is_done_with_another(self, service, client):
        client.set_extradata('x/a', '1')
        service.failures['IVirtualBox_setExtraData'] = [EXPIRED]
        client.set_extradata('x/b', '2')
        assert service.count('IWebsessionManager_logon') == 2
        assert service.count('IVirtualBox_setExtraData') == 3

    def test_what_was_begun_is_not_done_again(self, service, client):
        service.failures['IMachine_saveSettings'] = [EXPIRED]
        with pytest.raises(errors.ClientError):
            client.set_boot_order('a', (api.BootDevice.DISK,))
        assert service.count('IMachine_saveSettings') == 1

    def test_the_one_that_is_refused_is_named(self, service, client):
        service.failures['IWebsessionManager_logon'] = [soap.Fault('', '', {})]
        with pytest.raises(errors.AuthenticationFailed, match="'me'"):
            client.list_machines()


class TestRepeating:
    def test_a_read_whose_answer_is_lost(self, service, client):
        service.failures['IVirtualBox_getExtraDataKeys'] = [LOST, LOST]
        client.get_extradata('x/')
        assert service.count('IVirtualBox_getExtraDataKeys') == 3

    def test_never_a_change(self, service, client):
        service.failures['IMachine_setBootOrder'] = [LOST]
        with pytest.raises(errors.ConnectionLost):
            client.set_boot_order(UUID, (api.BootDevice.DISK,))
        assert service.count('IMachine_setBootOrder') == 1

    def test_a_lock_that_somebody_else_has(self, service, client):
        service.failures['IMachine_lockMachine'] = [LOCKED, LOCKED]
        client.set_boot_order(UUID, (api.BootDevice.DISK,))
        assert service.count('IMachine_lockMachine') == 3

    def test_and_keeps(self, service, client):
        service.failures['IMachine_lockMachine'] = [LOCKED] * 9
        with pytest.raises(errors.Busy):
            client.set_boot_order(UUID, (api.BootDevice.DISK,))
        assert service.count('IMachine_setBootOrder') == 0

    @pytest.mark.parametrize('failure', [LOST, EXPIRED, LOCKED])
    def test_a_lock_is_given_back_whatever_happens(self, service, client,
                                                   failure):
        service.failures['IMachine_saveSettings'] = [failure]
        with pytest.raises(errors.ClientError):
            client.set_boot_order(UUID, (api.BootDevice.DISK,))
        assert service.count('ISession_unlockMachine') == 1


class TestVersions:
    SPEC = api.MachineSpec(
        uuid=UUID, name='machine', folder=PurePosixPath('/srv'), vcpus=1,
        memory_mb=64, serial_socket=PurePosixPath('/srv/serial'))

    def _create(self, make, version):
        service, client = make(version)
        service.failures['IVirtualBox_findMachine'] = [soap.Fault(
            'VirtualBox error: Could not find a registered machine',
            'RuntimeFault', {'resultCode': str(0x80bb0001 - 2 ** 32)})]
        client.create_machine(self.SPEC)
        return service

    def test_one_that_has_a_platform(self, make):
        service = self._create(make, '7.1.4')
        assert service.arguments('IVirtualBox_createMachine')[
            'platform'] == 'x86'
        for operation in ('IPlatform_setChipsetType',
                          'IFirmwareSettings_setIOAPICEnabled'):
            assert service.count(operation) == 1

    def test_one_that_has_none(self, make):
        service = self._create(make, '7.0.26')
        assert 'platform' not in service.arguments(
            'IVirtualBox_createMachine')
        for operation in ('IMachine_setChipsetType', 'IMachine_setRTCUseUTC',
                          'IMachine_getBIOSSettings',
                          'IBIOSSettings_setIOAPICEnabled',
                          'IMachine_setFirmwareType'):
            assert service.count(operation) == 1
        assert not any(name.startswith(('IPlatform', 'IFirmware'))
                       for name, _ in service.calls)

    def test_one_that_is_none(self, make):
        _, client = make('unknown')
        with pytest.raises(errors.ClientError, match='no VirtualBox version'):
            client.get_version()


class TestHostPaths:
    """From constructed samples: the tests' hosts have Linux."""

    @pytest.mark.parametrize(('text', 'parent'), [
        ('/srv/a/b.vbox', '/srv/a'),
        ('C:\\Users\\me\\VirtualBox VMs\\a\\a.vbox',
         'C:\\Users\\me\\VirtualBox VMs\\a'),
        ('\\\\server\\share\\a.vbox', '\\\\server\\share\\')])
    def test_each_follows_the_rules_of_its_host(self, text, parent):
        assert str(api.host_path(text).parent) == parent


def test_each_call_is_told(make):
    told = []
    service, client = make(observe=lambda operation, _, error: told.append(
        (operation, error)))
    service.failures['IVirtualBox_getExtraDataKeys'] = [LOCKED]
    client.get_extradata('x/')
    assert len(told) == len(service.calls)
    assert told[0] == ('IWebsessionManager_logon', '')
    assert [error for operation, error in told
            if operation == 'IVirtualBox_getExtraDataKeys'] == ['Busy', '']


def test_a_log_on_that_fails_is_told(make):
    told = []
    service, client = make(observe=lambda *words: told.append(words))
    service.failures['IWebsessionManager_logon'] = [EXPIRED]
    with pytest.raises(errors.AuthenticationFailed):
        client.get_extradata('x/')
    assert [(operation, error) for operation, _, error in told] == [
        ('IWebsessionManager_logon', 'AuthenticationFailed')]
