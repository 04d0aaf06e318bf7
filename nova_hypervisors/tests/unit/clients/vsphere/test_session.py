# SPDX-License-Identifier: Apache-2.0
"""Ended sessions that hosts tell of in odd ways, and files that are short."""

import io
import types

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import folder
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import session
from nova_hypervisors.clients.vsphere import values

HOST = values.Ref('HostSystem', 'ha-host')
CONTENT = (
    '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval>'
    '<propertyCollector type="PropertyCollector">pc</propertyCollector>'
    '<sessionManager type="SessionManager">sm</sessionManager>'
    '</returnval></RetrieveServiceContentResponse>')
LOGIN = ('<LoginResponse xmlns="urn:vim25"><returnval><key>k</key>'
         '</returnval></LoginResponse>')
NOTHING = '<RetrievePropertiesExResponse xmlns="urn:vim25"/>'
NAME = (
    '<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval><objects>'
    '<obj type="HostSystem">ha-host</obj>{}</objects></returnval>'
    '</RetrievePropertiesExResponse>')
FOUND = NAME.format('<propSet><name>name</name><val>esx</val></propSet>')
MISSING = NAME.format(
    '<missingSet><path>name</path><fault><fault xsi:type='
    '"NotAuthenticated"><object type="HostSystem">ha-host</object>'
    '<privilegeId>System.Read</privilegeId></fault>'
    '<localizedMessage/></fault></missingSet>')
NO_PERMISSION = MISSING.replace('NotAuthenticated', 'NoPermission')


@pytest.fixture
def logged_in(made, link):
    link.answers = [CONTENT, LOGIN]
    one = session.Session(link, lambda: made, 'root', lambda: 'secret')
    one.open(lambda content: None)
    link.sent.clear()
    return one


def read(logged_in, link, *answers):
    link.answers = list(answers)
    found = properties.one(logged_in, HOST, 'name')
    return (values.text(found.get('name')),
            [operation for operation, _ in link.sent])


READ, AGAIN = ['RetrievePropertiesEx'], ['Login', 'RetrievePropertiesEx']


def test_what_is_there_is_read(logged_in, link):
    assert read(logged_in, link, FOUND) == ('esx', READ)


@pytest.mark.parametrize('ended', [NOTHING, MISSING])
def test_an_answer_without_the_object_tells_of_the_end(logged_in, link,
                                                       ended):
    assert read(logged_in, link, ended, LOGIN, FOUND) == ('esx',
                                                          READ + AGAIN)


def test_who_is_refused_again_is_told(logged_in, link):
    with pytest.raises(errors.AuthenticationFailed):
        read(logged_in, link, MISSING, LOGIN, MISSING)
    assert [operation for operation, _ in link.sent] == READ + AGAIN


def test_a_property_that_may_not_be_read_is_left_out(logged_in, link):
    assert read(logged_in, link, NO_PERMISSION) == ('', READ)


def test_pages_that_break_are_cancelled(logged_in, link):
    first = FOUND.replace('<returnval>', '<returnval><token>t</token>')
    fault = '<e:Fault><faultstring>No.</faultstring><detail/></e:Fault>'
    link.answers = [first, fault, NOTHING]
    with pytest.raises(errors.ClientError, match='No'):
        properties.one(logged_in, HOST, 'name')
    assert [operation for operation, _ in link.sent] == [
        'RetrievePropertiesEx', 'ContinueRetrievePropertiesEx',
        'CancelRetrievePropertiesEx']


@pytest.mark.parametrize(('name', 'about', 'kind'), [
    ('ManagedObjectNotFound', 'VirtualMachine', errors.MachineNotFound),
    ('ManagedObjectNotFound', 'Task', errors.NotFound),
    ('FileNotFound', '', errors.MediumNotFound),
    ('NoDiskSpace', '', errors.OutOfSpace),
    ('TaskInProgress', '', errors.Busy),
    ('ToolsUnavailable', '', errors.NoAdditions),
    ('SomethingNew', '', errors.ClientError)])
def test_faults_have_their_kind(name, about, kind):
    error = faults.to_error(faults.Fault(name, 'Words.', about=about), 'Op')
    assert type(error) is kind
    assert (error.fault, error.operation) == (name, 'Op')
    assert str(error) == f'Op: Words ({name})'


def test_a_fault_names_its_object_and_the_privilege():
    error = faults.to_error(faults.Fault(
        'FileNotFound', 'File was not found', {'file': '[ds] a.vmdk'}), 'Op')
    assert str(error) == 'Op: File was not found (FileNotFound): [ds] a.vmdk'
    error = faults.to_error(faults.Fault(
        'NoPermission', '', {'privilegeId': 'A.B'}), 'Op')
    assert str(error) == 'Op: NoPermission: the privilege A.B is missing'


class ShortHost:
    """Takes a file, and has less of it."""

    def __init__(self, size):
        self._size = size

    def request(self, method, *words, **options):
        return types.SimpleNamespace(
            status_code=200, reason='OK',
            headers={'Content-Length': str(self._size)})

    def send(self, url, operation, data, *words):
        list(data)
        return self.request('PUT')


def test_a_file_of_which_a_host_has_less_is_damaged():
    path = api.DatastorePath('ds', 'f')
    folder.Folder(ShortHost(10), lambda: None).upload(
        'dc', path, io.BytesIO(b'x' * 10), 10)
    with pytest.raises(errors.DataDamaged, match='has 7 bytes of 10'):
        folder.Folder(ShortHost(7), lambda: None).upload(
            'dc', path, io.BytesIO(b'x' * 10), 10)
