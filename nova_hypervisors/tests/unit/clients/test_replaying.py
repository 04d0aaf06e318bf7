# SPDX-License-Identifier: Apache-2.0
"""What an incident's answers are understood as, again."""

import dataclasses
import json

import pytest

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import replaying
from nova_hypervisors.tests import incidents

FAULT = ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
         '<e:Body><e:Fault><faultcode>x</faultcode>'
         '<faultstring>{}</faultstring><detail>{}</detail></e:Fault>'
         '</e:Body></e:Envelope>')
WEB = {'where': 'http://vbox/', 'arguments': {'username': 'me'}}
ESX = {'where': 'https://esx:443', 'target': ['VirtualMachine', '7'],
       'message': ''}


def call(seam, operation, request, answer, error=None, **more):
    return bundles.Exchange(seam, operation, 0.0, 0.1, request, answer,
                            error, **more)


def replay(made, *, failed=0, error=None):
    error = error or made.error
    return replaying.replay(bundles.Bundle(
        '2026-11-25T12:00:00+00:00', {}, {}, 'spawn', None, 1.0, error, None,
        failed, ('a:1 b',), 0, (made,)))


SEAMS = {
    'vboxmanage': (
        call('vboxmanage', 'startvm', ['startvm', 'x'], {
            'returncode': 1, 'stdout': '',
            'stderr': incidents.MISSING.format('x')}),
        incidents.failure(
            errors.MachineNotFound,
            "Could not find a registered machine named 'x'",
            operation='startvm', code=0x80bb0001)),
    'a log-on to the web service': (
        call('virtualbox-soap', 'IWebsessionManager_logon', WEB,
             FAULT.format('no', '')),
        incidents.failure(
            errors.AuthenticationFailed,
            "http://vbox/ does not let the user 'me' log on, or has lost its "
            'VBoxSVC', operation='IWebsessionManager_logon')),
    'the web service': (
        call('virtualbox-soap', 'IMachine_lockMachine', WEB, FAULT.format(
            'VirtualBox error: it is locked',
            '<RuntimeFault><resultCode>-2135228409</resultCode>'
            '</RuntimeFault>')),
        incidents.failure(errors.Busy, 'it is locked',
                          operation='IMachine_lockMachine',
                          code=0x80bb0007)),
    'what went on in VirtualBox': (
        call('virtualbox-progress', 'launch', None,
             {'code': 0x80bb0002, 'detail': 'it is off'}),
        incidents.failure(operation='launch', code=0x80bb0002)),
    'ESX': (
        call('vsphere-soap', 'PowerOnVM_Task', ESX, {
            'status': 500, 'body': FAULT.format(
                'gone', '<ManagedObjectNotFoundFault/>')}),
        incidents.failure(errors.MachineNotFound,
                          'gone (ManagedObjectNotFound)',
                          operation='PowerOnVM_Task',
                          fault='ManagedObjectNotFound')),
    'a task of ESX': (
        call('vsphere-task', 'PowerOnVM_Task', None, {
            'name': 'InvalidPowerState', 'message': 'it is off',
            'details': {}, 'about': '', 'target': ['VirtualMachine', '7']}),
        incidents.failure(detail='it is off (InvalidPowerState)',
                          operation='PowerOnVM_Task',
                          fault='InvalidPowerState')),
    'a file of ESX': (
        call('vsphere-file', 'upload', {'path': '[ds] a'},
             {'status': 507, 'reason': 'full'}),
        incidents.failure(errors.OutOfSpace, '[ds] a: HTTP status 507 full',
                          operation='upload')),
}


@pytest.mark.parametrize('name', SEAMS)
def test_an_answer_is_understood_by_the_client(name):
    made, error = SEAMS[name]
    replayed = replay(dataclasses.replace(made, error=error))
    assert replayed.error == error
    assert replayed.is_same
    assert replayed.calls[0].is_same


def test_what_is_understood_otherwise_is_said():
    made, _ = SEAMS['ESX']
    replayed = replay(dataclasses.replace(made, error=incidents.failure()))
    assert not replayed.is_same
    assert not replayed.calls[0].is_same
    assert replayed.error.kind == 'MachineNotFound'


def test_a_call_that_went_well_is_well_again():
    made = call('vboxmanage', 'list', ['list', 'vms'], {
        'returncode': 0, 'stdout': 'x', 'stderr': ''})
    replayed = replay(made, failed=None, error=incidents.failure())
    assert replayed.calls[0].is_same
    assert not replayed.is_same
    assert 'the driver made it of what it was told, at a:1 b' in (
        replayed.why_not)


def test_one_without_an_answer_is_raised_again():
    error = incidents.failure(errors.TimedOut, 'no answer', operation='list')
    assert replay(call('vboxmanage', 'list', [], None, error)).is_same


def test_so_is_one_of_a_class_that_is_none_of_ours():
    error = bundles.Failure('SomeError', 'it broke')
    assert replay(call('vboxmanage', 'list', [], None, error)).is_same


@pytest.mark.parametrize(('changes', 'said'), [
    ({'seam': 'telepathy'}, "seam 'telepathy' is not known"),
    ({'answer': {'status': 1}}, 'is not as it was written'),
    ({'answer': 'text'}, 'is not as it was written'),
    ({'cut': True}, 'too long to be kept'),
])
def test_why_a_call_cannot_be_replayed(changes, said):
    made, error = SEAMS['vboxmanage']
    replayed = replay(dataclasses.replace(made, error=error, **changes))
    assert said in replayed.why_not
    assert not replayed.is_same


class TestFiles:
    @pytest.fixture
    def write(self, tmp_path):
        """Write a file with these changes, and load it."""
        made, error = SEAMS['vboxmanage']
        text = replay(dataclasses.replace(made, error=error)).bundle.text()

        def write(change=lambda found: None):
            found = json.loads(text)
            path = tmp_path / 'incident.json'
            path.write_text(json.dumps(change(found) or found))
            return bundles.load(path)
        return write

    def test_one_is_read_as_it_was_written(self, write):
        made, error = SEAMS['vboxmanage']
        assert write() == replay(dataclasses.replace(
            made, error=error)).bundle

    @pytest.mark.parametrize(('change', 'said'), [
        (lambda found: found.update(format=0), 'format is 0, and this '),
        (lambda found: found.update(kind='x'), "kind is not 'nova-hyperv"),
        (lambda found: found.pop('calls') and None, 'calls is missing'),
        (lambda found: found.update(more=1), 'more is not known'),
        (lambda found: found.update(call=1), 'call is 1, and there are 1'),
        (lambda found: found.update(call='1'), "call is '1', and no int"),
        (lambda found: found['error'].update(detail=None),
         'error: detail is None, and no str'),
        (lambda found: found['calls'][0].pop('seam') and None,
         'calls[0]: seam is missing'),
        (lambda found: found['calls'][0].update(error='no'),
         "calls[0]: error is 'no'"),
        (lambda found: found.update(calls=['x']),
         "calls[0] is 'x', and no object"),
        (lambda found: ['x'], 'kind is not'),
    ])
    def test_one_that_was_changed(self, write, change, said):
        with pytest.raises(bundles.Unusable) as caught:
            write(change)
        assert said in str(caught.value)
        assert ': use the ' in str(caught.value) or (
            ': name a file' in str(caught.value))

    def test_one_that_is_cut(self, write, tmp_path):
        write()
        path = tmp_path / 'incident.json'
        path.write_text(path.read_text()[:100])
        with pytest.raises(bundles.Unusable, match='not all of it'):
            bundles.load(path)

    def test_one_that_is_not_there(self, tmp_path):
        with pytest.raises(bundles.Unusable, match='No such file'):
            bundles.load(tmp_path / 'none.json')

    def test_one_that_is_no_text(self, tmp_path):
        path = tmp_path / 'x'
        path.write_bytes(b'\xff\xfe\x00')
        with pytest.raises(bundles.Unusable, match='cannot be read'):
            bundles.load(path)
