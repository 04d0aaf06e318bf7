# SPDX-License-Identifier: Apache-2.0
"""How long a disk takes to be written, beside qemu-img by itself.

    python -m benchmarks.baremetal.writing [--size-mb 1024] [--rounds 3]

To the same target, in turn: the real tgtd of the lab, on this machine.  Then
ten disks at once, against one.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab import layout
from nova_hypervisors.baremetal import writing
from nova_hypervisors.clients import iscsi
from nova_hypervisors.clients import qemuimg
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import storage

_AT_ONCE = 10
_MIB = 1 << 20


def make_image(path: Path, size_mb: int) -> None:
    """Write a disk of which a third has data, as an installed one has."""
    with path.open('wb') as file:
        for number in range(size_mb):
            if number % 3:
                file.seek(_MIB, os.SEEK_CUR)
            else:
                file.write(os.urandom(_MIB))
        file.truncate(size_mb * _MIB)


def bare(image: Path, volume: storage.Volume) -> None:
    address = volume.lun.address
    subprocess.run(
        ['qemu-img', 'convert', '-n', '-S', '0', '-f', 'raw', '-O', 'raw',
         image, f'iscsi://{address.server}/{address.target}/{address.lun}'],
        check=True)


def ours(image: Path, volume: storage.Volume, folder: Path,
         thin: bool = False) -> None:
    address, _, port = volume.lun.address.server.rpartition(':')
    disk = iscsi.Disk(
        iscsi.Target(address, int(port), volume.lun.address.target),
        qemuimg.Supervisor(60, 3600), thin=thin)
    writing.Writer(disk, folder).write(writing.Wanted(
        image, True, 1 << 20))


def seconds(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def measure(folder: Path, size_mb: int, rounds: int) -> dict[str, float]:
    image = folder / 'image'
    make_image(image, size_mb)
    made = storage.RealStorage(layout.Layout.from_environment(), folder)
    try:
        volumes = [made.add(size_mb, chap=False) for _ in range(_AT_ONCE)]
        first, second = volumes[:2]
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, call in (
                    ('qemu-img by itself', lambda: bare(image, first)),
                    ('ours', lambda: ours(image, first, folder))):
                found.setdefault(name, []).append(seconds(call))
        figures = {name: statistics.median(times)
                   for name, times in found.items()}
        made.make_thin(second)
        figures['ours, to a thin disk'] = seconds(
            lambda: ours(image, second, folder, thin=True))
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            figures[f'ours, {_AT_ONCE} at once'] = seconds(
                lambda: list(pool.map(
                    lambda volume: ours(image, volume, folder), volumes)))
        return figures
    finally:
        made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size-mb', type=int, default=1024)
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    folder = peers.short_folder('b')
    try:
        figures = measure(folder, options.size_mb, options.rounds)
    finally:
        shutil.rmtree(folder)
    for name, value in figures.items():
        print(f'{name:24} {value:7.2f} s')


if __name__ == '__main__':
    main()
