# SPDX-License-Identifier: Apache-2.0
"""Measure all of it; see the package."""

from __future__ import annotations

import os

os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

from nova import monkey_patch

if hasattr(monkey_patch, 'patch'):
    monkey_patch.patch()

import argparse
import json
import shutil
import time

import benchmarks.virtualbox
from benchmarks.virtualbox import disks
from benchmarks.virtualbox import footprint
from benchmarks.virtualbox import measuring
from benchmarks.virtualbox import servers
from benchmarks.virtualbox import states


def measure(lab: measuring.Lab, quick: bool) -> measuring.Figures:
    count, size_mb = (3, 64) if quick else (7, 256)
    figures = servers.measure(lab, count)
    figures |= disks.measure_conversion(lab, size_mb, 3)
    figures |= disks.measure_transfers(lab, size_mb, 3)
    figures |= states.measure(lab, (10, 100) if quick else (10, 100, 500),
                              count)
    return figures | footprint.measure(lab)


def as_table(figures: measuring.Figures) -> str:
    width = max(map(len, figures)) + 2
    line = f'{"=" * width}  ========'
    rows = [f'{name:{width}}  {value:8.{0 if value >= 100 else 2}f}'
            for name, value in figures.items()]
    return '\n'.join([line, f'{"Figure":{width}}  Value', line, *rows, line])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.virtualbox',
        description=benchmarks.virtualbox.__doc__)
    parser.add_argument('--format', choices=('table', 'json'),
                        default='table')
    parser.add_argument('--quick', action='store_true',
                        help='fewer, smaller, less certain')
    arguments = parser.parse_args()
    lab = measuring.Lab()
    try:
        figures = measure(lab, arguments.quick)
        version = str(lab.client('webservice').get_version())
    finally:
        lab.close()
        shutil.rmtree(lab.folder, ignore_errors=True)
    if arguments.format == 'json':
        print(json.dumps({
            'date': time.strftime('%Y-%m-%d'), 'virtualbox': version,
            'processors': os.cpu_count(), 'figures': figures}, indent=2))
    else:
        print(as_table(figures))


if __name__ == '__main__':
    main()
