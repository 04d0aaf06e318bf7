# SPDX-License-Identifier: Apache-2.0
"""The property collector: what is read, and what is watched.

vSphere Web Services SDK Programming Guide, "PropertyCollector".
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from pyVmomi import VmomiSupport
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import selection
from nova_hypervisors.tests.fakes.esx import soap

_PC = vmodl.query.PropertyCollector
_VALUE = VmomiSupport.Object(name='val', type=object, flags=0,
                             version='vmodl.version.version0')


class Filter(managed.Managed):
    """A PropertyFilter, and what its collector has told about it.

    :ivar told: by object and path, the values as they were sent
    """

    kind = _PC.Filter

    def __init__(self, collector: _Collector, spec: Any,
                 partial: bool) -> None:
        super().__init__(collector.esx, f'session{uuid.uuid4()}')
        self.spec = spec
        self.partialUpdates = partial
        self.told: dict[Any, dict[str, Any]] = {}
        self._collector = collector

    def DestroyPropertyFilter(self) -> None:
        self.forget()
        self._collector.filters.remove(self)

    def updates(self, limit: int) -> list[Any]:
        """Return what is not told yet, and take it as told."""
        found = {one.obj: one for one in selection.content(
            self.esx, self.spec)}
        changes = []
        for ref in [ref for ref in self.told if ref not in found][:limit]:
            del self.told[ref]
            changes.append(_PC.ObjectUpdate(kind='leave', obj=ref))
        for ref, content in found.items():
            if len(changes) >= limit:
                break
            update = self._update(ref, content)
            if update is not None:
                changes.append(update)
        return changes

    def _update(self, ref: Any, content: Any) -> Any:
        entered = ref not in self.told
        old = self.told.get(ref, {})
        values = {one.name: one.val for one in content.propSet}
        new = {name: _frozen(value) for name, value in values.items()}
        # Guess: what is unset now is assigned nothing.
        changes = [_PC.Change(name=name, op='assign', val=values.get(name))
                   for name in {**new, **old}
                   if (name in new) != (name in old)
                   or new.get(name) != old.get(name)]
        if not changes and not entered:
            return None
        self.told[ref] = new
        return _PC.ObjectUpdate(
            kind='enter' if entered else 'modify', obj=ref,
            changeSet=changes, missingSet=content.missingSet)


class _Collector:
    """What a session has of a property collector."""

    def __init__(self, esx: Any, ref: Any) -> None:
        self.esx = esx
        self.filters: list[Filter] = []
        self._ref = ref
        self._tokens: dict[str, tuple[list[Any], int]] = {}
        self._version = 0
        self._last: Any = None
        self._canceled = 0

    def page(self, contents: list[Any], size: int | None) -> Any:
        if size is not None and size < 1:
            raise faults.invalid_argument('options.maxObjects')
        # A host may send fewer than it was asked for (RetrieveOptions).
        size = min(size or self.esx.page_size, self.esx.page_size)
        token = None
        if len(contents) > size:
            token = str(uuid.uuid4())
            self._tokens[token] = (contents[size:], size)
        return _PC.RetrieveResult(token=token, objects=contents[:size])

    def take(self, token: str) -> tuple[list[Any], int]:
        if token not in self._tokens:
            raise faults.invalid_argument('token')
        return self._tokens.pop(token)

    def cancel(self) -> None:
        self._canceled += 1
        self.esx.changed()

    def wait(self, version: str, seconds: float | None,
             limit: int | None) -> Any:
        """Return the updates since a version; None after that time."""
        if version == '':
            for one in self.filters:
                one.told = {}
            self._last = None
        elif self._last is not None and version == self._last[0]:
            # A client that lost the reply asks again.
            return self._last[1]
        elif version != str(self._version):
            raise vmodl.query.InvalidCollectorVersion(
                msg='The version given is not known to the collector.')
        canceled, session = self._canceled, self.esx.session
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            made = self._update(version, limit or 1 << 30)
            left = None if end is None else end - time.monotonic()
            if made is not None or (left is not None and left <= 0):
                return made
            self.esx.wait_for_change(left)
            if not session.user:
                raise faults.not_authenticated(self._ref)
            if canceled != self._canceled:
                raise vmodl.fault.RequestCanceled(
                    msg='The request was canceled.')

    def _update(self, version: str, limit: int) -> Any:
        sets = []
        left = limit
        for one in self.filters:
            changes = one.updates(left) if left else []
            left -= len(changes)
            if changes:
                sets.append(_PC.FilterUpdate(filter=one.ref,
                                             objectSet=changes))
        if not sets:
            return None
        self._version += 1
        made = _PC.UpdateSet(version=str(self._version), filterSet=sets,
                             truncated=None if left else True)
        self._last = (version, made) if version else None
        return made


class PropertyCollector(managed.Managed):
    """The default one, or one that CreatePropertyCollector made."""

    kind = _PC

    @property
    def filter(self) -> list[Any]:
        return [one.ref for one in self._own.filters]

    @property
    def _own(self) -> _Collector:
        collectors = self.esx.session.collectors
        moid = self.ref._moId
        if moid not in collectors:
            collectors[moid] = _Collector(self.esx, self.ref)
        return collectors[moid]

    def CreatePropertyCollector(self) -> Any:
        session = self.esx.session
        made = PropertyCollector(self.esx, f'session{uuid.uuid4()}')
        session.owned.append(made)
        return made.ref

    def DestroyPropertyCollector(self) -> None:
        for one in list(self._own.filters):
            one.DestroyPropertyFilter()
        self.forget()

    def RetrieveProperties(self, specSet: Any) -> list[Any]:
        return self._contents(specSet)

    def RetrievePropertiesEx(self, specSet: Any, options: Any) -> Any:
        """Nothing at all is returned if nothing was found."""
        contents = self._contents(specSet)
        return self._own.page(contents, options.maxObjects
                              ) if contents else None

    def ContinueRetrievePropertiesEx(self, token: str) -> Any:
        return self._own.page(*self._own.take(token))

    def CancelRetrievePropertiesEx(self, token: str) -> None:
        self._own.take(token)

    def _contents(self, specs: Any) -> list[Any]:
        return [one for spec in specs
                for one in selection.content(self.esx, spec)]

    def CreateFilter(self, spec: Any, partialUpdates: bool) -> Any:
        # What is wrong with it is told at once.
        selection.content(self.esx, spec)
        made = Filter(self._own, spec, partialUpdates)
        self._own.filters.append(made)
        self.esx.session.owned.append(made)
        return made.ref

    def WaitForUpdates(self, version: str | None = None) -> Any:
        return self._own.wait(version or '', None, None)

    def CheckForUpdates(self, version: str | None = None) -> Any:
        return self._own.wait(version or '', 0, None)

    def WaitForUpdatesEx(self, version: str | None = None,
                         options: Any = None) -> Any:
        return self._own.wait(
            version or '', getattr(options, 'maxWaitSeconds', None),
            getattr(options, 'maxObjectUpdates', None))

    def CancelWaitForUpdates(self) -> None:
        self._own.cancel()


def _frozen(value: Any) -> Any:
    """Return something that is equal for equal values."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return soap.render(value, _VALUE)
