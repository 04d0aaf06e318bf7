# SPDX-License-Identifier: Apache-2.0
"""Objects in a folder that any web server hands out.

For sites without Swift.  Objects are kept in a folder of our own; a temporary
URL is one more name of the file in the folder that the web server hands out.
Nobody can guess that name, and it has in it when it ends: after a crash, the
names are all that there is to know.

The web server must not list the folder, and must not write URLs to a log
that others read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import publishing

_DATA, _ABOUT = '.data', '.json'
_RANDOM_BYTES = 24
# What is handed out: see get_tmp_url.  Others may have files there, too.
_OURS = re.compile(r'(\d+)-[0-9a-f]{16}-[0-9a-f]{48}')


@dataclasses.dataclass(frozen=True, slots=True)
class _About:
    delete_at: int | None = None
    content: str = ''
    notes: dict[str, str] = dataclasses.field(default_factory=dict)


class HTTPPublisher:
    """:param store: where objects are kept, for this user only

    :param served: what the web server hands out
    :param base_url: at which it does so
    :param mode: of the files: the web server has to read them
    """

    def __init__(self, store: Path, served: Path, base_url: str, *,
                 mode: int = 0o644,
                 clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._served = served
        self._base_url = base_url.rstrip('/')
        self._mode = mode
        self._clock = clock
        self._lock = threading.Lock()

    def upload_object(self, container: str, name: str, path: Path, *,
                      delete_after_s: int | None = None,
                      create_container: bool = False,
                      only_new: bool = False) -> str:
        with _translated('upload'):
            folder = self._container(container, create=create_container)
            object_id, part = self._copy(path, folder)
            delete_at = (None if delete_after_s is None
                         else int(self._clock()) + delete_after_s)
            try:
                with self._lock:
                    self._place(folder, name, part, object_id, only_new)
                    _write_about(_about(folder, name), _About(
                        delete_at, object_id))
            finally:
                part.unlink(missing_ok=True)
        self.sweep()
        return object_id

    def _place(self, folder: Path, name: str, part: Path, content: str,
               only_new: bool) -> None:
        target = _data(folder, name)
        if not only_new:
            if _read_about(_about(folder, name)).content == content:
                # Who has a URL of it reads on.
                return
            self._unpublish(folder.name, name)
            part.replace(target)
            return
        try:
            # Unlike a look beforehand, it holds against other processes.
            os.link(part, target)
        except FileExistsError as error:
            raise errors.AlreadyExists(f'{folder.name} has {name}',
                                       operation='upload') from error

    def _copy(self, path: Path, folder: Path) -> tuple[str, Path]:
        handle, part = tempfile.mkstemp(dir=folder, suffix='.part')
        digest = hashlib.sha256()
        try:
            with os.fdopen(handle, 'wb') as target, path.open('rb') as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                    target.write(chunk)
            Path(part).chmod(self._mode)
        except BaseException:
            Path(part).unlink()
            raise
        return digest.hexdigest(), Path(part)

    def delete_object(self, container: str, name: str) -> None:
        with _translated('delete'), self._lock:
            self._find(container, name)
            self._remove(self._container(container), name)

    def get_tmp_url(self, container: str, name: str, timeout_s: int) -> str:
        with _translated('temporary URL'), self._lock:
            path = self._find(container, name)
            end = int(self._clock()) + timeout_s
            # Some BMCs look at what a URL ends with.
            public = (f'{end}-{_key(container, name)}-'
                      f'{secrets.token_hex(_RANDOM_BYTES)}'
                      f'{Path(name).suffix}')
            try:
                os.link(path, self._served / public)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copy(path, self._served / public)
        self.sweep()
        return f'{self._base_url}/{urllib.parse.quote(public)}'

    def get_object(self, container: str, name: str) -> publishing.ObjectInfo:
        with _translated('look'), self._lock:
            path = self._find(container, name)
            about = _read_about(_about(path.parent, name))
            return publishing.ObjectInfo(path.stat().st_size,
                                         about.delete_at, about.notes)

    def note(self, container: str, name: str,
             notes: dict[str, str]) -> None:
        with _translated('note'), self._lock:
            path = _about(self._find(container, name).parent, name)
            _write_about(path, dataclasses.replace(_read_about(path),
                                                   notes=notes))

    def sweep(self) -> None:
        """Delete objects and names whose time is over."""
        now = self._clock()
        with _translated('sweep'), self._lock:
            for path in self._served.iterdir():
                ours = _OURS.match(path.name)
                if ours and int(ours[1]) <= now:
                    path.unlink(missing_ok=True)
            for about in self._store.glob(f'*/*{_ABOUT}'):
                with contextlib.suppress(FileNotFoundError):
                    if _ended(about, now):
                        self._remove(about.parent, urllib.parse.unquote(
                            about.name.removesuffix(_ABOUT)))

    def _find(self, container: str, name: str) -> Path:
        path = _data(self._container(container), name)
        if not path.exists() or self._is_over(path.parent, name):
            raise errors.NotFound(f'{container} has no {name}')
        return path

    def _is_over(self, folder: Path, name: str) -> bool:
        return _ended(_about(folder, name), self._clock())

    def _container(self, name: str, *, create: bool = False) -> Path:
        if name in ('', '.', '..'):
            raise errors.InvalidArgument(f'{name!r} is no container')
        folder = self._store / urllib.parse.quote(name, safe='')
        if create:
            self._store.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise errors.NotFound(f'there is no container {name}')
        return folder

    def _remove(self, folder: Path, name: str) -> None:
        self._unpublish(folder.name, name)
        _about(folder, name).unlink(missing_ok=True)
        _data(folder, name).unlink(missing_ok=True)

    def _unpublish(self, container: str, name: str) -> None:
        key = _key(urllib.parse.unquote(container), name)
        for path in self._served.glob(f'*-{key}-*'):
            path.unlink(missing_ok=True)


def _data(folder: Path, name: str) -> Path:
    return folder / f'{urllib.parse.quote(name, safe="")}{_DATA}'


def _about(folder: Path, name: str) -> Path:
    return folder / f'{urllib.parse.quote(name, safe="")}{_ABOUT}'


def _key(container: str, name: str) -> str:
    """Return by what the names of an object are found again."""
    return hashlib.sha256(f'{container}/{name}'.encode()).hexdigest()[:16]


def _read_about(path: Path) -> _About:
    try:
        return _About(**json.loads(path.read_text()))
    except FileNotFoundError:
        return _About()


def _ended(about: Path, now: float) -> bool:
    end = _read_about(about).delete_at
    return end is not None and end <= now


def _write_about(path: Path, about: _About) -> None:
    part = path.with_name(f'{path.name}.{secrets.token_hex(4)}')
    part.write_text(json.dumps(dataclasses.asdict(about)))
    part.replace(path)


@contextlib.contextmanager
def _translated(operation: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = (errors.OutOfSpace
                if error.errno in (errno.ENOSPC, errno.EDQUOT)
                else errors.ClientError)
        raise kind(f'{error.filename}: {error.strerror}',
                   operation=operation) from error
