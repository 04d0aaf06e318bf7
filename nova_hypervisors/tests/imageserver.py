# SPDX-License-Identifier: Apache-2.0
"""A web server with images for virtual drives, which remembers who came."""

from __future__ import annotations

import functools
import http.server
import io
import threading
from pathlib import Path

import pycdlib

from nova_hypervisors.clients.bmc import api


class ImageServer:
    """Serves a folder; ``gets`` has the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gets: list[str] = []
        write_iso(folder / 'image.iso')
        write_floppy(folder / 'image.img')
        handler = functools.partial(_Handler, self.gets,
                                    directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                       handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,),
                         daemon=True).start()

    @property
    def urls(self) -> dict[api.MediaKind, str]:
        return {api.MediaKind.CDROM: self.url('image.iso'),
                api.MediaKind.FLOPPY: self.url('image.img')}

    def url(self, name: str) -> str:
        return f'http://127.0.0.1:{self._server.server_port}/{name}'

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, gets, *args, **kwargs):
        self._gets = gets
        super().__init__(*args, **kwargs)

    def do_GET(self):
        self._gets.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


def write_iso(path: Path) -> None:
    iso = pycdlib.PyCdlib()
    iso.new()
    text = b'an image\n'
    iso.add_fp(io.BytesIO(text), len(text), '/README.;1')
    iso.write(str(path))
    iso.close()


def write_floppy(path: Path) -> None:
    # A boot sector that tells where it ends, and nothing else.
    path.write_bytes(bytes(510) + b'\x55\xaa' + bytes((1440 << 10) - 512))
