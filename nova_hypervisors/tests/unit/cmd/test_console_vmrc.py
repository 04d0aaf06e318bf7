# SPDX-License-Identifier: Apache-2.0
"""VMRC consoles, as an operator asks for them."""

import base64
import json

import pytest

from nova_hypervisors import conf
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.vmwareapi import factory

UUID = '5d0e6a6e-0000-4000-8000-000000000001'
NAME = 'instance-00000001'
PATH = api.DatastorePath('local', f'nova/{UUID}/{UUID}.vmx')
CREDENTIALS = ('--type', 'vmrc+credentials')
SESSION = ('--type', 'vmrc+session')


class Host:
    """A host with a server and somebody else's machine.

    :ivar open: sessions that it has
    """

    def __init__(self, password):
        self._password = password
        self.open = 0

    def connect(self):
        if self._password() != 's3cret':
            raise errors.AuthenticationFailed('the user or the password')
        self.open += 1

    def close(self):
        self.open -= 1

    def list_machines(self):
        other = api.DatastorePath('local', 'other/other.vmx')
        return [api.Machine('7', NAME, UUID, PATH, api.PowerState.ON, 1, 64),
                api.Machine('8', 'other', '', other, api.PowerState.ON, 1, 64)]

    def acquire_clone_ticket(self):
        assert self.open == 1
        return 'cst-VCT-1'


@pytest.fixture
def host(monkeypatch):
    made = Host(lambda: factory.host_password(conf.CONF))
    monkeypatch.setattr(factory, 'make_client', lambda conf: made)
    return made


@pytest.fixture
def console(run, tmp_path, host):
    (tmp_path / 'password').write_text('s3cret\nnot this\n')

    def console(*words, driver='VMwareESXDriver', more=''):
        conf.CONF.reset()
        path = tmp_path / 'nova.conf'
        path.write_text(f'''
[DEFAULT]
compute_driver = nova_hypervisors.{driver}
state_path = {tmp_path}
[vmware]
host_ip = 192.0.2.20
host_username = root
host_password_file = {tmp_path}/password
{more}''')
        return run('console', '--config-file', str(path), *words)

    yield console
    conf.CONF.reset()


@pytest.mark.parametrize(('words', 'inner'), [
    (CREDENTIALS, {'vm_id': str(PATH), 'username': 'root',
                   'password': 's3cret'}),
    (SESSION, {'vm_id': '7', 'username': 'cst-VCT-1',
               'password': 'cst-VCT-1'}),
])
@pytest.mark.parametrize('server', [UUID, NAME])
def test_the_four_values_of_the_first_driver(console, words, inner, server):
    status, output, warning = console(server, *words, '-f', 'json')
    assert status == 0
    found = json.loads(output)
    assert json.loads(base64.b64decode(found.pop('password'))) == inner
    assert found == {'console_type': words[1], 'host': '192.0.2.20',
                     'port': 443}
    assert warning.startswith('WARNING: ')


def test_a_table_for_people(console):
    status, output, _ = console(NAME, *SESSION)
    assert status == 0
    assert '| console_type | vmrc+session' in output


def test_a_ticket_s_session_stays_and_no_other_does(console, host):
    console(NAME, *CREDENTIALS)
    assert host.open == 0
    console('nobody', *SESSION)
    assert host.open == 0
    console(NAME, *SESSION)
    assert host.open == 1


def test_the_address_is_all_there_is(console):
    assert console(NAME, *SESSION, '-f', 'uri')[:2] == (
        0, 'vmrc://clone:cst-VCT-1@192.0.2.20:443/?moid=7\n')
    assert console(NAME, *CREDENTIALS, '-f', 'uri')[:2] == (
        0, 'vmrc://root@192.0.2.20:443/?moid=7\n')


def test_so_is_the_page(console):
    status, output, _ = console(NAME, *CREDENTIALS, '-f', 'html')
    assert status == 0
    assert output.startswith('<!DOCTYPE html>\n')
    assert output.endswith('</html>\n')
    assert 'vmrc.connect("192.0.2.20:443", "root", "s3cret",' in output


@pytest.mark.parametrize(('words', 'options', 'said'), [
    ([NAME], {}, 'say --type vmrc+credentials or --type vmrc+session'),
    (['other', *SESSION], {},
     f"no server 'other' on this host, which has {NAME}"),
    ([NAME, *SESSION], {'driver': 'VirtualBoxDriver'},
     "vmrc+session is for servers on VMware ESX"),
    ([NAME, '-f', 'html'], {'driver': 'VirtualBoxDriver'},
     "html is for servers on VMware ESX"),
    ([NAME, *SESSION], {'more': 'host_ip ='}, 'host_ip'),
    ([NAME, *SESSION], {'more': 'host_password_file = /nowhere'},
     "No such file or directory: '/nowhere'"),
    ([NAME, *SESSION], {'more': 'host_password_file ='},
     'the user or the password'),
])
def test_what_does_not_go_is_said(console, words, options, said):
    status, output, errors = console(*words, **options)
    assert (status, output) == (1, '')
    assert said in errors
    assert 's3cret' not in errors
