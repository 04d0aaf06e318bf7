# SPDX-License-Identifier: Apache-2.0
"""What is known to be secret: in the configuration, in what Nova hands over.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from nova.conf import opts as nova_opts
from oslo_config import cfg

from nova_hypervisors.clients import redaction
from nova_hypervisors.conf import opts

# Nova's structures are no deeper than that.
_DEEPEST = 8

# Where something is, is no secret.
_PLACES = ('_file', '_path', '_dir', '_url')

# Of a server: what its owner has given it.
_USER_DATA = 'user_data'


def configured(conf: cfg.ConfigOpts) -> set[str]:
    """Return what is secret among the values of options.

    Those that are marked so, as far as Nova and this package declare them;
    and, as libraries declare theirs when they are used, what is called like a
    secret, and the passwords in URLs.
    """
    found: set[str] = set()
    for group, options in (*opts.list_opts(), *nova_opts.list_opts()):
        for option in options:
            if option.secret:
                section = conf if str(group) == 'DEFAULT' else _value(
                    conf, str(group))
                found.update(_texts(_value(section, option.dest)))
    for name, value in _values(conf):
        if (isinstance(value, str) and redaction.is_secret_name(name)
                and not name.endswith(_PLACES)):
            found.add(value)
        for text in _texts(value):
            found.update(_of_url(text))
    return found


def _values(conf: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in conf:
        value = _value(conf, name)
        if isinstance(value, Mapping) and not isinstance(value, dict):
            yield from ((option, _value(value, option)) for option in value)
        else:
            yield name, value


def _value(section: Any, name: str) -> Any:
    try:
        return section[name]
    except (cfg.Error, KeyError, AttributeError, TypeError, ValueError):
        # Nobody has registered it, or what is set is no value of it.
        return None


def _of_url(text: str) -> Iterator[str]:
    try:
        password = urllib.parse.urlsplit(text).password
    except ValueError:
        return
    if password:
        yield password
        yield urllib.parse.unquote(password)


def of_arguments(arguments: dict[str, Any]) -> set[str]:
    """Return what is secret among the arguments of a driver's method."""
    found = set(_secrets(arguments, 0))
    found.update(_texts(getattr(arguments.get('context'), 'auth_token',
                                None)))
    instance = arguments.get('instance')
    if instance is not None and _is_loaded(instance, _USER_DATA):
        found.update(_texts(instance.user_data))
    # Files of Nova's API have a name and a content.
    for _, content in arguments.get('injected_files') or ():
        found.update(_texts(content))
    return found


def _is_loaded(thing: Any, name: str) -> bool:
    is_set = getattr(thing, 'obj_attr_is_set', None)
    return is_set is not None and is_set(name)


def _secrets(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if redaction.is_secret_name(str(key)):
                yield from _texts(item)
            elif key == 'connection_info' and isinstance(item, str):
                yield from _secrets(_parsed(item), depth + 1)
            else:
                yield from _secrets(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, depth + 1)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, bytes):
        return (value.decode(errors='replace'),)
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return ()
