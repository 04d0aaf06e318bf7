# SPDX-License-Identifier: Apache-2.0
"""Whose certificates are trusted: a field that is true, false or a path."""

from __future__ import annotations

from pathlib import Path

from oslo_utils import strutils

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import settings


def setting(name: str, whose: str, *,
            options: tuple[str, ...] = (),
            aliases: tuple[str, ...] = ()) -> backend.Setting:
    return backend.Setting(
        name, default='true', options=options, aliases=aliases,
        help=f'true: the certificate of the {whose} is checked with those '
        'that the system trusts; a path: with those in that file; false: it '
        'is not checked, and whoever is in between learns the password')


def verify(value: str) -> bool | str:
    """Return it as clients take it."""
    try:
        return bool(strutils.bool_from_string(value, strict=True))
    except ValueError:
        return value


def faults(name: str, value: str | None) -> list[settings.Fault]:
    """Return what is wrong with a field of this kind."""
    wanted = verify(value) if value else True
    if isinstance(wanted, bool) or Path(wanted).is_file():
        return []
    return [settings.Fault(
        f'driver_info {name}',
        f'{wanted!r} is neither true nor false nor a file')]
