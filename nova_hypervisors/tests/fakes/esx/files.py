# SPDX-License-Identifier: Apache-2.0
"""/folder and /nfc: files over HTTPS.

vSphere Web Services SDK Programming Guide, "Access to the datastore by HTTP":
``/folder/PATH?dcPath=ha-datacenter&dsName=NAME``, with the cookie of a
session, a ticket of AcquireGenericServiceTicket, or a user and a password.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
import urllib.parse
from http import cookies
from pathlib import Path
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import controls
from nova_hypervisors.tests.fakes.esx import leases
from nova_hypervisors.tests.fakes.esx import locations

_BLOCK = 1 << 20
_RANGE = re.compile(r'bytes=(\d+)-(\d*)$')
_BINARY = 'application/octet-stream'


class Transfer:
    """One request."""

    def __init__(self, handler: Any, esx: Any,
                 cookie: str | None) -> None:
        self._handler = handler
        self._esx = esx
        self._cookie = cookie
        self._method = handler.command
        parts = urllib.parse.urlsplit(handler.path)
        self._path = urllib.parse.unquote(parts.path)
        self._query = dict(urllib.parse.parse_qsl(parts.query))
        self._left = int(handler.headers.get('Content-Length', 0))
        self._sent = self._left

    def handle(self) -> None:
        kind = 'nfc' if self._path.startswith('/nfc/') else 'folder'
        name = f'{self._method} /{kind}'
        trouble = self._esx.trouble(name)
        if trouble.fault is not None:
            status = 500
        elif not self._let_in():
            status = 401
        elif kind == 'nfc':
            status = self._nfc()
        else:
            status = self._folder()
        if trouble.cut:
            raise controls.Cut
        self._esx.calls.append(controls.Call(name, self._sent, 0))
        if status:
            self._refuse(status)

    def _refuse(self, status: int) -> None:
        headers = (('WWW-Authenticate', 'Basic realm="VMware HTTP server"'),
                   ) if status == 401 else ()
        if self._left:
            # What is still on its way is not read: the connection ends.
            self._handler.close_connection = True
            headers += (('Connection', 'close'),)
        self._handler.answer(status, b'', headers, 'text/plain')

    def _let_in(self) -> bool:
        with self._esx.lock:
            session = self._esx.sessions.find(self._cookie)
            if session.user:
                session.use()
                return True
            ticket = self._jar().get('vmware_cgi_ticket')
            if ticket and self._esx.sessions.use_ticket(
                    ticket.value, self._method, self._handler.path):
                return True
        given = self._handler.headers.get('Authorization', '')
        wanted = base64.b64encode(
            f'{self._esx.user}:{self._esx.password}'.encode()).decode()
        return given == f'Basic {wanted}'

    def _jar(self) -> Any:
        try:
            return cookies.SimpleCookie(
                self._handler.headers.get('Cookie', ''))
        except cookies.CookieError:
            return {}

    def _folder(self) -> int:
        """Return a status to answer with, 0 if it is answered."""
        text = self._path.removeprefix('/folder').strip('/')
        center = self._query.get('dcPath', 'ha-datacenter')
        try:
            at = locations.locate(
                self._esx, f'[{self._query.get("dsName", "")}] {text}')
        except (vim.fault.InvalidDatastorePath,
                vim.fault.InaccessibleDatastore):
            return 404
        if center != 'ha-datacenter':
            return 404
        if self._method == 'PUT':
            return self._put(at)
        if not at.local.exists():
            return 404
        if self._method == 'DELETE':
            return self._delete(at)
        if self._method not in ('GET', 'HEAD'):
            return 405
        return self._get(at)

    def _put(self, at: Any) -> int:
        if 'Content-Length' not in self._handler.headers:
            # Guess: a host wants to know the length.
            return 411
        if not at.folder.local.is_dir():
            # Guess: folders are made by MakeDirectory, not by PUT.
            return 404
        with self._esx.lock:
            if self._is_locked(at.local):
                return 500
        is_new = not at.local.exists()
        if not self._receive(at.local, at.datastore):
            return 500
        with self._esx.lock:
            self._esx.changed()
        return 201 if is_new else 200

    def _is_locked(self, path: Path, reading: bool = False) -> bool:
        """Guess: a locked file's status."""
        locks = self._esx.locks
        try:
            (locks.check_read if reading else locks.check_write)(path, path)
        except vim.fault.FileLocked:
            return True
        return False

    def _receive(self, path: Path, store: Any) -> bool:
        """Read a body into a file; what came before an end is left.

        Guess: a full datastore ends the request with 500.
        """
        free = store.free
        with path.open('wb') as file:
            while self._left:
                data = self._handler.rfile.read(min(_BLOCK, self._left))
                if not data:
                    raise controls.Cut
                self._left -= len(data)
                if self._esx.cut_upload(file.tell() + len(data)):
                    raise controls.Cut
                if file.tell() + len(data) > free:
                    file.write(data[:max(0, free - file.tell())])
                    return False
                file.write(data)
        return True

    def _delete(self, at: Any) -> int:
        with self._esx.lock:
            if self._is_locked(at.local):
                return 500
            if at.local.is_dir():
                shutil.rmtree(at.local)
            else:
                at.local.unlink()
            self._esx.changed()
        self._handler.answer(204, b'')
        return 0

    def _get(self, at: Any) -> int:
        if at.local.is_dir():
            self._handler.answer(200, _index(at.local), kind='text/html')
            return 0
        with self._esx.lock:
            if self._is_locked(at.local, reading=True):
                return 500
        size = at.local.stat().st_size
        first, last = self._range(size)
        if first > last + 1:
            return 416
        self._send_head(size, first, last)
        if self._method == 'GET':
            self._send(at.local, first, last + 1 - first)
        return 0

    def _range(self, size: int) -> tuple[int, int]:
        found = _RANGE.match(self._handler.headers.get('Range', ''))
        if not found:
            return 0, size - 1
        last = int(found.group(2)) if found.group(2) else size - 1
        return int(found.group(1)), min(last, size - 1)

    def _send_head(self, size: int, first: int, last: int) -> None:
        handler = self._handler
        whole = last + 1 - first == size
        handler.send_response(200 if whole else 206)
        handler.send_header('Content-Type', _BINARY)
        handler.send_header('Accept-Ranges', 'bytes')
        handler.send_header('Content-Length', str(last + 1 - first))
        if not whole:
            handler.send_header('Content-Range',
                                f'bytes {first}-{last}/{size}')
        handler.end_headers()
        handler.wfile.flush()

    def _send(self, path: Path, first: int, length: int) -> None:
        with path.open('rb') as file:
            file.seek(first)
            while length:
                data = file.read(min(_BLOCK, length))
                if not data:
                    raise controls.Cut
                self._handler.wfile.write(data)
                length -= len(data)
        self._handler.wfile.flush()

    def _nfc(self) -> int:
        if self._method not in ('POST', 'PUT'):
            return 405
        with self._esx.lock:
            at = leases.find(self._esx, self._path)
        if at is None:
            return 404
        stream = at.local.with_suffix('.stream')
        try:
            if not self._receive(stream, at.datastore):
                return 500
            good = leases.convert(stream, at)
        finally:
            stream.unlink(missing_ok=True)
        # Guess: what is no stream-optimised disk fails so.
        return 200 if good else 500


def _index(folder: Path) -> bytes:
    """A page with a row for each file, as a host's index has."""
    rows = ''.join(
        f'<tr><td><a href="{urllib.parse.quote(one.name)}">'
        f'{html.escape(one.name)}</a></td><td>{one.stat().st_size}</td></tr>'
        for one in sorted(folder.iterdir()))
    return f'<html><body><table>{rows}</table></body></html>'.encode()
