# SPDX-License-Identifier: Apache-2.0
"""Images for virtual drives: fetched, and looked at before they are opened.

A BMC of its own fetches what it is given.  VirtualBox opens a file, and takes
for a DVD also a text with the names of other files of its host (VISO, cue
sheets).  So only what is an ISO image or a floppy by its bytes gets there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

_SECTOR = 512

#: The largest floppy that there was, in bytes.
LARGEST_FLOPPY = 2880 << 10

# ECMA-119, 8.1: the first volume descriptor, and the word in each.
_DESCRIPTOR = 0x8001
_WORD = b'CD001'

_CHUNK = 1 << 20
_CONNECT_S = 10.0

# As much as a text that VirtualBox understands has at its beginning.
_BEGINNING = 64


def fetch(url: str, path: Path, kind: api.MediaKind, *, timeout_s: float,
          limit_bytes: int, verify: bool | str = True) -> None:
    """Write what a URL has into a new file, and look at it.

    :param timeout_s: of all of it
    :param verify: a file with certificates to trust, or False for none
    :raises Unreachable: the server cannot be asked
    :raises NotFound: the server does not give it
    :raises InvalidArgument: it is no image of the kind, or too large
    """
    if kind is api.MediaKind.FLOPPY:
        limit_bytes = min(limit_bytes, LARGEST_FLOPPY)
    end = time.monotonic() + timeout_s
    where = without_secrets(url)
    try:
        with requests.get(url, stream=True, verify=verify,
                          timeout=(_CONNECT_S, timeout_s)) as answer:
            if answer.status_code != requests.codes.ok:
                raise errors.NotFound(
                    f'{where} cannot be fetched: its server answers '
                    f'{answer.status_code}', operation='fetch')
            _write(answer, path, where, end, limit_bytes)
    except requests.RequestException as error:
        # Its own text has the whole URL, with a signature in it.
        raise errors.Unreachable(
            f'{where} cannot be fetched: {type(error).__name__}',
            operation='fetch') from None
    insist_on(path, kind, where)


def _write(answer: requests.Response, path: Path, where: str, end: float,
           limit_bytes: int) -> None:
    written = 0
    with path.open('xb') as file:
        for chunk in answer.iter_content(_CHUNK):
            written += len(chunk)
            if written > limit_bytes:
                raise errors.InvalidArgument(
                    f'{where} has more than {limit_bytes} bytes',
                    operation='fetch')
            if time.monotonic() > end:
                raise errors.TimedOut(f'{where} comes too slowly',
                                      operation='fetch')
            file.write(chunk)


def insist_on(path: Path, kind: api.MediaKind, where: str) -> None:
    """Find out if a file is an image; what misses of a sector is added.

    :param where: what to call it in an error
    :raises InvalidArgument: it is not
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        beginning = file.read(_BEGINNING)
        file.seek(_DESCRIPTOR)
        is_iso = file.read(len(_WORD)) == _WORD
    reason = ''
    if not size:
        reason = 'it is empty'
    elif beginning.strip(b'\0') and beginning.isascii() and all(
            32 <= byte < 127 or byte in b'\t\r\n' for byte in beginning):
        reason = 'it begins with text, as a list of other files does'
    elif kind is api.MediaKind.CDROM and not is_iso:
        reason = 'it has no ISO 9660 volume descriptor'
    elif kind is api.MediaKind.FLOPPY and size > LARGEST_FLOPPY:
        reason = f'it has more than {LARGEST_FLOPPY} bytes'
    if reason:
        raise errors.InvalidArgument(
            f'{where} is no image of a {kind.value}: {reason}',
            operation='fetch')
    os.truncate(path, size + -size % _SECTOR)


def is_url(text: str) -> bool:
    """Return whether it is to be fetched; else it is a path."""
    return text.split(':', 1)[0].lower() in ('http', 'https')


def without_secrets(url: str) -> str:
    """Return a URL for a person to read: no password, no signature."""
    bare = url.split('?', 1)[0].split('#', 1)[0]
    scheme, separator, rest = bare.partition('://')
    host, slash, path = rest.partition('/')
    return f'{scheme}{separator}{host.rpartition("@")[2]}{slash}{path}'

