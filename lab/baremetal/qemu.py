# SPDX-License-Identifier: Apache-2.0
"""A machine that is QEMU, with power, boot devices and virtual drives.

It answers like one behind a BMC (``clients/bmc/api.py``, which it does not
import), and its drives fetch what is put in them, as those of a BMC do.  It
has no KVM to need: everything is emulated, slowly.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import layout

_PROGRAM = 'qemu-system-x86_64'
_FIRMWARE = Path('/usr/share/OVMF')
_LIMIT_S = 30.0

#: The address of this host, as the machine sees it.
HOST = '10.0.2.2'
#: That of the machine's network card.
ADDRESS = '52:54:00:5e:ed:02'

_DRIVES = ('cdrom', 'floppy')


class Machine:
    """:param folder: for all that it writes

    :param disk: the file that is its disk
    :param forwards: ports of the machine that can be reached from here
    :param network: more words for its network: ``tftp=...,bootfile=...``
    """

    def __init__(self, folder: Path, disk: Path, *, memory_mb: int = 512,
                 forwards: tuple[int, ...] = (), network: str = '',
                 uefi: bool = False) -> None:
        self.uefi = uefi
        self.memory_mb = memory_mb
        self.boot = 'disk'
        self.boot_once: str | None = None
        self.urls: dict[str, str | None] = dict.fromkeys(_DRIVES)
        self.forwards = dict(zip(
            forwards, layout.free_ports(len(forwards)), strict=True))
        self._folder = folder
        self.disk = disk
        self.network = network
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self.serial = folder / 'serial.log'
        self.serial.touch()

    @property
    def on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def console(self) -> str:
        """Return all that it has said on its serial line."""
        return self.serial.read_text(errors='replace').replace('\r', '')

    def wait_for(self, text: str, timeout_s: float) -> None:
        """:raises TimeoutError: it does not say so; with what it says"""
        end = time.monotonic() + timeout_s
        while text not in self.console():
            if time.monotonic() > end:
                raise TimeoutError(
                    f'no {text!r} in {timeout_s:g} s:\n'
                    + self.console()[-3000:])
            time.sleep(0.1)

    def wait_off(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while self.on:
            if time.monotonic() > end:
                raise TimeoutError('it is still on:\n'
                                   + self.console()[-3000:])
            time.sleep(0.1)

    def power_on(self) -> None:
        with self._lock:
            if self.on:
                return
            device, self.boot_once = self.boot_once or self.boot, None
            with (self._folder / 'qemu.log').open('ab') as log:
                self._process = subprocess.Popen(
                    self._command(device), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True)

    def power_off(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.kill()
                process.wait()

    def resize(self, size_mb: int) -> None:
        """Give it a larger disk, while it is off."""
        os.truncate(self.disk, size_mb << 20)

    def press_button(self) -> None:
        if self.on:
            self._tell('system_powerdown')

    def reset(self) -> None:
        with self._lock:
            self.power_off()
            self.power_on()

    def nmi(self) -> None:
        self._tell('inject-nmi')

    def insert(self, drive: str, url: str) -> None:
        """:raises OSError: it cannot be fetched"""
        part = self._folder / f'{drive}.part'
        # Its controller is on this host, unlike the machine.
        here = url.replace(f'//{HOST}:', '//127.0.0.1:')
        with urllib.request.urlopen(here, timeout=_LIMIT_S) as answer, \
                part.open('wb') as file:
            shutil.copyfileobj(answer, file)
        with self._lock:
            part.replace(self._medium(drive))
            self.urls[drive] = url
            if self.on:
                self._tell('blockdev-change-medium', id=f'{drive}-device',
                           filename=str(self._medium(drive)), format='raw')

    def eject(self, drive: str) -> None:
        with self._lock:
            self.urls[drive] = None
            if self.on:
                self._tell('eject', id=f'{drive}-device', force=True)
            self._medium(drive).unlink(missing_ok=True)

    def close(self) -> None:
        self.power_off()

    def _medium(self, drive: str) -> Path:
        return self._folder / f'{drive}.img'

    def _command(self, boot: str) -> list[str]:
        # What is asked for is tried first, then the disk, the CD, the
        # network.
        order = sorted(('disk', 'cdrom', 'pxe'), key=lambda name: name != boot)
        index = {name: number for number, name in enumerate(order)}
        forwards = ''.join(f',hostfwd=tcp:127.0.0.1:{here}-:{there}'
                           for there, here in self.forwards.items())
        words = [
            _PROGRAM, '-accel', 'tcg', '-machine', 'q35', '-m',
            str(self.memory_mb), '-smp', '1', '-display', 'none',
            # One log for all its lives.
            '-chardev', f'file,id=serial,path={self.serial},append=on',
            '-serial', 'chardev:serial', '-monitor', 'none', '-qmp',
            f'unix:{self._folder}/qmp,server,nowait',
            '-device', 'virtio-scsi-pci,id=scsi',
            *_drive('disk', self.disk, 'scsi-hd', index['disk']),
            '-netdev', f'user,id=net{self.network}{forwards}',
            '-device', _card(index['pxe']),
            *_drive('cdrom', self._inserted('cdrom'), 'scsi-cd',
                    index['cdrom'])]
        if (floppy := self._inserted('floppy')) is not None:
            # QEMU has no drive of this kind that is empty.
            words += _drive('floppy', floppy, 'scsi-hd', None)
        return words + (self._firmware() if self.uefi else [])

    def _inserted(self, drive: str) -> Path | None:
        return self._medium(drive) if self.urls[drive] else None

    def _firmware(self) -> list[str]:
        variables = self._folder / 'firmware'
        if not variables.exists():
            shutil.copy(_FIRMWARE / 'OVMF_VARS_4M.fd', variables)
        code = _FIRMWARE / 'OVMF_CODE_4M.fd'
        return ['-drive', f'if=pflash,format=raw,readonly=on,file={code}',
                '-drive', f'if=pflash,format=raw,file={variables}']

    def _tell(self, command: str, **arguments: Any) -> None:
        """:raises OSError: it does not take the command"""
        with self._qmp() as say:
            say('qmp_capabilities')
            say(command, **arguments)

    @contextlib.contextmanager
    def _qmp(self) -> Iterator[Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LIMIT_S)
            connection.connect(f'{self._folder}/qmp')
            stream = connection.makefile('rw')
            stream.readline()

            def say(command: str, **arguments: Any) -> None:
                stream.write(json.dumps(
                    {'execute': command, 'arguments': arguments}) + '\n')
                stream.flush()
                while 'return' not in (answer := json.loads(
                        stream.readline())):
                    if 'error' in answer:
                        raise OSError(answer['error']['desc'])

            yield say


def _card(index: int) -> str:
    return f'virtio-net-pci,netdev=net,mac={ADDRESS},bootindex={index}'


def _drive(name: str, path: Path | None, kind: str,
           index: int | None) -> list[str]:
    where = f',file={path},format=raw' if path else ''
    options = {'cdrom': ',media=cdrom', 'floppy': ',readonly=on',
               'disk': ',cache=unsafe,discard=unmap'}[name]
    removable = ',removable=on' if name == 'floppy' else ''
    order = '' if index is None else f',bootindex={index}'
    device = f'{kind},drive={name},id={name}-device,bus=scsi.0'
    return ['-drive', f'if=none,id={name}{where}{options}',
            '-device', f'{device}{removable}{order}']
