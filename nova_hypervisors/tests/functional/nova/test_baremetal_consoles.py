# SPDX-License-Identifier: Apache-2.0
"""What bare machines show and say, through Nova's API.

The screen is that of a real VNC server, QEMU's, which wants a password; Nova's
own proxy code is at the other end.
"""

import signal
import subprocess
from pathlib import Path

import pytest
from nova import test

from nova_hypervisors.tests import novaproxy
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import baremetalbase

_FIRST_PORT = 5900
_PASSWORD = 'se cret'


class ConsolesTest(baremetalbase.Base):
    def setUp(self):
        self.flags(group='baremetal', console_port=0)
        self.folder = Path(self.useFixture(test.fixtures.TempDir()).path)
        super().setUp()

    def _add_nodes(self):
        super()._add_nodes()
        self.port = self._show_screen()
        self.password = self.folder / 'password'
        self.password.write_text(f'{_PASSWORD}\n')
        for node in self.store.list_nodes():
            self.store.update(node.uuid, driver_info={
                'vnc_console': f'tcp://127.0.0.1:{self.port}',
                'vnc_password': f'file:{self.password}'})

    def _show_screen(self):
        """Start a machine that shows its screen; return the port."""
        secret = self.folder / 'secret'
        secret.write_text(_PASSWORD)
        port = peers.free_port()
        process = subprocess.Popen([
            'qemu-system-x86_64', '-accel', 'tcg', '-display', 'none',
            '-object', f'secret,id=vnc,file={secret}', '-vnc',
            f'127.0.0.1:{port - _FIRST_PORT},password-secret=vnc'])
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)
        return port

    def _ask(self, server):
        return self.api.api_post(
            f'/servers/{server["id"]}/remote-consoles',
            {'remote_console': {'protocol': 'vnc', 'type': 'novnc'}},
            check_response_status=False)

    def _console(self, server):
        return self.driver.get_vnc_console(None,
                                           baremetalbase.Named(server))

    @pytest.mark.feature('console.vnc')
    def test_a_screen_is_seen(self):
        server = self._make()
        self.assertIn('token', self._ask(server).body[
            'remote_console']['url'])
        console = self._console(server)
        self.assertNotIn(_PASSWORD, str(console))
        with novaproxy.through_proxy(console) as connection:
            screen = novaproxy.Screen(connection)
            # The firmware says something on it.
            peers.wait_until(lambda: any(screen.picture()), timeout_s=30)
        # What leads to one server's screen leads to no other's.
        self._delete_server(server)
        with self.assertRaisesRegex(ConnectionRefusedError, '502'):
            novaproxy.connect(console)

    def test_a_wrong_password_shows_nothing(self):
        self.password.write_text('another\n')
        console = self._console(self._make())
        with self.assertRaisesRegex(ConnectionRefusedError, '502'):
            novaproxy.connect(console)

    def test_a_node_without_a_screen(self):
        for node in self.store.list_nodes():
            self.store.update(node.uuid, driver_info={})
        self.assertEqual(400, self._ask(self._make()).status)

    @pytest.mark.feature('console.serial.log')
    def test_what_was_said_is_shown(self):
        server = self._make()
        said = self.api.post_server_action(
            server['id'], {'os-getConsoleOutput': {}})
        # First the ramdisk, then what it has deployed.
        self.assertEqual('booted from cdrom\nbooted from disk\n',
                         said['output'])
