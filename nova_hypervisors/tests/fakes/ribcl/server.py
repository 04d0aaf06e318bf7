# SPDX-License-Identifier: Apache-2.0
"""The iLO's web server: RIBCL, and on Gen9 what came before Redfish."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http import server
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from nova_hypervisors.tests.fakes.ribcl import commands
from nova_hypervisors.tests.fakes.ribcl import machine as machines

SYSTEM = '/rest/v1/Systems/1'
_BIOS = f'{SYSTEM}/Bios'
_SECURE_BOOT = f'{SYSTEM}/SecureBoot'


class Ilo4:
    """:ivar silent: accept requests and never answer

    :ivar broken: what it answers, whatever was asked
    """

    def __init__(self, tls: ssl.SSLContext, user='admin',
                 password='se cret') -> None:
        self.machine = machines.Machine()
        self.user, self.password = user, password
        self.silent = False
        self.broken: str | None = None
        self.bios = {'CustomPostMessage': '', 'BootMode': 'Uefi'}
        self.seen: list[str] = []
        self._commands = commands.Commands(self.machine)
        self._lock = threading.Lock()
        self._server = server.ThreadingHTTPServer(
            ('127.0.0.1', 0), type('Handler', (_Handler,), {'ilo': self}))
        self._server.daemon_threads = True
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True,
            do_handshake_on_connect=False)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: str) -> str:
        """Return several documents, one for each element that is closed."""
        root = ElementTree.fromstring(body)
        told = [_document(*commands.OK)]
        with self._lock:
            for login in root.iter('LOGIN'):
                if (login.get('USER_LOGIN'), login.get('PASSWORD')) != (
                        self.user, self.password):
                    told.append(_document(0x5f, 'Login failed.', ''))
                    break
                told.append(_document(*commands.OK))
                for block in login:
                    self.seen += [element.tag for element in block]
                    told += [_document(*commands.OK),
                             *(_document(*self._commands.run(element))
                               for element in block),
                             _document(*commands.OK)]
        return ''.join(told)

    # Gen9's REST

    def get(self, path: str) -> dict | None:
        machine = self.machine
        return {
            SYSTEM: {
                'Type': 'ComputerSystem.1.0.1', 'Model': machine.model,
                'Power': machine.power.capitalize(), 'Oem': {'Hp': {'links': {
                    'BIOS': {'href': _BIOS},
                    'SecureBoot': {'href': _SECURE_BOOT}}}}},
            _BIOS: self.bios,
            _SECURE_BOOT: {'SecureBootCurrentState': machine.secure_boot,
                           'SecureBootEnable': machine.next_secure_boot},
        }.get(path.rstrip('/'))

    def patch(self, path: str, body: dict) -> None:
        if path == _BIOS:
            self.bios.update(body)
        if path == _SECURE_BOOT:
            self.machine.next_secure_boot = body['SecureBootEnable']

    def act(self, path: str, body: dict) -> None:
        if body == {'Action': 'Reset', 'ResetType': 'Nmi'}:
            self.machine.nmis += 1


def _document(status: int, message: str, data: str) -> str:
    return ('<?xml version="1.0"?>\r\n<RIBCL VERSION="2.23">\r\n<RESPONSE\r\n'
            f'    STATUS="0x{status:04X}"\r\n'
            f'    MESSAGE={quoteattr(message)}\r\n     />\r\n{data}\r\n'
            '</RIBCL>\r\n')


class _Handler(server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    ilo: Ilo4

    def log_message(self, *args):
        pass

    def _say(self, text: str, status: int = 200) -> None:
        """Answer in chunks, without which python-hpilo reads nothing."""
        self.send_response(status)
        self.send_header('Content-Type', 'text/xml')
        self.send_header('Transfer-Encoding', 'chunked')
        self.send_header('Allow', 'GET, HEAD, POST, PATCH')
        self.send_header('Connection', 'close')
        self.end_headers()
        data = text.encode()
        if data:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
        self.wfile.write(b'0\r\n\r\n')
        self.close_connection = True

    def do_POST(self):
        ilo = self.ilo
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        while ilo.silent:
            time.sleep(0.05)
        if ilo.broken is not None:
            return self._say(ilo.broken)
        if self.path == '/ribcl':
            return self._say(ilo.answer(body))
        return self._rest(json.loads(body))

    def do_GET(self):
        if self.path.startswith('/xmldata'):
            return self._say(f'<RIMP><HSI><SPN>{self.ilo.machine.model}</SPN>'
                             '</HSI></RIMP>')
        return self._rest({})

    def do_PATCH(self):
        return self._rest(json.loads(self.rfile.read(
            int(self.headers['Content-Length']))))

    def _rest(self, body: dict) -> None:
        ilo = self.ilo
        wanted = base64.b64encode(f'{ilo.user}:{ilo.password}'.encode())
        if self.headers.get('Authorization') != f'Basic {wanted.decode()}':
            return self._say('{}', 401)
        found = ilo.get(self.path)
        if found is None or ilo.machine.model == machines.GEN8:
            return self._say('{}', 404)
        if self.command == 'PATCH':
            ilo.patch(self.path, body)
        elif self.command == 'POST':
            ilo.act(self.path, body)
        return self._say(json.dumps(found))
