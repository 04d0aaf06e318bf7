# SPDX-License-Identifier: Apache-2.0
"""Views, and the index that finds machines."""

from __future__ import annotations

import uuid
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import managed


class ContainerView(managed.Managed):
    """ContainerView: what is below an entity, as it is now."""

    kind = vim.view.ContainerView

    def __init__(self, esx: Any, container: Any, kinds: Any,
                 recursive: bool) -> None:
        super().__init__(esx, _name(esx))
        self.container = container
        self.type = kinds
        self.recursive = recursive

    @property
    def view(self) -> list[Any]:
        found: list[Any] = []
        todo = [self.container]
        while todo:
            children = self.esx.get(todo.pop()).children()
            found += [ref for ref in children if not self.type
                      or isinstance(ref, tuple(self.type))]
            if self.recursive:
                todo += children
        return found

    def DestroyView(self) -> None:
        self.forget()


class ListView(managed.Managed):
    kind = vim.view.ListView

    def __init__(self, esx: Any, refs: list[Any]) -> None:
        super().__init__(esx, _name(esx))
        self._refs = refs

    @property
    def view(self) -> list[Any]:
        """What has gone is no longer in the list (ListView)."""
        return [ref for ref in self._refs if self.esx.find(ref)]

    def DestroyView(self) -> None:
        self.forget()

    def ModifyListView(self, add: Any = (), remove: Any = ()) -> list[Any]:
        self._refs = [ref for ref in self._refs if ref not in remove]
        self._refs += [ref for ref in add if self.esx.find(ref)]
        return [ref for ref in add if not self.esx.find(ref)]


class ViewManager(managed.Managed):
    kind = vim.view.ViewManager

    @property
    def viewList(self) -> list[Any]:
        return [one.ref for one in self.esx.session.owned
                if isinstance(one, (ContainerView, ListView))]

    def CreateContainerView(self, container: Any, recursive: bool,
                            type: Any = ()) -> Any:
        self.esx.get(container)
        return self._own(ContainerView(self.esx, container, type, recursive))

    def CreateListView(self, obj: Any = ()) -> Any:
        return self._own(ListView(self.esx, list(obj)))

    def _own(self, made: Any) -> Any:
        self.esx.session.owned.append(made)
        return made.ref


class SearchIndex(managed.Managed):
    kind = vim.SearchIndex

    def FindByUuid(self, uuid: str, vmSearch: bool,
                   instanceUuid: bool = False, datacenter: Any = None) -> Any:
        found = self.FindAllByUuid(uuid, vmSearch, instanceUuid)
        return found[0] if found else None

    def FindAllByUuid(self, uuid: str, vmSearch: bool,
                      instanceUuid: bool = False,
                      datacenter: Any = None) -> list[Any]:
        if not vmSearch:
            own = self.esx.host_system
            return [own.ref] if own.uuid == uuid.lower() else []
        name = 'instanceUuid' if instanceUuid else 'uuid'
        return [one.ref for one in self.esx.machines()
                if getattr(one.config, name) == uuid.lower()]

    def FindByDatastorePath(self, datacenter: Any, path: str) -> Any:
        return next((one.ref for one in self.esx.machines()
                     if one.config.files.vmPathName == path), None)

    def FindByInventoryPath(self, inventoryPath: str) -> Any:
        here = self.esx.get(self.esx.root.ref)
        for name in inventoryPath.strip('/').split('/'):
            here = next((child for child in map(self.esx.get, here.children())
                         if child.name == name), None)
            if here is None:
                return None
        return here.ref

    def FindChild(self, entity: Any, name: str) -> Any:
        if not isinstance(entity, vim.ManagedEntity):
            raise vmodl.fault.InvalidArgument(invalidProperty='entity')
        return next((ref for ref in self.esx.get(entity).children()
                     if self.esx.get(ref).name == name), None)


def _name(esx: Any) -> str:
    return f'session[{esx.session.key}]{uuid.uuid4()}'
