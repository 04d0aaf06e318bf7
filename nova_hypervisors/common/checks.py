# SPDX-License-Identifier: Apache-2.0
"""Checks of a host before, or instead of, starting nova-compute."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
from collections.abc import Iterator
from collections.abc import Sequence


class Outcome(enum.Enum):
    OK = 'ok'
    #: it works, but the operator should know
    WARNING = 'warning'
    FAILED = 'FAILED'


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    name: str
    outcome: Outcome
    details: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about the configuration.

    :param fatal: the driver does not start with it
    """

    option: str
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        return f'{self.option}: {self.message}'


class Results(list[Result]):
    """What was found, in order."""

    def report(self, findings: Sequence[Finding]) -> None:
        """Say what was found of the options."""
        for finding in findings:
            (self.fail if finding.fatal else self.warn)(
                'options', str(finding))
        if not findings:
            self.ok('options', 'they go together')

    def ok(self, name: str, details: str) -> None:
        self.append(Result(name, Outcome.OK, details))

    def warn(self, name: str, details: str) -> None:
        self.append(Result(name, Outcome.WARNING, details))

    def fail(self, name: str, details: str) -> None:
        self.append(Result(name, Outcome.FAILED, details))

    @contextlib.contextmanager
    def failing(self, name: str,
                *kinds: type[Exception]) -> Iterator[None]:
        """Turn an error inside into a failed check."""
        try:
            yield
        except kinds as error:
            self.fail(name, str(error))
