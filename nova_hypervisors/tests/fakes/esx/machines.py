# SPDX-License-Identifier: Apache-2.0
"""A virtual machine: its power, its files, its end."""

from __future__ import annotations

import functools
import shutil
import time
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import backings
from nova_hypervisors.tests.fakes.esx import configure
from nova_hypervisors.tests.fakes.esx import consoles
from nova_hypervisors.tests.fakes.esx import devices
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import locations
from nova_hypervisors.tests.fakes.esx import machineinfo
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import serialports
from nova_hypervisors.tests.fakes.esx import sessions
from nova_hypervisors.tests.fakes.esx import snapshots
from nova_hypervisors.tests.fakes.esx import tasks
from nova_hypervisors.tests.fakes.esx import vmdk
from nova_hypervisors.tests.fakes.esx import vmx

_D = vim.vm.device
ON, OFF, SUSPENDED = 'poweredOn', 'poweredOff', 'suspended'


class Machine(managed.Entity, machineinfo.Info, snapshots.Snapshots,
              consoles.Console):
    """:ivar at: where its .vmx is
    :ivar tools_running: VMware Tools answer in its guest
    :ivar pressed: how often its guest was asked to shut down or to reboot
    """

    kind = vim.VirtualMachine

    def __init__(self, esx: Any, at: Any) -> None:
        managed.Managed.__init__(self, esx, esx.next_machine())
        self.parent = esx.vm_folder.ref
        self.at = at
        self.power = OFF
        self.tools_running = False
        self.pressed = 0
        self.interrupts = 0
        self.booted_at: Any = None
        self.started = 0.0
        self.config = configure.new_config(esx)
        self.config.files = vim.vm.FileInfo(
            vmPathName=str(at), snapshotDirectory=f'{at.folder}/',
            suspendDirectory=f'{at.folder}/', logDirectory=f'{at.folder}/')
        self.tree: list[Any] = []
        self.has_to_ask = False
        self.question: Any = None
        self.current: Any = None
        self._lines = serialports.Lines(esx.address, lambda typed:
                                        esx.guest(typed))

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def is_on(self) -> bool:
        return self.power == ON

    @property
    def is_off(self) -> bool:
        return self.power == OFF

    @property
    def is_accessible(self) -> bool:
        return self.at.datastore.accessible and self.at.local.is_file()

    def bad_state(self, wanted: str) -> Any:
        return vim.fault.InvalidPowerState(
            msg='The attempted operation cannot be performed in the current '
                f'state ({self.power}).', requestedState=wanted,
            existingState=self.power)

    def need(self, *states: str, wanted: str = '') -> None:
        """:raises vim.fault.InvalidPowerState: it is in none of them"""
        if self.power not in states:
            raise self.bad_state(wanted or states[0])

    # Its files

    @property
    def disks(self) -> list[Any]:
        return devices.disks_of(self.config.hardware.device)

    def chains(self) -> list[list[vmdk.Disk]]:
        """Open its disks with what is below them."""
        return [vmdk.chain(at) for at in devices.disk_paths(
            self.esx, self.config.hardware.device)]

    def refresh_disks(self) -> None:
        for disk, chain in zip(self.disks, self.chains(), strict=True):
            backings.describe(disk, chain)

    def lock_disks(self) -> None:
        """Lock what it uses, while it runs."""
        self.esx.locks.release(self)
        if self.is_on:
            self.esx.locks.take(self, self.chains(), self._own_files)

    @property
    def _own_files(self) -> list[Any]:
        """What is locked beside the disks: VMware KB 10051."""
        return [self._swap.local, self.at.local]

    @property
    def _swap(self) -> Any:
        return self.at.sibling(f'{self.at.name.removesuffix(".vmx")}.vswp')

    def uses_network(self, name: str) -> bool:
        return any(isinstance(one, _D.VirtualEthernetCard)
                   and one.backing.deviceName == name
                   for one in self.config.hardware.device)

    # Its power

    @tasks.task
    def PowerOnVM_Task(self, host: Any = None) -> None:
        self.need(OFF, SUSPENDED, wanted=ON)
        if not self.is_accessible:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state: the '
                    'configuration cannot be read.')
        if self.esx.host_system.in_maintenance:
            # VirtualMachine.PowerOnVM_Task: InvalidState.
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state: the '
                    'host is in maintenance mode.')
        self._ask()
        self.esx.host_system.admit(self.config)
        chains = self.chains()
        # Guess: the faults of a full datastore and of a disk that another
        # machine runs on.
        swap = self.config.hardware.memoryMB << 20
        self.at.datastore.reserve(swap, self._swap)
        self.esx.locks.take(self, chains, self._own_files)
        with self._swap.local.open('wb') as file:
            file.truncate(swap)
        stem = self.at.name.removesuffix('.vmx')
        for at in (*self.serial_ports(), self.at.sibling('vmware.log'),
                   self.at.sibling(f'{stem}.nvram')):
            at.local.touch()
        self._run()

    def _ask(self) -> None:
        """Wait for an answer, if there is a question to be asked.

        VirtualMachineQuestionInfo: what asked does not go on before.
        """
        if not self.has_to_ask:
            return
        choices = [vim.ElementDescription(key=str(key), label=label,
                                          summary=label)
                   for key, label in enumerate(
                       ('Cancel', 'I Moved It', 'I Copied It'))]
        self.question = vim.vm.QuestionInfo(
            id='1', text='msg.uuid.altered:This virtual machine might have '
            'been moved or copied.', choice=vim.option.ChoiceOption(
                choiceInfo=choices, defaultIndex=2))
        self.esx.changed()
        while self.has_to_ask:
            self.esx.wait_for_change(None)

    def AnswerVM(self, questionId: str, answerChoice: str) -> None:
        if self.question is None or questionId != self.question.id:
            raise vim.fault.ConcurrentAccess(
                msg='The question has been answered.')
        if answerChoice not in [one.key for one in
                                self.question.choice.choiceInfo]:
            raise faults.invalid_argument('answerChoice')
        self.question = None
        self.has_to_ask = False

    def _run(self) -> None:
        self.power = ON
        self.booted_at = sessions.now()
        self.started = time.monotonic()
        self._connect(True)
        self._lines.start(self.config.hardware.device)

    def _connect(self, connected: bool) -> None:
        for device in self.config.hardware.device:
            if device.connectable is not None:
                device.connectable.connected = bool(
                    connected and device.connectable.startConnected)

    def serial_ports(self) -> list[Any]:
        kind = _D.VirtualSerialPort.FileBackingInfo
        return [locations.locate(self.esx, one.backing.fileName)
                for one in self.config.hardware.device
                if isinstance(one, _D.VirtualSerialPort)
                and isinstance(one.backing, kind)]

    def stop(self, state: str = OFF) -> None:
        """Let it run no longer, whoever wants it so."""
        self.power = state
        self.booted_at = None
        self.tools_running = False
        self._swap.local.unlink(missing_ok=True)
        self._connect(False)
        self._lines.stop()
        self.esx.locks.release(self)

    @tasks.task
    def PowerOffVM_Task(self) -> None:
        self.need(ON, SUSPENDED, wanted=OFF)
        self.stop()

    @tasks.task
    def SuspendVM_Task(self) -> None:
        self.need(ON, wanted=SUSPENDED)
        tools = self.tools_running
        self.stop(SUSPENDED)
        self.tools_running = tools

    @tasks.task
    def ResetVM_Task(self) -> None:
        self.need(ON)
        self._run()

    def SendNMI(self) -> None:
        self.need(ON)
        self.interrupts += 1

    def ShutdownGuest(self) -> None:
        """It returns at once; the guest goes down when it is ready to."""
        self._ask_guest(self.stop)

    def RebootGuest(self) -> None:
        self._ask_guest(self._run)

    def _ask_guest(self, work: Any) -> None:
        self.need(ON)
        if not self.tools_running:
            raise vim.fault.ToolsUnavailable(
                msg='Cannot complete operation because VMware Tools is not '
                    'running in this virtual machine.')
        self.pressed += 1
        if self.esx.guests_obey:
            self.esx.thread(functools.partial(self._obey, work))

    def _obey(self, work: Any) -> None:
        with self.esx.let_others():
            time.sleep(self.esx.guest_seconds)
        if self.is_on:
            work()
            self.esx.changed()

    # What becomes of it

    @tasks.task
    def ReconfigVM_Task(self, spec: Any) -> None:
        if spec.name is not None and spec.name != self.name:
            self.esx.vm_folder.check_name(spec.name)
        configure.configure(self, spec, False)
        vmx.write(self)

    @tasks.task
    def Rename_Task(self, newName: str) -> None:
        self.esx.vm_folder.check_name(newName)
        self.config.name = newName
        vmx.write(self)

    def UnregisterVM(self) -> None:
        if self.is_on:
            raise self.bad_state(OFF)
        self.forget()

    @tasks.task
    def Destroy_Task(self) -> None:
        if self.is_on:
            raise self.bad_state(OFF)
        self.remove()

    def remove(self) -> None:
        """Delete it with "all associated storage" (VirtualMachine).

        Guess: that is all that its disks' chains name, so a base that others
        use goes too, unless one of them runs.  "Removing Snapshots and
        Deleting Linked Virtual Machines" (Virtual Disk Programming Guide) says
        to do it through vCenter, which knows who shares what.
        """
        for chain in self._chains_to_delete():
            for disk in chain:
                own = disk.at.folder == self.at.folder
                if own or disk is chain[0] or not (
                        self.esx.destroy_spares_parents):
                    self._delete(disk)
        self._delete_folder()
        self.forget()

    def _chains_to_delete(self) -> list[list[vmdk.Disk]]:
        found = []
        for at in self.disk_files():
            try:
                found.append(vmdk.chain(at))
            except vmodl.MethodFault:
                # What is broken or gone does not hold up the end.
                continue
        return found

    def _delete(self, disk: vmdk.Disk) -> None:
        try:
            for file in disk.files:
                self.esx.locks.check_write(file, disk.at)
        except vim.fault.FileLocked:
            return
        vmdk.delete(disk)

    def _delete_folder(self) -> None:
        """Its own files go, others stay with the folder.

        Guess: a host takes the folder away only if nothing is left in it.
        """
        stem = self.at.name.removesuffix('.vmx')
        folder = self.at.folder.local
        for file in folder.iterdir() if folder.is_dir() else ():
            own = file.name.startswith((f'{stem}.', 'vmware'))
            if own and file.suffix != '.vmdk' and file.is_file():
                file.unlink()
        for port in self.serial_ports():
            port.local.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()) and (
                self.at.folder.file):
            shutil.rmtree(folder)

    def CloneVM_Task(self, folder: Any, name: str, spec: Any) -> Any:
        """A host does not clone, whatever its licence: govmomi#1469."""
        raise vmodl.fault.NotSupported(
            msg='The operation is not supported on the object.')

    RelocateVM_Task = MigrateVM_Task = CloneVM_Task

    def QueryFaultToleranceCompatibility(self) -> list[Any]:
        return []
