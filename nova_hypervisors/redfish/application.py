# SPDX-License-Identifier: Apache-2.0
"""The service itself, as a WSGI application.

WebOb, which Nova stands on too, reads requests and writes answers; there are
too few paths for a framework.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import webob
import webob.exc

from nova_hypervisors.clients import errors
from nova_hypervisors.redfish import accounts
from nova_hypervisors.redfish import changes
from nova_hypervisors.redfish import documents
from nova_hypervisors.redfish import systems

LOG = logging.getLogger(__name__)

ROOT = documents.ROOT

# Without them one finds out where to log on.
_OPEN = ('/redfish', ROOT, f'{ROOT}/odata', f'{ROOT}/$metadata')

_NAME = '([^/]+)'
_SYSTEM = f'{ROOT}/Systems/{_NAME}'
_MANAGER = f'{ROOT}/Managers/{_NAME}'
_DRIVE = f'{ROOT}/(Systems|Managers)/{_NAME}/VirtualMedia'

# What an error of a machine is to a client: status, and DMTF's message.
_STATUS: tuple[tuple[type[errors.ClientError], int, str], ...] = (
    (errors.MachineNotFound, 404, 'ResourceNotFound'),
    (errors.InvalidArgument, 400, 'PropertyValueError'),
    (errors.Unsupported, 400, 'ActionNotSupported'),
    (errors.Busy, 503, 'ResourceInUse'),
    (errors.InvalidState, 409, 'OperationFailed'),
    (errors.Unreachable, 503, 'ServiceTemporarilyUnavailable'),
    (errors.TimedOut, 503, 'OperationTimeout'),
)

_PLAIN = {400: 'MalformedJSON', 404: 'ResourceMissingAtURI',
          405: 'OperationNotAllowed', 413: 'PayloadTooLarge'}

Handler = Callable[..., webob.Response]


class Application:
    """:param service_uuid: of this service; the same after a new start"""

    def __init__(self, found: systems.Systems, users: accounts.Accounts,
                 service_uuid: str) -> None:
        self._systems = found
        self._accounts = users
        self._uuid = service_uuid
        self._changes = changes.Changes(found)
        self._routes = [(re.compile(path), handlers)
                        for path, handlers in self._paths().items()]

    def _paths(self) -> dict[str, dict[str, Handler]]:
        change = self._changes
        return {
            '/redfish': {'GET': _fixed(documents.versions)},
            ROOT: {'GET': lambda _: _answer(
                documents.service_root(self._uuid))},
            f'{ROOT}/odata': {'GET': _fixed(documents.odata)},
            f'{ROOT}/\\$metadata': {'GET': lambda _: webob.Response(
                documents.metadata(), content_type='application/xml')},
            f'{ROOT}/Systems': {'GET': self._list_systems},
            _SYSTEM: {'GET': self._system, 'PATCH': _empty(change.system)},
            f'{_SYSTEM}/Actions/ComputerSystem\\.Reset': {
                'POST': _empty(change.reset)},
            f'{_SYSTEM}/SecureBoot': {
                'GET': self._secure_boot,
                'PATCH': _empty(change.secure_boot)},
            f'{ROOT}/Managers': {'GET': self._list_managers},
            _MANAGER: {'GET': self._manager},
            _DRIVE: {'GET': self._list_media},
            f'{_DRIVE}/{_NAME}': {'GET': self._media},
            f'{_DRIVE}/{_NAME}/Actions/VirtualMedia\\.InsertMedia': {
                'POST': _empty(change.insert)},
            f'{_DRIVE}/{_NAME}/Actions/VirtualMedia\\.EjectMedia': {
                'POST': _empty(change.eject)},
            f'{ROOT}/SessionService': {
                'GET': _fixed(documents.session_service)},
            documents.SESSIONS: {'GET': self._list_sessions,
                                 'POST': self._log_on},
            f'{documents.SESSIONS}/{_NAME}': {'GET': self._session,
                                              'DELETE': self._log_off},
        }

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> Iterable[bytes]:
        request = webob.Request(environ)
        try:
            response = self._handle(request)
        except errors.ClientError as error:
            response = _error(error)
        except webob.exc.HTTPException as error:
            response = _plain(error)
        except Exception:
            LOG.exception('%s %s failed', request.method, request.path)
            response = _answer(documents.error(
                'InternalError', 'The service failed; its log says why'), 500)
        response.headers['OData-Version'] = '4.0'
        response.headers['Cache-Control'] = 'no-store'
        return response(environ, start_response)

    def _handle(self, request: webob.Request) -> webob.Response:
        path = request.path.rstrip('/')
        if not self._may(request, path):
            return _unauthorized()
        for pattern, handlers in self._routes:
            match = pattern.fullmatch(path)
            if match is not None:
                method = 'GET' if request.method == 'HEAD' else request.method
                if method not in handlers:
                    raise webob.exc.HTTPMethodNotAllowed(
                        f'{request.method} is not for {path}',
                        headers={'Allow': ', '.join(_allowed(handlers))})
                response = handlers[method](request, *match.groups())
                response.headers['Allow'] = ', '.join(_allowed(handlers))
                return response
        raise webob.exc.HTTPNotFound(f'There is no {path}')

    def _may(self, request: webob.Request, path: str) -> bool:
        logs_on = path == documents.SESSIONS and request.method == 'POST'
        return path in _OPEN or logs_on or self._accounts.may(
            request.headers.get('Authorization'),
            request.headers.get('X-Auth-Token'))

    # Systems

    def _list_systems(self, request: webob.Request) -> webob.Response:
        expanded = '$expand' in request.GET
        return _answer(documents.collection(
            f'{ROOT}/Systems', 'ComputerSystemCollection', 'Systems',
            [documents.system(found, self._systems.last_seen(found))
             if expanded else documents.link(documents.system_path(found))
             for found in self._systems.all()]))

    def _system(self, _: webob.Request, name: str) -> webob.Response:
        found = self._systems.get(name)
        return _answer(documents.system(found, self._systems.look(found)))

    def _secure_boot(self, _: webob.Request, name: str) -> webob.Response:
        found = self._systems.get(name)
        seen = self._systems.look(found)
        if seen.secure_boot is None:
            raise webob.exc.HTTPNotFound(f'{name} has no secure boot')
        return _answer(documents.secure_boot(found, seen))

    # Managers and media

    def _list_managers(self, _: webob.Request) -> webob.Response:
        return _answer(documents.collection(
            f'{ROOT}/Managers', 'ManagerCollection', 'Managers',
            [documents.link(f'{ROOT}/Managers/{found.name}')
             for found in self._systems.all()]))

    def _manager(self, _: webob.Request, name: str) -> webob.Response:
        return _answer(documents.manager(self._systems.get(name)))

    def _list_media(self, request: webob.Request, _: str,
                    name: str) -> webob.Response:
        path = request.path.rstrip('/')
        drives = self._changes.drives(name)
        return _answer(documents.collection(
            path, 'VirtualMediaCollection', 'Virtual Media',
            [documents.link(f'{path}/{drive}') for drive in drives]))

    def _media(self, request: webob.Request, _: str, name: str,
               drive: str) -> webob.Response:
        drives = self._changes.drives(name)
        if drive not in drives:
            raise webob.exc.HTTPNotFound(f'{name} has no drive {drive}')
        parent = request.path.rstrip('/').rpartition('/')[0]
        return _answer(documents.media(parent, drive, drives[drive]))

    # Sessions

    def _list_sessions(self, _: webob.Request) -> webob.Response:
        return _answer(documents.collection(
            documents.SESSIONS, 'SessionCollection', 'Sessions',
            [documents.link(f'{documents.SESSIONS}/{session.name}')
             for session in self._accounts.sessions()]))

    def _log_on(self, request: webob.Request) -> webob.Response:
        body = changes.body_of(request)
        try:
            session = self._accounts.log_on(
                changes.text(body, 'UserName'),
                changes.text(body, 'Password'))
        except accounts.TooManySessions:
            return _answer(documents.error(
                'SessionLimitExceeded', 'There are too many sessions'), 503)
        if session is None:
            return _unauthorized()
        response = _answer(documents.session(session), 201)
        response.headers['X-Auth-Token'] = session.token
        response.headers['Location'] = f'{documents.SESSIONS}/{session.name}'
        return response

    def _session(self, _: webob.Request, name: str) -> webob.Response:
        for session in self._accounts.sessions():
            if session.name == name:
                return _answer(documents.session(session))
        raise webob.exc.HTTPNotFound(f'There is no session {name}')

    def _log_off(self, _: webob.Request, name: str) -> webob.Response:
        if not self._accounts.log_off(name):
            raise webob.exc.HTTPNotFound(f'There is no session {name}')
        return webob.Response(status=204)


def _fixed(make: Callable[[], documents.Document]) -> Handler:
    return lambda _: _answer(make())


def _empty(change: Callable[..., None]) -> Handler:
    """Answer a change that has been made with nothing."""
    def handle(request: webob.Request, *names: str) -> webob.Response:
        change(request, *names)
        return webob.Response(status=204)
    return handle


def _allowed(handlers: dict[str, Handler]) -> list[str]:
    return [*(('GET', 'HEAD') if 'GET' in handlers else ()),
            *(method for method in handlers if method != 'GET')]


def _answer(document: documents.Document, status: int = 200) -> webob.Response:
    return webob.Response(json_body=document, status=status,
                          content_type='application/json', charset='utf-8')


def _unauthorized() -> webob.Response:
    response = _answer(documents.error(
        'NoValidSession', 'Log on, by a session or by Basic'), 401)
    response.headers['WWW-Authenticate'] = 'Basic realm="Redfish"'
    return response


def _error(error: errors.ClientError) -> webob.Response:
    for kind, status, name in _STATUS:
        if isinstance(error, kind):
            return _answer(documents.error(name, str(error)), status)
    return _answer(documents.error('OperationFailed', str(error)), 502)


def _plain(error: Any) -> webob.Response:
    response = _answer(documents.error(
        _PLAIN.get(error.code, 'GeneralError'), str(error.detail)),
        error.code)
    if 'Allow' in error.headers:
        response.headers['Allow'] = error.headers['Allow']
    return response
