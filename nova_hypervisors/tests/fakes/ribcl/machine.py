# SPDX-License-Identifier: Apache-2.0
"""What is behind the iLO: power, boot order, drives."""

from __future__ import annotations

import dataclasses
import time
import urllib.error
import urllib.request

GEN8 = 'ProLiant DL380p Gen8'
GEN9 = 'ProLiant DL380 Gen9'

_READ = 1 << 20


@dataclasses.dataclass
class Drive:
    """:ivar boots: NO_BOOT, BOOT_ONCE or BOOT_ALWAYS"""

    name: str
    url: str = ''
    connected: bool = False
    boots: str = 'NO_BOOT'
    protected: bool = False


class Machine:
    """:ivar delay_s: how long a change of its power takes

    :ivar boots: from what it has booted, and how much it read from that; or
        why it could not
    :ivar reads_media: whether it fetches what it boots from
    """

    def __init__(self) -> None:
        self.model = GEN8
        self.licence = 'iLO 4 Advanced'
        self.delay_s = 0.0
        self.once = 'NORMAL'
        self.order = ['CDROM', 'FLOPPY', 'USB', 'HDD', 'NETWORK1']
        self.mode = self.next_mode = 'LEGACY'
        self.drives = {name: Drive(name) for name in ('FLOPPY', 'CDROM')}
        self.ignores_button = False
        self.reads_media = False
        self.nmis = 0
        self.secure_boot = self.next_secure_boot = False
        self.boots: list[tuple[str, int | str]] = []
        self._power = 'OFF'
        self._next: tuple[float, str] | None = None

    @property
    def power(self) -> str:
        if self._next and time.monotonic() >= self._next[0]:
            (_, self._power), self._next = self._next, None
            if self._power == 'ON':
                self._start()
        return self._power

    def switch(self, power: str) -> None:
        self._next = (time.monotonic() + self.delay_s, power)

    def reset(self) -> None:
        self._power = 'OFF'
        self.switch('ON')

    def first(self, names: list[str]) -> None:
        """Put devices at the beginning of the boot order."""
        names = ['NETWORK1' if name == 'NETWORK' else name for name in names]
        self.order = [*names, *(name for name in self.order
                                if name not in names)]

    def _start(self) -> None:
        self.mode, self.secure_boot = self.next_mode, self.next_secure_boot
        device = self.order[0] if self.once == 'NORMAL' else self.once
        for drive in self.drives.values():
            if drive.url and drive.boots != 'NO_BOOT':
                device = drive.name
                if drive.boots == 'BOOT_ONCE':
                    drive.boots = 'NO_BOOT'
        self.once = 'NORMAL'
        drive = self.drives.get(device)
        self.boots.append((device, self._read(drive.url) if (
            drive and drive.url and self.reads_media) else 0))

    def _read(self, url: str) -> int | str:
        """Read an image part by part, as a guest does that boots from it."""
        size = 0
        try:
            while True:
                with urllib.request.urlopen(urllib.request.Request(
                        url, headers={'Range': f'bytes={size}-'
                                      f'{size + _READ - 1}'})) as answer:
                    data = answer.read()
                    size += len(data)
                    whole = int(answer.headers.get(
                        'Content-Range', f'/{size}').rpartition('/')[2])
                    if size >= whole:
                        return size
        except (urllib.error.URLError, OSError) as error:
            return str(error)
