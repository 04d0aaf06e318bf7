# SPDX-License-Identifier: Apache-2.0
"""Handing files out, by HTTPS.

``GET /NAME`` with a token gives a file and, behind it, the 32 bytes of its
SHA-256.  Whoever has no good token learns nothing, not even what there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from nova_hypervisors.transfer import https
from nova_hypervisors.transfer import offers as offering

_CHUNK = 1 << 20
_SCHEME = 'Bearer '


class FileServer(https.Server):
    """Hands out what is offered."""

    def __init__(self, address: str, port: int,
                 offers: offering.Offers) -> None:
        super().__init__(address, port, 'file-server', _Handler, offers)


class _Handler(https.Handler):
    def do_GET(self) -> None:  # noqa: N802 http.server calls it so
        token = self.headers.get('Authorization', '').removeprefix(_SCHEME)
        name = self.path.removeprefix('/')
        offer = self.server.content.find(token)
        path = offer.files.get(name) if offer is not None else None
        with contextlib.ExitStack() as stack:
            try:
                if path is None:
                    raise FileNotFoundError
                file = stack.enter_context(Path(path).open('rb'))
            except FileNotFoundError:
                self.send_error(404)
                return
            self._send(file)
        # With what was handed out nobody else can do anything.
        self.server.content.taken(token, name)

    def _send(self, file: BinaryIO) -> None:
        left = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256()
        self.send_response(200)
        self.send_header('Content-Length',
                         str(left + digest.digest_size))
        self.end_headers()
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                raise OSError('the file became shorter')
            digest.update(chunk)
            self.wfile.write(chunk)
            left -= len(chunk)
        self.wfile.write(digest.digest())
