# SPDX-License-Identifier: Apache-2.0
"""VirtualBox versions, and what differs between them."""

from __future__ import annotations

import dataclasses
import re

_VERSION = re.compile(r'^(\d+)\.(\d+)\.(\d+)', re.MULTILINE)

OLDEST = (7, 0)
NEWEST = (7, 2)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Version:
    major: int
    minor: int
    build: int

    def __str__(self) -> str:
        return f'{self.major}.{self.minor}.{self.build}'

    @property
    def number(self) -> int:
        """One growing integer, as Nova wants hypervisor_version.

        It has to fit a signed 32 bit database column: 7.2.22 is 7002022.
        """
        return self.major * 1_000_000 + self.minor * 1_000 + self.build

    @property
    def release(self) -> tuple[int, int]:
        return self.major, self.minor


def parse(text: str) -> Version:
    """Read ``VBoxManage --version``: ``7.2.22_Debianr175245``.

    Warnings (of a missing kernel module, for one) may come before it.

    :raises ValueError: there is no version in ``text``
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f'no VirtualBox version in {text.strip()!r}')
    return Version(*map(int, found.groups()))


@dataclasses.dataclass(frozen=True, slots=True)
class Quirks:
    """What a release wants differently; computed once, from its version."""

    #: createvm takes --platform-architecture, since there are ARM hosts; and
    #: in the API, what depends on it is an object of its own
    platform_architecture: bool
    #: newer than any release that this code was written for
    unknown: bool

    @classmethod
    def of(cls, version: Version) -> Quirks:
        return cls(platform_architecture=version.release >= (7, 1),
                   unknown=version.release > NEWEST)
