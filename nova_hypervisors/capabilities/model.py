# SPDX-License-Identifier: Apache-2.0
"""What a row of the support matrix is."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping


class Level(enum.Enum):
    #: it works
    COMPLETE = 'complete'
    #: it works, but for what the note says
    PARTIAL = 'partial'
    #: it can be made and is not made yet
    PLANNED = 'planned'
    #: it cannot be made; the note says what stands against it
    MISSING = 'missing'

    @property
    def is_there(self) -> bool:
        return self in (Level.COMPLETE, Level.PARTIAL)


@dataclasses.dataclass(frozen=True, slots=True)
class Support:
    """How far one driver supports a feature.

    :param traits: that a host has because of it, if not those of the row
    """

    level: Level
    note: str = ''
    traits: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.level in (Level.PARTIAL, Level.MISSING) and not self.note:
            raise ValueError(f'{self.level.value} needs a note saying why')


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """A row of the support matrix.

    :param key: Nova's own support matrix has it as the name of a section
    :param status: how much Nova wants it: mandatory, optional, ...
    :param methods: of ComputeDriver, that give it and no other feature
    :param capability: a key of ComputeDriver.capabilities
    :param traits: that a host has because of it
    :param support: by column
    """

    key: str
    title: str
    status: str
    support: Mapping[str, Support]
    methods: tuple[str, ...] = ()
    capability: str | None = None
    traits: tuple[str, ...] = ()
