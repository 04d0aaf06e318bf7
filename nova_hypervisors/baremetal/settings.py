# SPDX-License-Identifier: Apache-2.0
"""What an interface of a node has to be told, and whether it was.

Each interface class declares the fields of ``driver_info`` that it reads.
What is given is checked against all of these at once: see validation.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Literal

from oslo_utils import strutils

Kind = Literal['string', 'integer', 'port', 'boolean', 'secret', 'file',
               'url', 'mapping']

#: What is shown instead of a secret.
MASK = '******'

_LARGEST_PORT = 65535

#: How a secret is given: where it is, never what it is.
REFERENCES = ('file:', 'castellan:')


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A field of a node's ``driver_info``.

    :param kind: ``secret`` is a reference to one: ``file:/path``, the first
        line of that file, or ``castellan:ID``, of the key manager that Nova
        is configured for.  ``file`` is the path of one that can be read
    :param aliases: other names of the same field
    :param choices: what it may be, if not anything
    :param options: of Nova's configuration, as ``group.name``: the first that
        is set is what the field is by default.  Of a secret, one whose name
        ends in ``_file`` names a file with it
    """

    name: str
    kind: Kind = 'string'
    required: bool = False
    default: Any = None
    help: str = ''
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a node.

    :param field: ``driver_info ilo_address``, ``ports``, ...
    :param missing: nothing is there, where something has to be
    """

    field: str
    message: str
    missing: bool = False

    def __str__(self) -> str:
        return f'{self.field}: {self.message}'


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Where values are that a node does not have itself.

    :param option: returns the value of an option, given its group and name;
        None if it is not set
    :param secret: returns a secret, given a reference to it; raises ValueError
        with what is wrong; None where secrets themselves are given, and
        not references
    """

    option: Callable[[str, str], Any]
    secret: Callable[[str], str] | None


class _MissingError(ValueError):
    """Nothing is there, where something has to be."""


def resolve(settings: Sequence[Setting], given: Mapping[str, Any],
            sources: Sources) -> tuple[dict[str, Any], list[Fault]]:
    """Return the value of each setting by its name, and all that is wrong.

    :param given: ``driver_info``; what no setting has a name for is passed
        over
    """
    values: dict[str, Any] = {}
    faults = []
    for setting in settings:
        try:
            values[setting.name] = _value(setting, given, sources)
        except ValueError as error:
            values[setting.name] = None
            faults.append(Fault(f'driver_info {_called(setting, given)}',
                                str(error), isinstance(error, _MissingError)))
    return values, faults


def _called(setting: Setting, given: Mapping[str, Any]) -> str:
    return next((name for name in setting.names if name in given),
                setting.name)


def _value(setting: Setting, given: Mapping[str, Any],
           sources: Sources) -> Any:
    found = {name: given[name] for name in setting.names
             if given.get(name) not in (None, '')}
    if len(set(map(str, found.values()))) > 1:
        raise ValueError(f'it is given twice: {" and ".join(found)} are the '
                         'same field')
    if found:
        return _read(setting, next(iter(found.values())), sources)
    for option in setting.options:
        value = sources.option(*option.split('.'))
        if value not in (None, ''):
            if setting.kind == 'secret':
                return (_first_line(value) if option.endswith('_file')
                        else value)
            return _read(setting, value, sources)
    if setting.required:
        also = f' (or {", ".join(setting.aliases)})' if setting.aliases else ''
        raise _MissingError(
            f'it is required and missing{also}: {setting.help}')
    return setting.default


def _read(setting: Setting, value: Any, sources: Sources) -> Any:
    result = _READERS[setting.kind](value, sources)
    if setting.choices and result not in setting.choices:
        raise ValueError(f'{value!r} is none of {", ".join(setting.choices)}')
    return result


def _string(value: Any, _: Sources) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(f'{value!r} is no text')
    return str(value)


def _integer(value: Any, _: Sources) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f'{value!r} is not an integer') from None


def _port(value: Any, sources: Sources) -> int:
    number = _integer(value, sources)
    if not 1 <= number <= _LARGEST_PORT:
        raise ValueError(f'{value!r} is no port: 1 to {_LARGEST_PORT}')
    return number


def _boolean(value: Any, _: Sources) -> bool:
    try:
        return bool(strutils.bool_from_string(value, strict=True))
    except ValueError:
        raise ValueError(f'{value!r} is neither true nor false') from None


def _secret(value: Any, sources: Sources) -> str:
    if sources.secret is None:
        return str(value)
    # The value itself may be a secret: it is never part of the message.
    if not str(value).startswith(REFERENCES):
        raise ValueError('a secret is not kept here: put it into a file that '
                         'only the user of nova-compute can read, and say '
                         'file:/the/path, or castellan:ID')
    return sources.secret(str(value))


def _file(value: Any, _: Sources) -> str:
    path = Path(str(value))
    try:
        with path.open('rb'):
            pass
    except OSError as error:
        raise ValueError(f'{path} cannot be read: {error.strerror}') from None
    return str(path)


def _url(value: Any, sources: Sources) -> str:
    text = _string(value, sources)
    if not text.startswith(('http://', 'https://')):
        raise ValueError(f'{value!r} is no URL: http://... or https://...')
    return text


def _mapping(value: Any, _: Sources) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f'{value!r} is no mapping of names to values')
    return dict(value)


def _first_line(path: str) -> str:
    try:
        return (Path(path).read_text().splitlines() or [''])[0]
    except OSError as error:
        raise ValueError(f'{path} cannot be read: {error.strerror}') from None


def secret_from(reference: str) -> str:
    """Return what a ``file:`` reference stands for.

    :raises ValueError: it cannot be read, or is another kind of reference
    """
    kind, _, rest = reference.partition(':')
    if kind != 'file':
        raise ValueError(f'{kind}: references are not read here; use file:')
    # As an URL has it, too: file:///path.
    return _first_line('/' + rest.lstrip('/'))


_READERS: dict[str, Callable[[Any, Sources], Any]] = {
    'string': _string, 'integer': _integer, 'port': _port,
    'boolean': _boolean, 'secret': _secret, 'file': _file, 'url': _url,
    'mapping': _mapping}


def masked(settings: Sequence[Setting],
           given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``driver_info`` as it may be shown.

    References may be shown, and so may what is declared as no secret; a field
    that nobody has declared is masked by its name, and a secret that was put
    in itself in any case.
    """
    secret = {name for setting in settings if setting.kind == 'secret'
              for name in setting.names}
    shown = strutils.mask_dict_password(dict(given), MASK)
    for name, value in given.items():
        if str(value).startswith(REFERENCES):
            shown[name] = value
        elif name in secret:
            shown[name] = MASK
    return shown
