# SPDX-License-Identifier: Apache-2.0
"""What may be fetched, and by whom.

An offer is a file, so that it is still good when the service was started anew.
Its name is made of the token's digest: who reads the folder cannot fetch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

#: Seconds after which nobody comes any more.
LIFE_S = 24 * 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """:param owner: the server whose files they are

    :param files: by the names under which they are asked for
    """

    owner: str
    files: Mapping[str, str]
    expires_at: float


class Offers:
    """:param folder: a private one; made when first needed"""

    def __init__(self, folder: Path,
                 now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now

    def add(self, owner: str, files: Mapping[str, Path | str]) -> str:
        """Offer files, each once; return the token to ask for them with.

        :param files: what the server's opener takes, by names
        """
        token = secrets.token_urlsafe(32)
        self._write(self._path(token), Offer(
            owner, {name: str(path) for name, path in files.items()},
            self._now() + LIFE_S))
        return token

    def find(self, token: str) -> Offer | None:
        offer = self._read(self._path(token))
        return (offer if offer is not None
                and self._now() < offer.expires_at else None)

    def taken(self, token: str, name: str) -> None:
        """A file was handed out: it is not offered any more."""
        path = self._path(token)
        offer = self._read(path)
        if offer is None:
            return
        left = {key: value for key, value in offer.files.items()
                if key != name}
        if left:
            self._write(path, dataclasses.replace(offer, files=left))
        else:
            path.unlink(missing_ok=True)

    def withdraw(self, owner: str) -> None:
        """Offer nothing of a server any more."""
        for path, offer in self._all():
            if offer.owner == owner:
                path.unlink(missing_ok=True)

    def _all(self) -> Iterator[tuple[Path, Offer]]:
        for path in self._folder.glob('*.json'):
            offer = self._read(path)
            if offer is not None:
                yield path, offer

    def _path(self, token: str) -> Path:
        digest = hashlib.sha256(token.encode()).hexdigest()
        return self._folder / f'{digest}.json'

    def _read(self, path: Path) -> Offer | None:
        try:
            return Offer(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None

    def _write(self, path: Path, offer: Offer) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        part = path.with_suffix('.part')
        part.write_text(json.dumps(dataclasses.asdict(offer)))
        part.replace(path)
