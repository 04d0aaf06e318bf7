# SPDX-License-Identifier: Apache-2.0
"""Handing files out, by HTTPS.

``GET /NAME`` with a token gives a file and, behind it, the 32 bytes of its
SHA-256.  Whoever has no good token learns nothing, not even what there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.transfer import https
from nova_hypervisors.transfer import offers as offering

LOG = logging.getLogger(__name__)

_CHUNK = 1 << 20
_SCHEME = 'Bearer '

#: Opens what is offered, by what the offer says: its size and its bytes.
#: Raises FileNotFoundError, or NotFound, for what is not there.
Opener = Callable[
    [str], contextlib.AbstractContextManager[tuple[int, Iterable[bytes]]]]


@contextlib.contextmanager
def open_local(path: str) -> Iterator[tuple[int, Iterable[bytes]]]:
    """Open a file of this computer."""
    with Path(path).open('rb') as file:
        yield (os.fstat(file.fileno()).st_size,
               iter(lambda: file.read(_CHUNK), b''))


class FileServer(https.Server):
    """Hands out what is offered."""

    def __init__(self, address: str, port: int, offers: offering.Offers,
                 opener: Opener = open_local) -> None:
        super().__init__(address, port, 'file-server', _Handler,
                         (offers, opener))


class _Handler(https.Handler):
    def do_GET(self) -> None:  # noqa: N802 http.server calls it so
        offers, opener = self.server.content
        token = self.headers.get('Authorization', '').removeprefix(_SCHEME)
        name = self.path.removeprefix('/')
        offer = offers.find(token)
        path = offer.files.get(name) if offer is not None else None
        with contextlib.ExitStack() as stack:
            try:
                if path is None:
                    raise FileNotFoundError
                size, blocks = stack.enter_context(opener(path))
            except (FileNotFoundError, errors.NotFound):
                self.send_error(404)
                return
            except errors.ClientError as error:
                LOG.warning('%s is not handed out: %s', path, error)
                self.send_error(502)
                return
            self._send(size, blocks)
        # With what was handed out nobody else can do anything.
        offers.taken(token, name)

    def _send(self, size: int, blocks: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        self.send_response(200)
        self.send_header('Content-Length', str(size + digest.digest_size))
        self.end_headers()
        for block in blocks:
            # What has grown meanwhile is cut.
            wanted = block[:size]
            digest.update(wanted)
            self.wfile.write(wanted)
            size -= len(wanted)
            if not size:
                break
        if size:
            raise OSError('the file became shorter')
        self.wfile.write(digest.digest())
