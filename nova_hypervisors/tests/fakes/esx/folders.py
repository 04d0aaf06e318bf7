# SPDX-License-Identifier: Apache-2.0
"""Folders and the root resource pool; where machines are made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import configure
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import leases
from nova_hypervisors.tests.fakes.esx import locations
from nova_hypervisors.tests.fakes.esx import machines
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import tasks
from nova_hypervisors.tests.fakes.esx import vmx


class Folder(managed.Entity):
    kind = vim.Folder

    def __init__(self, esx: Any, moid: str, name: str, parent: Any,
                 children: Callable[[], list[Any]]) -> None:
        super().__init__(esx, moid, name, parent)
        self._children = children

    def children(self) -> list[Any]:
        return self._children()

    @property
    def childEntity(self) -> list[Any]:
        return self._children()


class MachineFolder(Folder):
    """``ha-folder-vm``: all machines are in it."""

    childType = [vim.VirtualMachine]

    @tasks.task
    def CreateVM_Task(self, config: Any, pool: Any, host: Any = None) -> Any:
        return self.create(config).ref

    def create(self, spec: Any) -> Any:
        """Make a machine as a spec has it, with its files."""
        for name in ('name', 'files'):
            if not getattr(spec, name):
                raise faults.invalid_argument(f'configSpec.{name}')
        self.check_name(spec.name)
        at = self._place(spec)
        made_folder = not at.folder.local.exists()
        # Guess: the folders of a path are made with the machine.
        at.folder.local.mkdir(parents=True, exist_ok=True)
        try:
            return self._make(at, spec)
        except BaseException:
            if made_folder:
                shutil.rmtree(at.folder.local)
            raise

    def _make(self, at: Any, spec: Any, lenient: bool = False) -> Any:
        made = machines.Machine(self.esx, at)
        try:
            configure.configure(made, spec, True, lenient)
        except BaseException:
            made.forget()
            raise
        vmx.write(made)
        return made

    def _place(self, spec: Any) -> Any:
        """Return where the .vmx goes; a datastore alone will do, too.

        VirtualMachineFileInfo.vmPathName.
        """
        at = locations.locate(self.esx, spec.files.vmPathName or '')
        if at.file.endswith('.vmx'):
            if at.local.exists():
                raise faults.exists(at)
            return at
        base = at
        if not at.file:
            names = [spec.name, *(f'{spec.name}_{number}'
                                  for number in range(1, 100))]
            base = next(at / name for name in names
                        if not (at / name).local.exists())
        return base / f'{spec.name}.vmx'

    def check_name(self, name: str) -> None:
        """:raises vim.fault.DuplicateName: a machine has it already"""
        for one in self.esx.machines():
            if one.name == name:
                raise faults.duplicate(name, one.ref)

    @tasks.task
    def RegisterVM_Task(self, path: str, asTemplate: bool,
                        name: str | None = None, pool: Any = None,
                        host: Any = None) -> Any:
        """Read a machine from its .vmx."""
        if asTemplate or pool is None:
            raise faults.invalid_argument('pool')
        at = locations.locate(self.esx, path)
        if not at.local.is_file():
            raise faults.not_found(path)
        for one in self.esx.machines():
            if one.at == at:
                raise vim.fault.AlreadyExists(
                    msg=f'{path} is registered already.', name=path)
        spec = vmx.read(at)
        spec.name = name or spec.name
        self.check_name(spec.name)
        return self._make(at, spec, True).ref


class Pool(managed.Entity):
    """The root resource pool."""

    kind = vim.ResourcePool

    @property
    def vm(self) -> list[Any]:
        return [one.ref for one in self.esx.machines()]

    @property
    def owner(self) -> Any:
        return self.parent

    def children(self) -> list[Any]:
        return []

    def ImportVApp(self, spec: Any, folder: Any = None,
                   host: Any = None) -> Any:
        """Make a machine whose disks are sent: HttpNfcLease."""
        if not isinstance(spec, vim.vm.VmImportSpec):
            raise faults.invalid_argument('spec')
        return leases.Lease(self.esx, spec.configSpec).ref
