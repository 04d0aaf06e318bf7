# SPDX-License-Identifier: Apache-2.0
"""Where a server's screen is, as an operator asks for it."""

import json

import pytest

from nova_hypervisors import conf
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.fakes import vbox as fake
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import machines

UUID = '5d0e6a6e-0000-4000-8000-000000000001'
NAME = 'instance-00000001'
ORACLE = 'Oracle VirtualBox Extension Pack'


@pytest.fixture
def vbox(monkeypatch):
    found = fake.FakeVBox()
    monkeypatch.setattr(factory, 'make_client', lambda conf: found)
    return found


@pytest.fixture
def server(vbox, tmp_path):
    """Have a server, on a port; say in which state it is."""
    def server(state=api.MachineState.RUNNING, name=NAME, uuid=UUID):
        machine_map = machines.Machines(vbox)
        machine_map.claim(uuid)
        vbox.create_machine(api.MachineSpec(
            uuid=uuid, name=name, folder=tmp_path / uuid, vcpus=1,
            memory_mb=64, remote_display=api.RemoteDisplay(
                'a pack', '127.0.0.1', '5917')))
        vbox.machines[uuid].state = state
    return server


@pytest.fixture
def console(run, tmp_path, short_path):
    """Run the command with a configuration; give its status and output."""
    (short_path / 'state/virtualbox').mkdir(parents=True)

    def console(*words, module='VNC', listen='127.0.0.1', more=''):
        path = tmp_path / 'nova.conf'
        path.write_text(f'''
[DEFAULT]
state_path = {short_path}/state
my_ip = 192.0.2.10
[vnc]
server_listen = {listen}
[virtualbox]
remote_display = true
vrde_module = {module}
{more}''')
        return run('console', '--config-file', str(path), *words)

    yield console
    conf.CONF.reset()


@pytest.fixture
def shown(server, console):
    """What it shows of a running server."""
    def shown(*words, **options):
        server()
        status, output, errors = console(UUID, '-f', 'json', *words,
                                         **options)
        assert (status, errors) == (0, '')
        return json.loads(output)
    return shown


class TestVnc:
    def test_what_a_viewer_has_to_be_told(self, shown):
        assert shown() == {
            'server': UUID, 'name': NAME, 'protocol': 'VNC',
            'address': '127.0.0.1', 'port': 5917,
            'command': 'vncviewer 127.0.0.1::5917',
            'tunnel': 'ssh -L 5917:127.0.0.1:5917 192.0.2.10'}

    @pytest.mark.parametrize('listen', ['0.0.0.0', '::'])
    def test_the_host_has_an_address_if_it_is_shown_everywhere(self, shown,
                                                               listen):
        found = shown(listen=listen)
        assert found['address'] == '192.0.2.10'
        assert 'tunnel' not in found

    def test_the_password_is_shown_if_it_is_asked_for(self, shown):
        more = 'vrde_require_instance_uuid_as_password = true'
        assert shown('--password', more=more)['password'] == UUID[:20]

    def test_people_get_a_table_and_may_give_the_name(self, server, console):
        server()
        status, output, _ = console(NAME)
        assert status == 0
        assert '| port     | 5917' in output


class TestRdp:
    def test_what_a_viewer_has_to_be_told(self, shown):
        found = shown(module=ORACLE, listen='192.0.2.10')
        assert (found['protocol'], found['user']) == ('RDP', 'nova')
        assert found['command'] == (
            'xfreerdp /v:192.0.2.10:5917 /u:nova /sec:rdp')

    @pytest.mark.parametrize(('method', 'word'), [
        ('RDP', ' /sec:rdp'), ('TLS', ' /sec:tls'), ('Negotiate', '')])
    def test_the_method_is_named(self, shown, method, word):
        more = ('[rdp]\nenabled = true\nencrypted_rdp = true\n'
                f'security_method = {method}')
        found = shown(module=ORACLE, more=more)
        assert found['command'].endswith(f'/u:nova{word}')

    def test_windows_gets_a_file_without_the_password(self, shown, tmp_path):
        path = tmp_path / 'server.rdp'
        found = shown('--rdp-file', str(path), '--password', module=ORACLE)
        assert path.read_bytes() == (
            b'full address:s:127.0.0.1:5917\r\nusername:s:nova\r\n'
            b'prompt for credentials:i:1\r\nenablecredsspsupport:i:0\r\n')
        assert found['password'].encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_vnc_has_no_such_file(self, server, console, tmp_path):
        server()
        path = tmp_path / 'server.rdp'
        status, _, errors = console(UUID, '--rdp-file', str(path))
        assert status == 1
        assert 'vrde_module' in errors
        assert not path.exists()


class TestRefusals:
    @pytest.mark.parametrize(('state', 'word'), [
        (api.MachineState.OFF, 'off'), (api.MachineState.SAVED, 'saved')])
    def test_one_that_does_not_run_has_to_be_started(self, server, console,
                                                     state, word):
        server(state)
        status, output, errors = console(UUID)
        assert (status, output) == (1, '')
        assert f'the server is {word}: start it first' in errors

    def test_one_whose_display_does_not_listen(self, server, console, vbox):
        server()
        vbox.display_port = lambda uuid: None
        status, _, errors = console(UUID)
        assert status == 1
        assert 'VBox.log' in errors

    def test_one_that_is_not_there_and_what_is(self, server, console):
        server()
        status, _, errors = console('another')
        assert status == 1
        assert "no server 'another' on this host" in errors
        assert NAME in errors

    def test_hosts_without_displays(self, server, console):
        server()
        status, _, errors = console(UUID, more='remote_display = false')
        assert status == 1
        assert '[virtualbox] remote_display is off' in errors
