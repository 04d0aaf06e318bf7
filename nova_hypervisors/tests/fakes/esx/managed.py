# SPDX-License-Identifier: Apache-2.0
"""Managed objects: what a reference leads to.

A property is an attribute of the same name, a method one of the name that it
has on the wire.  What a class here does not have, the fake does not do, and
says so with NotImplemented.
"""

from __future__ import annotations

import re
from typing import Any
from typing import ClassVar

from pyVmomi import VmomiSupport
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import schema

_STEP = re.compile(r'(\w+)(?:\["([^"]*)"\]|\[(\d+)\])?(?:\.|$)')


class Managed:
    kind: ClassVar[Any]

    def __init__(self, esx: Any, moid: str) -> None:
        self.esx = esx
        self.ref = self.kind(moid)
        esx.objects[self.key] = self

    @property
    def key(self) -> tuple[str, str]:
        return key_of(self.ref)

    def forget(self) -> None:
        self.esx.objects.pop(self.key, None)


class Entity(Managed):
    """ManagedEntity: it has a name and a place in the tree."""

    def __init__(self, esx: Any, moid: str, name: str,
                 parent: Managed | None) -> None:
        super().__init__(esx, moid)
        self.name = name
        self.parent = parent.ref if parent else None

    overallStatus = 'green'
    configStatus = 'green'
    alarmActionsEnabled = True

    @property
    def recentTask(self) -> list[Any]:
        return self.esx.tasks.of(self.ref)

    def children(self) -> list[Any]:
        """Return the references of what a view walks down to."""
        return []


def key_of(ref: Any) -> tuple[str, str]:
    return VmomiSupport.GetWsdlName(type(ref)), ref._moId


def read(thing: Managed, path: str) -> tuple[Any, Any]:
    """Return a property's value and its declared type; None if unset.

    :raises vmodl.query.InvalidProperty: there is no such property
    """
    value: Any = thing
    kind = thing.kind
    info = None
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise _invalid(path)
        position = step.end()
        name, key, index = step.groups()
        info = _field(kind, name, path)
        value = getattr(value, name, None)
        kind = info.type
        if value is None:
            # The rest of the path has to be right all the same.
            if not _exists(kind, path[position:]):
                raise _invalid(path)
            return None, None
        if key is not None or index is not None:
            value = _item(value, key, index)
            kind = kind.Item
            if value is None:
                return None, None
        if isinstance(value, VmomiSupport.DataObject):
            kind = type(value)
    return _typed(value, kind), kind


def _field(kind: Any, name: str, path: str) -> Any:
    try:
        info = kind._GetPropertyInfo(name)
    except AttributeError as error:
        raise _invalid(path) from error
    if not schema.known(info):
        raise _invalid(path)
    return info


def _exists(kind: Any, rest: str) -> bool:
    return not rest or '[' in rest or schema.has_path(kind, rest)


def _item(values: Any, key: str | None, index: str | None) -> Any:
    """``extraConfig["machine.id"]``, ``device[2000]``: by their keys."""
    wanted = key if key is not None else int(index or 0)
    return next((one for one in values
                 if getattr(one, 'key', None) == wanted), None)


def _typed(value: Any, kind: Any) -> Any:
    if isinstance(value, list) and not isinstance(value, VmomiSupport.Array):
        return kind(value)
    return value


def _invalid(path: str) -> Any:
    return vmodl.query.InvalidProperty(
        msg=f'The property {path} does not exist.', name=path)


def all_paths(thing: Managed) -> list[str]:
    """Return the properties that are there, for PropertySpec.all."""
    return [info.name for info in thing.kind._GetPropertyList()
            if schema.known(info) and hasattr(thing, info.name)]


def is_entity(ref: Any) -> bool:
    return isinstance(ref, vim.ManagedEntity)
