# SPDX-License-Identifier: Apache-2.0
"""The file of an incident: what it holds, and reading one that somebody sent.

It is JSON, so that an owner of a hypervisor reads it before it is sent.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import redaction

KIND = 'nova-hypervisors incident'
FORMAT = 1

# Of an answer's text, in characters; one that led to an error is needed as a
# whole.
_LONGEST = 16 << 10
_LONGEST_OF_ERROR = 1 << 20
# What is beyond is not even redacted.  A secret may be cut in two there, so so
# much before it is left out as well.
_EDGE = 8 << 10
_CUT_HERE = '\0cut here\0'
_LARGEST_FILE = 64 << 20

_GET_ANOTHER = 'use the file as nova-compute wrote it'


class Unusable(Exception):
    """The file is none that can be replayed; says why, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """An error, as far as a file can hold it: see clients/errors.py.

    :ivar kind: the name of its class
    """

    kind: str
    detail: str
    operation: str = ''
    code: int | None = None
    fault: str = ''

    def __str__(self) -> str:
        said = (f'{self.operation}: {self.detail}' if self.operation
                else self.detail)
        return f'{self.kind}: {said}'

    @classmethod
    def of(cls, error: Exception, redactor: redaction.Redactor) -> Failure:
        if isinstance(error, errors.ClientError):
            return cls(type(error).__name__, redactor.text(error.detail),
                       error.operation, error.code, error.fault)
        return cls(type(error).__name__, redactor.text(str(error)))


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """A call, redacted: see :class:`.recording.Call`.

    :ivar cut: the answer is not whole, as it was too long
    """

    seam: str
    operation: str
    at_s: float
    seconds: float
    request: Any
    answer: Any
    error: Failure | None
    cut: bool = False

    @classmethod
    def of(cls, call: recording.Call,
           redactor: redaction.Redactor) -> Exchange:
        error = call.typed or call.error
        answer, cut = _redacted(call.answer, redactor,
                                _LONGEST_OF_ERROR if error else _LONGEST)
        request, _ = _redacted(call.request, redactor, _LONGEST)
        return cls(call.seam, call.operation, round(call.at_s, 6),
                   round(call.seconds, 6), request, answer,
                   Failure.of(error, redactor) if error else None, cut)


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """One incident.

    :ivar operation: the driver's method
    :ivar server: its UUID, if it is about one
    :ivar error: the client's, or what else the method ended with
    :ivar nova: what Nova was told
    :ivar call: which of the calls it came from; None: the driver made it
    :ivar places: where in the code, 'module:line function', outermost first
    :ivar dropped: how many calls there were before those that are kept
    """

    written: str
    versions: dict[str, str]
    hypervisor: dict[str, str]
    operation: str
    server: str | None
    seconds: float
    error: Failure
    nova: Failure | None
    call: int | None
    places: tuple[str, ...]
    dropped: int
    calls: tuple[Exchange, ...]

    def text(self) -> str:
        return json.dumps({'kind': KIND, 'format': FORMAT,
                           **dataclasses.asdict(self)}, indent=1) + '\n'


def load(path: Path) -> Bundle:
    """Read a file.

    :raises Unusable: it is none of ours, or was changed
    """
    try:
        with path.open(encoding='utf-8') as file:
            text = file.read(_LARGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f'{path} cannot be read: '
                       f'{getattr(error, "strerror", None) or error}: '
                       'name a file that nova-compute wrote') from error
    if len(text) > _LARGEST_FILE:
        raise Unusable(f'{path} is larger than any incident: {_GET_ANOTHER}')
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unusable(f'{path} is no JSON, or not all of it ({error}): '
                       f'{_GET_ANOTHER}') from error
    if not isinstance(found, dict) or found.pop('kind', None) != KIND:
        raise Unusable(f'{path}: kind is not {KIND!r}: name a file that '
                       'nova-compute wrote into [incidents] directory')
    version = found.pop('format', None)
    if version != FORMAT:
        raise Unusable(
            f'{path}: format is {version!r}, and this version of '
            f'nova-hypervisors reads {FORMAT}: use the version that wrote it '
            f'({_writer(found)})')
    return _bundle(found, str(path))


def _bundle(found: dict[str, Any], where: str) -> Bundle:
    made = _fields(Bundle, found, where)
    calls = tuple(_exchange(item, f'{where}: calls[{number}]')
                  for number, item in enumerate(made['calls']))
    if made['call'] is not None and not 0 <= made['call'] < len(calls):
        raise Unusable(f'{where}: call is {made["call"]}, and there are '
                       f'{len(calls)} calls: {_GET_ANOTHER}')
    nova = made['nova']
    return Bundle(**{
        **made, 'calls': calls, 'places': tuple(made['places']),
        'error': _failure(made['error'], f'{where}: error'),
        'nova': nova and _failure(nova, f'{where}: nova')})


def _exchange(found: Any, where: str) -> Exchange:
    made = _fields(Exchange, found, where)
    error = made['error']
    return Exchange(**{
        **made, 'error': error and _failure(error, f'{where}.error')})


def _failure(found: Any, where: str) -> Failure:
    return Failure(**_fields(Failure, found, where))


_TYPES: dict[str, type | tuple[type, ...]] = {
    'str': str, 'str | None': (str, type(None)), 'bool': bool, 'int': int,
    'int | None': (int, type(None)), 'float': (int, float), 'Failure': dict,
    'Failure | None': (dict, type(None)), 'dict[str, str]': dict,
    'tuple[str, ...]': list, 'tuple[Exchange, ...]': list, 'Any': object}


def _fields(kind: Any, found: Any, where: str) -> dict[str, Any]:
    """Return the fields of a dataclass, and see to it that they are such."""
    if not isinstance(found, dict):
        raise Unusable(f'{where} is {_short(found)}, and no object: '
                       f'{_GET_ANOTHER}')
    names = {field.name: str(field.type)
             for field in dataclasses.fields(kind)}
    for name in found.keys() - names.keys():
        raise Unusable(f'{where}: {name} is not known: {_GET_ANOTHER}')
    for name, declared in names.items():
        if name not in found:
            raise Unusable(f'{where}: {name} is missing: {_GET_ANOTHER}')
        if not isinstance(found[name], _TYPES[declared]):
            raise Unusable(f'{where}: {name} is {_short(found[name])}, and '
                           f'no {declared}: {_GET_ANOTHER}')
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + '...'


def _writer(found: dict[str, Any]) -> str:
    versions = found.get('versions')
    return str(versions.get('nova_hypervisors', 'unknown')
               if isinstance(versions, dict) else 'unknown')


def _redacted(value: Any, redactor: redaction.Redactor,
              longest: int) -> tuple[Any, bool]:
    """Return a value without secrets, and whether a text in it is cut."""
    short = _each_text(value, lambda text: (
        text if len(text) <= longest
        else text[:longest + _EDGE] + _CUT_HERE))
    found = redactor.value(short)
    cut = short != _each_text(value, lambda text: text)
    return _each_text(found, lambda text: (
        text[:-len(_CUT_HERE) - _EDGE] if text.endswith(_CUT_HERE)
        else text)), cut


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value with its texts changed; what is bytes becomes text."""
    if isinstance(value, bytes):
        return change(value.decode(errors='replace'))
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change) for item in value]
    return value
