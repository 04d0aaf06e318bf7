# SPDX-License-Identifier: Apache-2.0
"""Consoles as Nova's proxies get them."""

import contextlib
import socket
import threading

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.consoles import rfb
from nova_hypervisors.tests import builders

State = api.MachineState

UUID = '5d0e6a6e-0000-4000-8000-000000000001'
OTHER = '5d0e6a6e-0000-4000-8000-000000000002'

ORACLE = api.ExtensionPack('Oracle VirtualBox Extension Pack', '7.2.22',
                           'a module', '')


class VncServer:
    """A machine's screen, which wants a password.

    :ivar password: the one that it wants
    """

    def __init__(self, password):
        self._password = password
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError), self._listener:
            client, _ = self._listener.accept()
            with client:
                self._talk(client)

    def _talk(self, client):
        client.sendall(rfb.VERSION)
        assert client.recv(12, socket.MSG_WAITALL) == rfb.VERSION
        client.sendall(b'\x01\x02')
        assert client.recv(1) == b'\x02'
        client.sendall(bytes(16))
        answer = client.recv(16, socket.MSG_WAITALL)
        if answer != rfb.encrypt(bytes(16), self._password):
            client.sendall(b'\0\0\0\x01' + b'\0\0\0\x02no')
            return
        client.sendall(bytes(4) + b'pixels')
        client.recv(1)


def ask(console):
    """Ask for a console as Nova's proxy does; return the answer's status."""
    connection = socket.create_connection((console.host, console.port), 10)
    connection.sendall(
        f'CONNECT {console.internal_access_path} HTTP/1.1\r\n\r\n'.encode())
    status = connection.recv(12, socket.MSG_WAITALL).split()[1]
    return int(status), connection


class TestVnc:
    @pytest.fixture
    def server(self, machine):
        """Have a server whose display is on a port; return its instance."""
        def server(port=5910, state=State.RUNNING, uuid=UUID):
            machine(state, uuid=uuid, remote_display=api.RemoteDisplay(
                'VNC', '127.0.0.1', str(port)))
            return builders.instance(uuid=uuid)
        return server

    @pytest.mark.parametrize('state', [State.RUNNING, State.PAUSED])
    def test_the_proxy_is_told_where_to_go(self, consoles, server, state):
        found = consoles.vnc(server(state=state))
        assert found.host == '127.0.0.1'
        assert UUID in found.internal_access_path

    @pytest.mark.parametrize('state', [
        State.OFF, State.SAVED, State.ABORTED, State.INACCESSIBLE])
    def test_what_does_not_run_has_none(self, consoles, server, state):
        with pytest.raises(exception.InstanceNotReady):
            consoles.vnc(server(state=state))

    @pytest.mark.parametrize('options', [
        {'remote_display': False}, {'vrde_module': ORACLE.name}])
    def test_neither_has_what_has_no_vnc(self, make_consoles, install, server,
                                         options):
        install(ORACLE)
        with pytest.raises(exception.ConsoleTypeUnavailable):
            make_consoles(**options).vnc(server())

    def test_what_is_not_there_is_not_found(self, consoles):
        with pytest.raises(errors.MachineNotFound):
            consoles.vnc(builders.instance())

    def test_the_relay_logs_on_for_the_proxy(self, consoles, server):
        screen = VncServer(consoles.password(UUID))
        status, connection = ask(consoles.vnc(server(screen.port)))
        with connection:
            assert status == 200

    def test_a_display_that_refuses_the_password_is_a_bad_gateway(
            self, consoles, server):
        screen = VncServer('another')
        status, connection = ask(consoles.vnc(server(screen.port)))
        with connection:
            assert status == 502

    def test_so_is_one_that_does_not_listen(self, consoles, server, vbox):
        console = consoles.vnc(server())
        vbox.display_port = lambda uuid: None
        status, connection = ask(console)
        with connection:
            assert status == 502

    def test_another_server_s_path_leads_nowhere(self, consoles, server):
        console = consoles.vnc(server())
        console.internal_access_path = (
            console.internal_access_path.replace(UUID, OTHER))
        status, connection = ask(console)
        with connection:
            assert status == 404


class TestSerialConsole:
    @pytest.fixture
    def guest(self, config, parts, machine):
        """A running server whose guest is at the other end of a socket."""
        config.config(group='serial_console', enabled=True)
        machine(State.RUNNING, uuid=UUID)
        instance_files = parts.files.instance(UUID)
        instance_files.make()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.settimeout(10)
            listener.bind(str(instance_files.serial_socket))
            listener.listen()
            yield listener

    def test_the_proxy_is_told_where_to_go(self, config, guest,
                                           make_consoles):
        config.config(group='serial_console',
                      proxyclient_address='127.0.0.2')
        found = make_consoles().serial_console(builders.instance(uuid=UUID))
        assert found.host == '127.0.0.2'
        assert found.internal_access_path.startswith(f'/serial/{UUID}/')

    def test_what_is_typed_gets_to_the_guest(self, make_consoles, guest):
        consoles = make_consoles()
        consoles.follow_serial(UUID)
        line, _ = guest.accept()
        console = consoles.serial_console(builders.instance(uuid=UUID))
        status, connection = ask(console)
        with line, connection:
            assert status == 200
            connection.sendall(b'keys')
            assert line.recv(4, socket.MSG_WAITALL) == b'keys'

    def test_one_that_is_not_there_is_a_bad_gateway(self, make_consoles,
                                                    guest):
        console = make_consoles().serial_console(
            builders.instance(uuid=UUID))
        status, connection = ask(console)
        with connection:
            assert status == 502

    @pytest.mark.parametrize('state', [
        State.OFF, State.SAVED, State.ABORTED, State.INACCESSIBLE])
    def test_what_does_not_run_has_none(self, config, make_consoles, machine,
                                        state):
        config.config(group='serial_console', enabled=True)
        machine(state, uuid=UUID)
        with pytest.raises(exception.InstanceNotReady):
            make_consoles().serial_console(builders.instance(uuid=UUID))

    def test_without_a_proxy_there_is_none(self, consoles, machine):
        machine(State.RUNNING, uuid=UUID)
        with pytest.raises(exception.ConsoleTypeUnavailable):
            consoles.serial_console(builders.instance(uuid=UUID))

    def test_no_display_is_needed(self, config, make_consoles, install,
                                  machine):
        install()
        config.config(group='serial_console', enabled=True)
        machine(State.RUNNING, uuid=UUID)
        make_consoles(remote_display=False).serial_console(
            builders.instance(uuid=UUID))


class TestOutput:
    @pytest.fixture
    def log(self, parts):
        instance_files = parts.files.instance(UUID)
        instance_files.make()
        return instance_files.console_log

    def test_every_byte_is_a_character(self, parts, log):
        log.write_bytes(bytes(range(256)))
        output = parts.consoles.output(builders.instance(uuid=UUID))
        assert output.encode('latin-1') == bytes(range(256))

    def test_the_end_is_what_counts(self, parts, log):
        log.write_bytes(b'x' * 100 + b'y' * 100 * 1024)
        output = parts.consoles.output(builders.instance(uuid=UUID))
        assert output == 'y' * 100 * 1024

    def test_a_server_that_has_said_nothing_has_none(self, parts):
        assert parts.consoles.output(builders.instance(uuid=UUID)) == ''
