# SPDX-License-Identifier: Apache-2.0
"""HTTPS: /sdk for SOAP, /folder and /nfc for files."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import ssl
import threading
import traceback
import urllib.parse
from http import cookies
from typing import Any

from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import bridge
from nova_hypervisors.tests.fakes.esx import controls
from nova_hypervisors.tests.fakes.esx import files
from nova_hypervisors.tests.fakes.esx import host as esxhost
from nova_hypervisors.tests.fakes.esx import schema
from nova_hypervisors.tests.fakes.esx import soap

_COOKIE = 'vmware_soap_session'
_VERSION = re.compile(r'"?(?:urn:vim25(?:/([\d.]+)\w*)?)?"?$')
#: What clients look up to find the newest version that both speak.
_VERSIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<namespaces version="1.0">'
    '<namespace><name>urn:vim25</name><version>8.0.2.0</version>'
    '<priorVersions><version>8.0.1.0</version><version>8.0.0.1</version>'
    '<version>7.0</version><version>6.7</version><version>6.5</version>'
    '</priorVersions></namespace></namespaces>\n')


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Connections that are kept would hold up the end of a test.
    block_on_close = False

    def __init__(self, esx: esxhost.EsxHost, context: ssl.SSLContext) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.esx = esx
        self._context = context
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        # Here, in the connection's own thread, a slow handshake delays nobody.
        request.settimeout(30)
        try:
            secured = self._context.wrap_socket(request, server_side=True)
        except OSError:
            return
        secured.settimeout(None)
        secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(secured)
        try:
            with contextlib.suppress(OSError):
                super().finish_request(secured, client_address)
        finally:
            self._open.discard(secured)
            secured.close()

    def drop_connections(self) -> None:
        """End all connections, as a host that restarts its agent."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,),
                         daemon=True).start()

    def go_away(self) -> None:
        """Take no connections any more, as a host that is switched off."""
        self.shutdown()
        self.server_close()
        self.drop_connections()

    def come_back(self) -> None:
        """Take them again, on the same port."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self.start()

    def stop(self) -> None:
        self.esx.close()
        self.shutdown()
        self.server_close()
        self.drop_connections()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Server
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._handle()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

    def _handle(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        try:
            if path == '/sdk/vimServiceVersions.xml':
                self.answer(200, _VERSIONS.encode())
            elif path == '/sdk/vimService.wsdl' and self.server.esx.wsdl:
                self.answer(200, self.server.esx.wsdl)
            elif path.startswith('/ticket/'):
                status = bridge.serve(self, self.server.esx,
                                      path.removeprefix('/ticket/'))
                if status:
                    self.answer(status, b'')
            elif path.rstrip('/') in ('/sdk', '/sdk/vimService'):
                self._sdk()
            elif path.startswith(('/folder', '/nfc/')):
                files.Transfer(self, self.server.esx, self._cookie()).handle()
            else:
                self.answer(404, b'')
        except controls.Cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, body: bytes,
               headers: tuple[tuple[str, str], ...] = (),
               kind: str = 'text/xml; charset=utf-8') -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
        self.wfile.flush()

    def _cookie(self, name: str = _COOKIE) -> str | None:
        try:
            jar = cookies.SimpleCookie(self.headers.get('Cookie', ''))
        except cookies.CookieError:
            return None
        return jar[name].value if name in jar else None

    def _sdk(self) -> None:
        if self.command != 'POST':
            self.answer(405, b'')
            return
        esx = self.server.esx
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        with esx.lock:
            session = esx.sessions.find(self._cookie())
        name, status, reply, cut = self._call(session, body)
        esx.calls.append(controls.Call(name, len(body), len(reply)))
        if cut:
            raise controls.Cut
        headers: tuple[tuple[str, str], ...] = ()
        if self._cookie() != session.cookie:
            value = f'"{session.cookie}"; Path=/; HttpOnly; Secure;'
            headers = (('Set-Cookie', f'{_COOKIE}={value}'),)
        self.answer(status, reply, headers)

    def _call(self, session: Any, body: bytes) -> tuple[str, int, bytes, bool]:
        """Return the name, the status, the reply, and whether it is lost."""
        esx = self.server.esx
        name = '?'
        try:
            element = soap.open_envelope(body)
            name = element.tag.rpartition('}')[2]
            self._check_version()
            ref, info, values = schema.read_call(element)
            trouble = esx.trouble(name)
            if trouble.fault is not None:
                raise trouble.fault
            with esx.as_session(session):
                reply = soap.result(info, esx.invoke(ref, info, values))
        except schema.Malformed as error:
            fault = schema.InvalidRequest(msg=f'\n{error}\n')
            return name, 500, soap.fault(fault), False
        except vmodl.MethodFault as fault:
            return name, 500, soap.fault(fault), False
        except controls.Cut:
            raise
        except Exception:
            # A mistake of the fake's: whoever debugs a test is to see it.
            reason = traceback.format_exc()
            fault = vmodl.fault.SystemError(msg=reason, reason=reason)
            return name, 500, soap.fault(fault), False
        return name, 200, reply, trouble.cut

    def _check_version(self) -> None:
        """A newer version than the host's is refused."""
        action = self.headers.get('SOAPAction', '')
        found = _VERSION.match(action)
        numbers = [int(part) for part in (
            found.group(1) or '0').strip('.').split('.')] if found else []
        if not found or numbers > [8, 0, 2, 0]:
            raise vmodl.fault.NotSupported(
                msg=f'Unsupported version URI {action}')
