# SPDX-License-Identifier: Apache-2.0
"""What a machine tells when its ramdisk is ready, by HTTPS.

``POST /{api_version}/nodes/<uuid>/vendor_passthru/pass_deploy_info`` with a
JSON object: ``address``, ``key``, ``iqn``, ``error``, and if they are not the
usual ones ``lun`` and ``port``.  Whoever has the key of a deploy can say this
once; anything else is answered with 400 and the name of the field.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import ipaddress
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.transfer import https

LOG = logging.getLogger(__name__)

_KEY_BYTES = 16
_PORT = 3260
_LUN = 1
_LARGEST_BODY = 64 << 10
_LARGEST_READ = 1 << 20
_LONGEST_ERROR = 4096
# How often it is seen that the deploy has been stopped.
_LOOK_S = 0.2

_PATH = re.compile(r'/v[0-9.]+/nodes/([0-9a-f-]{36})/vendor_passthru/(\w+)')
# RFC 3720, 3.2.6, and what ramdisks of old make of it: "iqn-<uuid>".
_IQN = re.compile(r'(iqn|naa|eui)[.-][A-Za-z0-9.:-]{1,219}')


@dataclasses.dataclass(frozen=True, slots=True)
class DeployInfo:
    """:param address: of the machine, where its disk is to be had

    :param thin: blocks of its disk can be given back
    """

    address: str
    iqn: str
    lun: int = _LUN
    port: int = _PORT
    thin: bool = False


class BadRequest(Exception):
    """What is told to who asked; it names the field."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f'{field}: {fault}')


class Ticket:
    """A deploy that waits for its machine.

    :ivar key: which the machine has to know; it is good for one call
    """

    def __init__(self) -> None:
        self.key = secrets.token_hex(_KEY_BYTES)
        self._told = threading.Event()
        self._info: DeployInfo | None = None
        self._error = ''

    def tell(self, info: DeployInfo, error: str) -> None:
        self._info, self._error = info, error
        self._told.set()

    def wait(self, timeout_s: float,
             check: Callable[[], None] = lambda: None) -> DeployInfo:
        """Wait for the machine.

        :param check: raises when it is to be given up
        :raises TimedOut: it does not call
        :raises ClientError: it says that something has gone wrong
        """
        end = time.monotonic() + timeout_s
        while not self._told.wait(_LOOK_S):
            check()
            if time.monotonic() > end:
                raise errors.TimedOut(
                    f'the ramdisk did not call back within {timeout_s:g} '
                    'seconds', operation='deploy')
        if self._error or self._info is None:
            raise errors.ClientError(f'the ramdisk says: {self._error}',
                                     operation='deploy')
        return self._info


class VendorPassthru:
    """The deploys that wait for a call, and the calls.

    Thread-safe.  It is in memory: a deploy that nova-compute did not live to
    see the end of begins anew, with another key.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[str, Ticket] = {}
        self.methods: dict[str, Callable[[str, Mapping[str, Any]], None]] = {
            'pass_deploy_info': self.pass_deploy_info}

    @contextlib.contextmanager
    def expect(self, node_uuid: str) -> Iterator[Ticket]:
        """Let a node call, once, as long as this lasts."""
        ticket = Ticket()
        with self._lock:
            self._tickets[node_uuid] = ticket
        try:
            yield ticket
        finally:
            with self._lock:
                if self._tickets.get(node_uuid) is ticket:
                    del self._tickets[node_uuid]

    def pass_deploy_info(self, node_uuid: str,
                         body: Mapping[str, Any]) -> None:
        """:raises BadRequest: with the name of the field"""
        key = _text(body, 'key')
        error = _text(body, 'error', default='')[:_LONGEST_ERROR]
        # Who could not even get an address has to be able to say so.
        address = _address(_text(body, 'address',
                                 default='' if error else None), error)
        iqn = _text(body, 'iqn', default='' if error else None)
        if not error and not _IQN.fullmatch(iqn):
            raise BadRequest('iqn', f'{iqn[:80]!r} is no name of a target')
        info = DeployInfo(
            address, iqn, _number(body, 'lun', _LUN, range(16384)),
            _number(body, 'port', _PORT, range(1, 65536)),
            body.get('thin') in (True, '1'))
        self._take(node_uuid, key).tell(info, error)
        LOG.info('Node %s calls from %s%s', node_uuid, address or '?',
                 f': {error}' if error else '')

    def _take(self, node_uuid: str, key: str) -> Ticket:
        """Return a deploy's ticket, and let nobody use it again."""
        with self._lock:
            ticket = self._tickets.get(node_uuid)
            if ticket is None:
                raise BadRequest(
                    'node', f'no call of {node_uuid} is waited for')
            if not hmac.compare_digest(key.encode(), ticket.key.encode()):
                LOG.warning('A call for node %s has a wrong key', node_uuid)
                raise BadRequest('key', 'it is not the key of this deploy')
            return self._tickets.pop(node_uuid)


def _text(body: Mapping[str, Any], field: str, *,
          default: str | None = None) -> str:
    value = body.get(field, default)
    if value is None or value == '' != default:
        raise BadRequest(field, 'it is missing')
    if not isinstance(value, str):
        raise BadRequest(field, 'it has to be a text')
    return value


def _address(text: str, error: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if error:
            return ''
        raise BadRequest('address',
                         f'{text[:80]!r} is no IP address') from None


def _number(body: Mapping[str, Any], field: str, default: int,
            allowed: range) -> int:
    value = body.get(field, default)
    try:
        if isinstance(value, bool) or int(value) not in allowed:
            raise ValueError
    except (TypeError, ValueError):
        raise BadRequest(
            field, f'{str(value)[:80]!r} is not a number from {allowed[0]} '
            f'to {allowed[-1]}') from None
    return int(value)


class CallbackServer(https.Server):
    """Hears what nodes that run the deploy ramdisk have to say."""

    def __init__(self, address: str, port: int,
                 passthru: VendorPassthru) -> None:
        super().__init__(address, port, 'deploy-callback', _Handler, passthru)


class _Handler(https.Handler):
    def do_POST(self) -> None:  # noqa: N802 http.server calls it so
        # All of it is read in any case: an answer to half a question does
        # not arrive.
        length = self.headers.get('Content-Length', '')
        size = int(length) if length.isdecimal() else 0
        data = self.rfile.read(min(size, _LARGEST_READ))
        found = _PATH.fullmatch(self.path)
        method = (self.server.content.methods.get(found[2])
                  if found is not None else None)
        if found is None or method is None:
            self._answer(404, {'error_message': 'there is no such thing'})
            return
        try:
            method(found[1], _body(data))
        except BadRequest as error:
            self._answer(400, {'error_message': str(error)})
        else:
            self._answer(200, None)

    def _answer(self, status: int, content: Any) -> None:
        data = b'' if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _body(data: bytes) -> Mapping[str, Any]:
    if len(data) > _LARGEST_BODY:
        raise BadRequest('body', f'it is longer than {_LARGEST_BODY} bytes')
    try:
        body = json.loads(data)
    except ValueError:
        raise BadRequest('body', 'it is no JSON') from None
    if not isinstance(body, dict):
        raise BadRequest('body', 'it is no JSON object')
    return body
