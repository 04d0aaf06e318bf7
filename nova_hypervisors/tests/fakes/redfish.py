# SPDX-License-Identifier: Apache-2.0
"""A BMC with Redfish: resources that were captured, and what they do.

DMTF's own server of captured resources answers actions and does nothing.
This one does what an iLO 5 is documented to do with the few actions that are
needed here: power, boot override, virtual media, sessions.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
import ssl
import threading
import time
from http import server

from nova_hypervisors.tests.unit import samples

SYSTEM = '/redfish/v1/Systems/1'
MANAGER = '/redfish/v1/Managers/1'
SESSIONS = '/redfish/v1/SessionService/Sessions'


def error(name, text):
    return {'error': {'code': 'iLO.0.10.ExtendedInfo', 'message': text,
                      '@Message.ExtendedInfo': [
                          {'MessageId': name, 'Message': text}]}}


class RedfishBMC:
    """Serves a tree of resources over HTTPS.

    :ivar refuses: fields of a request that it takes for an error
    :ivar needs: fields without which a request is an error
    :ivar silent: accept requests and never answer
    :ivar broken: what it answers, whatever was asked
    :ivar boots: from what it has booted
    """

    def __init__(self, tls: ssl.SSLContext, user='admin',
                 password='se cret') -> None:
        self.tree = json.loads(samples.read('ilo5-2.46', 'tree.json'))
        self.tree[SYSTEM]['PowerState'] = 'Off'
        self.user, self.password = user, password
        self.refuses: set[str] = set()
        self.needs: set[str] = set()
        self.silent = False
        self.broken: dict | None = None
        self.broken_methods = {'GET', 'POST', 'PATCH'}
        self.requests: list[tuple[str, str, dict]] = []
        self.tokens: set[str] = set()
        self.boots: list[str] = []
        self._server = server.ThreadingHTTPServer(
            ('127.0.0.1', 0), type('Handler', (_Handler,), {'bmc': self}))
        self._server.daemon_threads = True
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True,
            do_handshake_on_connect=False)
        self.url = f'https://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def boot(self):
        return self.tree[SYSTEM]['Boot']

    def set_licence(self, name):
        self.tree[MANAGER]['Oem']['Hpe']['License']['LicenseString'] = name

    def media_by_patch(self):
        """Have no actions for media, as some makers."""
        for path, resource in self.tree.items():
            if '/VirtualMedia/' in path:
                del resource['Actions']

    def get(self, path):
        return copy.deepcopy(self.tree.get(path.rstrip('/')))

    def patch(self, path, body):
        resource = self.tree[path]
        for name, value in body.items():
            if isinstance(value, dict):
                resource.setdefault(name, {}).update(value)
            else:
                resource[name] = value
        if 'Image' in body:
            resource['Inserted'] = bool(body['Image'])
        return 200, {}

    def act(self, path, body):
        target, _, action = path.rpartition('/Actions/')
        return {'ComputerSystem.Reset': self._reset,
                'VirtualMedia.InsertMedia': self._insert,
                'VirtualMedia.EjectMedia': self._eject}[action](
                    self.tree[target], body)

    def _reset(self, system, body):
        kind = body['ResetType']
        if kind == 'On' and system['PowerState'] == 'On':
            return 400, error('iLO.2.14.InvalidOperationForSystemState',
                              'The operation was not successful due to the '
                              'current power state')
        if kind in ('ForceOff', 'GracefulShutdown', 'PushPowerButton'):
            system['PowerState'] = 'Off'
        elif kind != 'Nmi':
            system['PowerState'] = 'On'
            self.boots.append(self.boot['BootSourceOverrideTarget'])
            if self.boot['BootSourceOverrideEnabled'] == 'Once':
                self.boot.update(BootSourceOverrideEnabled='Disabled',
                                 BootSourceOverrideTarget='None')
        return 200, {}

    def _insert(self, drive, body):
        if drive['Inserted']:
            return 400, error('iLO.2.14.MaxVirtualMediaConnectionEstablished',
                              'a drive has one image only')
        drive.update(Image=body['Image'], Inserted=True)
        return 200, {}

    def _eject(self, drive, body):
        if not drive['Inserted']:
            return 400, error('iLO.2.14.NoVirtualMediaConnectionAvailable',
                              'there is nothing in it')
        drive.update(Image='', Inserted=False)
        return 200, {}

    def may(self, headers):
        if headers.get('X-Auth-Token') in self.tokens:
            return True
        wanted = base64.b64encode(f'{self.user}:{self.password}'.encode())
        return headers.get('Authorization') == f'Basic {wanted.decode()}'


class _Handler(server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    bmc: RedfishBMC

    def log_message(self, *args):
        pass

    def _body(self):
        length = int(self.headers.get('Content-Length') or 0)
        return json.loads(self.rfile.read(length) or b'{}')

    def _say(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(data)

    def _handle(self):
        bmc, body = self.bmc, self._body()
        bmc.requests.append((self.command, self.path, body))
        while bmc.silent:
            time.sleep(0.1)
        if self.path.rstrip('/') == SESSIONS and self.command == 'POST':
            return self._log_on(body)
        if self.path.rstrip('/') != '/redfish/v1' and not bmc.may(
                self.headers):
            return self._say(401, error('Base.1.4.NoValidSession', 'no'))
        if bmc.broken and self.command in bmc.broken_methods:
            return self._say(**bmc.broken)
        for name in (bmc.refuses & body.keys()) | (
                bmc.needs - body.keys() if 'Image' in body else set()):
            return self._say(400, error(
                'Base.1.4.PropertyUnknown' if name in body
                else 'Base.1.4.PropertyMissing', f'property {name}'))
        return self._answer(body)

    def _answer(self, body):
        if self.command == 'DELETE':
            self.bmc.tokens.discard(self.headers.get('X-Auth-Token'))
            return self._say(200, {})
        if self.command == 'GET':
            found = self.bmc.get(self.path)
            return self._say(200 if found else 404, found or error(
                'Base.1.4.ResourceMissingAtURI', self.path),
                Allow='GET, HEAD, PATCH')
        if self.command == 'PATCH':
            return self._say(*self.bmc.patch(self.path.rstrip('/'), body))
        return self._say(*self.bmc.act(self.path.rstrip('/'), body))

    def _log_on(self, body):
        if (body.get('UserName'), body.get('Password')) != (
                self.bmc.user, self.bmc.password):
            return self._say(401, error('Base.1.4.NoValidSession', 'no'))
        token = secrets.token_hex(16)
        self.bmc.tokens.add(token)
        return self._say(201, {}, X_Auth_Token=token,
                         Location=f'{SESSIONS}/{token}')

    do_GET = do_POST = do_PATCH = do_DELETE = _handle
