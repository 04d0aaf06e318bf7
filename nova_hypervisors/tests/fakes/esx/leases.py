# SPDX-License-Identifier: Apache-2.0
"""HttpNfcLease: a machine is made, and its disks are sent by POST.

A disk has to come as a stream-optimised VMDK (OVF's only format for disks).
"""

from __future__ import annotations

import struct
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import devices
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import vmdk

#: "Virtual Disk Format 5.0": a sparse extent's header begins so, and these
#: flags say that its grains are compressed and have markers.
_HEAD = struct.Struct('<4sII')
_STREAM = 0x30000


class Lease(managed.Managed):
    """It ends by itself if nothing is heard for ``esx.lease_seconds``.

    HttpNfcLeaseProgress keeps it: pyvmomi-community-samples#368.
    """

    kind = vim.HttpNfcLease

    mode = 'pushOrGet'
    initializeProgress = 100

    def __init__(self, esx: Any, spec: Any) -> None:
        super().__init__(esx, f'session{uuid.uuid4()}')
        self.transferProgress = 0
        self._state = 'ready'
        self._error: Any = None
        self._heard = time.monotonic()
        self._machine = esx.vm_folder.create(spec)
        self._disks = {
            f'disk-{number}.vmdk': at for number, at in enumerate(
                devices.disk_paths(
                    esx, self._machine.config.hardware.device))}

    @property
    def capabilities(self) -> Any:
        return vim.HttpNfcLease.Capabilities(
            pullModeSupported=False, corsSupported=True)

    @property
    def state(self) -> str:
        late = time.monotonic() - self._heard > self.esx.lease_seconds
        if self._state == 'ready' and late:
            self._give_up(vim.fault.Timedout(msg='The lease timed out.'))
        return self._state

    @property
    def error(self) -> Any:
        return self._error

    @property
    def info(self) -> Any:
        """The address of a URL is ``*``: the client puts in the host's.

        govmomi's nfc package does so.
        """
        if self.state != 'ready':
            return None
        total = sum(vmdk.load(at).size for at in self._disks.values())
        return vim.HttpNfcLease.Info(
            lease=self.ref, entity=self._machine.ref,
            totalDiskCapacityInKB=total // 1024,
            leaseTimeout=int(self.esx.lease_seconds), deviceUrl=[
                vim.HttpNfcLease.DeviceUrl(
                    key=f'/{self._machine.ref._moId}/disk:{number}',
                    importKey=f'/{self._machine.name}/disk:{number}',
                    url=f'https://*/nfc/{self.ref._moId}/{name}',
                    sslThumbprint=self.esx.thumbprint, disk=True,
                    targetId=name)
                for number, name in enumerate(self._disks)])

    def HttpNfcLeaseProgress(self, percent: int) -> None:
        self._need_ready()
        self._heard = time.monotonic()
        self.transferProgress = percent

    def HttpNfcLeaseComplete(self) -> None:
        self._need_ready()
        self._state = 'done'

    def HttpNfcLeaseAbort(self, fault: Any = None) -> None:
        """What was made is taken away."""
        self._need_ready()
        self._give_up(fault)

    def _need_ready(self) -> None:
        if self.state != 'ready':
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')

    def _give_up(self, fault: Any) -> None:
        self._state = 'error'
        self._error = fault or vmodl.fault.RequestCanceled(
            msg='The lease was aborted.')
        self._machine.remove()

    def target(self, name: str) -> Any:
        """Return where a disk of the lease is; None if it has none such."""
        self._heard = time.monotonic()
        return self._disks.get(name) if self.state == 'ready' else None


def convert(stream: Path, at: Any) -> bool:
    """Fill a disk with what was sent; False if that is no such VMDK."""
    disk = vmdk.load(at)
    with stream.open('rb') as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return False
    magic, _, flags = _HEAD.unpack(head)
    if magic != b'KDMV' or flags & _STREAM != _STREAM:
        return False
    target = at.local.with_suffix('.received')
    done = subprocess.run(
        ('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', stream, target),
        check=False, capture_output=True)
    if done.returncode:
        target.unlink(missing_ok=True)
        return False
    target.replace(disk.data)
    with disk.data.open('r+b') as file:
        file.truncate(disk.size)
    return True


def find(esx: Any, path: str) -> Any:
    """Return where ``/nfc/LEASE/NAME`` is to go, or None."""
    parts = path.split('/')
    lease = esx.objects.get(('HttpNfcLease', parts[2]))
    return lease.target(parts[-1]) if lease and len(parts) == 4 else None


