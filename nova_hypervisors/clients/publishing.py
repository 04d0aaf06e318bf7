# SPDX-License-Identifier: Apache-2.0
"""Where images are put so that a machine's BMC can fetch them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectInfo:
    """:param size: in bytes

    :param delete_at: seconds since 1970 when it goes by itself, or None
    :param notes: what was noted with it
    """

    size: int
    delete_at: int | None
    notes: dict[str, str]


class Publisher(Protocol):
    """A store of objects in containers, with URLs that expire.

    Thread-safe.  Whoever knows a URL can read the object: a URL is a secret.
    """

    def upload_object(self, container: str, name: str, path: Path, *,
                      delete_after_s: int | None = None,
                      create_container: bool = False,
                      only_new: bool = False) -> str:
        """Store a file; return the ID of the object.

        The same ID is the same content.

        :param delete_after_s: seconds until it goes by itself
        :param create_container: if there is none
        :param only_new: leave what is there.  This keeps nobody apart who
            comes at the same moment: Swift looks before it writes, and of
            eight uploads at once three were let through (2.38)
        :raises NotFound: there is no such container
        :raises AlreadyExists: there is one, and only a new one is wanted
        """

    def delete_object(self, container: str, name: str) -> None:
        """Delete an object; its URLs lead nowhere from then on.

        :raises NotFound:
        """

    def get_tmp_url(self, container: str, name: str, timeout_s: int) -> str:
        """Return a URL by which anybody can GET an object for a time."""

    def get_object(self, container: str, name: str) -> ObjectInfo:
        """:raises NotFound:"""

    def note(self, container: str, name: str,
             notes: dict[str, str]) -> None:
        """Note something with an object, in the place of what was noted.

        :raises NotFound:
        """

    def sweep(self) -> None:
        """Delete what has expired, if nobody else does."""
