# SPDX-License-Identifier: Apache-2.0
"""A bare machine of the lab: QEMU, behind the tests' iLO 4 that is none.

Run by a Python that has this package: ``python -m lab.baremetal.bmc FOLDER``.
In the folder it writes ``node.yaml``, by which nova-compute finds it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import urllib.error
from pathlib import Path
from typing import Any

import yaml

from lab.baremetal import qemu
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests.fakes.ribcl import machine as machines
from nova_hypervisors.tests.fakes.ribcl import server

NODE = 'qemu-1'
RESOURCE_CLASS = 'metal.small'
DISK_MB = 1024

_USER, _PASSWORD = 'admin', 'se cret'
# QEMU's own first adapter.
_MAC = '52:54:00:12:34:56'
_ISCSI, _CONTROL = 3260, 10000
_DEVICES = {'CDROM': 'cdrom', 'HDD': 'disk', 'NETWORK1': 'pxe',
            'NETWORK': 'pxe'}


class Behind(machines.Machine):
    """What is behind the iLO: QEMU instead of a few variables."""

    def __init__(self, machine: qemu.Machine) -> None:
        super().__init__()
        self.model = machines.GEN9
        self._qemu = machine

    @property
    def power(self) -> str:
        return 'ON' if self._qemu.on else 'OFF'

    def switch(self, power: str) -> None:
        if power == 'OFF':
            self._qemu.power_off()
            return
        self._start()
        self._qemu.uefi = self.mode == 'UEFI'
        self._qemu.boot = _DEVICES.get(self.boots[-1][0], 'disk')
        self._qemu.power_on()

    def reset(self) -> None:
        self.switch('OFF')
        self.switch('ON')

    def fill_drives(self) -> None:
        """Fetch what was put into a drive, take out what was ejected."""
        for name, drive in self.drives.items():
            kind, wanted = name.lower(), drive.url or None
            if self._qemu.urls[kind] == wanted:
                continue
            if wanted is None:
                self._qemu.eject(kind)
                continue
            try:
                self._qemu.insert(kind, wanted)
            except (OSError, urllib.error.URLError) as error:
                print(f'{wanted}: {error}', flush=True)


class Ilo4(server.Ilo4):
    """One whose drives fetch what is put into them at once."""

    def __init__(self, tls: Any, machine: Behind) -> None:
        super().__init__(tls, _USER, _PASSWORD)
        self.machine = machine
        self._commands._machine = machine

    def answer(self, body: str) -> str:
        told = super().answer(body)
        with self._lock:
            self.machine.fill_drives()
        return told


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / 'disk'
    with disk.open('ab'):
        os.truncate(disk, DISK_MB << 20)
    machine = qemu.Machine(folder, disk, forwards=(_ISCSI, _CONTROL))
    authority = certificates.Authority(folder / 'certificates')
    ilo = Ilo4(authority.server(), Behind(machine))
    password = folder / 'password'
    password.touch(mode=0o600)
    password.write_text(_PASSWORD)
    (folder / 'node.yaml').write_text(yaml.safe_dump([{
        'name': NODE, 'resource_class': RESOURCE_CLASS,
        'interfaces': {'power': 'ilo4', 'management': 'ilo4',
                       'boot': 'virtual-media', 'deploy': 'ilo-iscsi'},
        'driver_info': {
            'ilo_address': '127.0.0.1', 'client_port': ilo.port,
            'ilo_username': _USER, 'ilo_password': f'file:{password}',
            'ilo_verify_ca': str(authority.path),
            'deploy_address': '127.0.0.1',
            'deploy_iscsi_port': machine.forwards[_ISCSI],
            'deploy_control_port': machine.forwards[_CONTROL]},
        'properties': {'cpus': 1, 'memory_mb': machine.memory_mb,
                       'local_gb': 1, 'cpu_arch': 'x86_64',
                       'capabilities': {'boot_mode': 'bios'}},
        'ports': [{'address': _MAC}]}], sort_keys=False))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    machine.close()
    ilo.close()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
