# SPDX-License-Identifier: Apache-2.0
"""What a filter selects: objects by traversal, of them properties by path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed

_PC = vmodl.query.PropertyCollector


def content(esx: Any, spec: Any) -> list[Any]:
    """Return an ObjectContent of each object that the spec selects.

    :raises vmodl.fault.ManagedObjectNotFound: where it starts there is
        nothing, and reportMissingObjectsInResults does not allow that
    """
    made = []
    for ref in _selected(esx, spec):
        thing = esx.find(ref)
        if thing is None:
            continue
        paths = _paths(thing, spec.propSet)
        if paths is not None:
            made.append(_read(esx, thing, paths))
    return made


def _read(esx: Any, thing: managed.Managed, paths: list[str]) -> Any:
    found, missing = [], []
    for path in paths:
        if not esx.may_read(thing):
            # A host answers with NotAuthenticated for every property, not
            # with a fault: evoila/meho#3773.
            missing.append(_PC.MissingProperty(
                path=path, fault=faults.not_authenticated(thing.ref)))
            continue
        value, _ = managed.read(thing, path)
        if value is not None:
            found.append(vmodl.DynamicProperty(name=path, val=value))
    return _PC.ObjectContent(obj=thing.ref, propSet=found,
                             missingSet=missing)


def _paths(thing: managed.Managed, sets: Any) -> list[str] | None:
    """Return what is to be read of an object; None if it is not wanted.

    PropertySpec.type matches its subclasses too.
    """
    wanted = [one for one in sets if isinstance(thing.ref, one.type)]
    if not wanted:
        return None
    paths: list[str] = []
    for one in wanted:
        paths += managed.all_paths(thing) if one.all else list(one.pathSet)
    return list(dict.fromkeys(paths))


def _selected(esx: Any, spec: Any) -> Iterator[Any]:
    seen: set[Any] = set()
    for start in spec.objectSet:
        if esx.find(start.obj) is None:
            if spec.reportMissingObjectsInResults:
                continue
            raise faults.gone(start.obj)
        for ref in _Walk(esx, start).refs():
            if ref not in seen:
                seen.add(ref)
                yield ref


class _Walk:
    """From one object along its traversals, which may name one another."""

    def __init__(self, esx: Any, start: Any) -> None:
        self._esx = esx
        self._start = start
        self._named: dict[str, Any] = {}
        self._collect(start.selectSet)

    def _collect(self, selections: Any) -> None:
        for one in selections:
            if isinstance(one, _PC.TraversalSpec):
                if one.name:
                    self._named[one.name] = one
                self._collect(one.selectSet)

    def refs(self) -> list[Any]:
        found = [] if self._start.skip else [self._start.obj]
        done: set[Any] = set()
        todo = [(self._start.obj, one)
                for one in reversed(self._start.selectSet)]
        while todo:
            ref, selected = todo.pop()
            spec = self._resolve(selected)
            # A traversal's type matters: it goes on from nothing else.
            if (ref, id(spec)) in done or not isinstance(ref, spec.type):
                continue
            done.add((ref, id(spec)))
            children = self._children(ref, spec.path)
            if not spec.skip:
                found += children
            todo += [(child, one) for child in reversed(children)
                     for one in reversed(spec.selectSet)]
        return found

    def _resolve(self, selected: Any) -> Any:
        if isinstance(selected, _PC.TraversalSpec):
            return selected
        if selected.name not in self._named:
            raise faults.invalid_argument('selectSet.name')
        return self._named[selected.name]

    def _children(self, ref: Any, path: str) -> list[Any]:
        thing = self._esx.find(ref)
        if thing is None or not self._esx.may_read(thing):
            return []
        value, _ = managed.read(thing, path)
        if value is None:
            return []
        return list(value) if isinstance(value, list) else [value]
