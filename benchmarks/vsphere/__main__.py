# SPDX-License-Identifier: Apache-2.0
"""Measure all of them; see the package."""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benchmarks.vsphere
from benchmarks.vsphere import contestants
from lab import layout

_MB = 1 << 20
TASK_S = 0.12

FIGURES = {
    'connect': 'Connect, s', 'connect_cpu': 'Connect, s of CPU',
    'no_op': 'A call, ms', 'machines_cpu': 'Machines, s of CPU',
    'machines': 'Machines, s',
    'upload': 'Upload, MB/s', 'memory': 'Memory at the end, MB'}


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds, and those of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(name: str, host: str, port: int, ca_file: str,
            size: int) -> dict[str, float]:
    """Measure one client, in this process."""
    client = contestants.CONTESTANTS[name](host, port, ca_file)
    figures = {}
    figures['connect'], figures['connect_cpu'] = timed(client.connect)
    client.no_op()
    figures['no_op'] = 1000 * statistics.median(
        timed(client.no_op)[0] for _ in range(50))
    figures['machines'], figures['machines_cpu'] = map(
        statistics.median, zip(*(timed(client.machines) for _ in range(3)),
                               strict=True))
    if hasattr(client, 'upload'):
        figures['upload'] = size / _MB / statistics.median(
            timed(lambda: client.upload(size))[0] for _ in range(3))
    figures['memory'] = _most_memory_mb()
    return figures


def _most_memory_mb() -> float:
    """Return it of this program: getrusage knows of who started it, too."""
    status = Path('/proc/self/status').read_text()
    return int(status.partition('VmHWM:')[2].split()[0]) / 1024


def measure_task(name: str, port: int, ca_file: str) -> float:
    """Return how long a client takes for a task of TASK_S."""
    client = contestants.CONTESTANTS[name]('127.0.0.1', port, ca_file)
    client.connect()
    return statistics.median(timed(client.task)[0] for _ in range(5))


def run_tasks(rounds: int) -> dict[str, float]:
    """Let them wait for tasks of our fake host: vcsim's end at once."""
    # It imports pyVmomi, which the others' processes are not to have.
    from nova_hypervisors.tests.fakes import esx as fake_esx
    with tempfile.TemporaryDirectory() as folder, fake_esx.running(
            Path(folder), machines=1, user=contestants.USER,
            password=contestants.PASSWORD) as host:
        host.task_seconds = TASK_S
        return {name: statistics.median(
            float(subprocess.check_output(
                [sys.executable, '-m', 'benchmarks.vsphere', '--task', name,
                 str(host.port), host.ca_file])) for _ in range(rounds))
            for name, made in contestants.CONTESTANTS.items()
            if hasattr(made, 'task')}


def run(machines: int, rounds: int, size: int,
        ) -> dict[str, dict[str, float]]:
    """Let them all talk to one simulator, in turns."""
    found: dict[str, list[dict[str, float]]] = {
        name: [] for name in contestants.CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / 'ca.pem'
        with subprocess.Popen(
                [layout.Layout.from_environment().vcsim, '-ca', ca_file,
                 '-vm', str(machines), '-user', contestants.USER, '-pass',
                 contestants.PASSWORD], env={'TMPDIR': folder}, text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL) as simulator:
            assert simulator.stdout is not None
            where = simulator.stdout.readline().strip().split(':')
            for _ in range(rounds):
                for name, figures in found.items():
                    figures.append(json.loads(subprocess.check_output(
                        [sys.executable, '-m', 'benchmarks.vsphere',
                         '--one', name, *where, str(ca_file), str(size)])))
            simulator.terminate()
    return {name: {key: statistics.median(one[key] for one in figures)
                   for key in figures[0]}
            for name, figures in found.items()}


def as_table(results: dict[str, dict[str, float]]) -> str:
    names = list(results)
    line = f'{"=" * 22}  ' + '  '.join('=' * 11 for _ in names)
    rows = [f'{"Figure":22}  ' + '  '.join(f'{name:>11}' for name in names)]
    rows += [f'{title:22}  ' + '  '.join(
        f'{results[name][key]:11.4g}' if key in results[name] else
        f'{"-":>11}' for name in names) for key, title in FIGURES.items()]
    return '\n'.join([line, rows[0], line, *rows[1:], line])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.vsphere',
        description=benchmarks.vsphere.__doc__)
    parser.add_argument('--machines', type=int, nargs='+',
                        default=[100, 1000, 5000])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--size-mb', type=int, default=256)
    parser.add_argument('--one', nargs=5, help=argparse.SUPPRESS)
    parser.add_argument('--task', nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        name, port, ca_file = arguments.task
        print(measure_task(name, int(port), ca_file))
        return
    if arguments.one:
        warnings.simplefilter('ignore')
        logging.disable(logging.CRITICAL)
        name, host, port, ca_file, size = arguments.one
        print(json.dumps(measure(name, host, int(port), ca_file, int(size))))
        return
    print(f'A task of {TASK_S:g} s, on our fake host:')
    for name, seconds in run_tasks(arguments.rounds).items():
        print(f'  {name:12} {seconds:.3f} s')
    for machines in arguments.machines:
        print(f'\n{machines} machines\n')
        print(as_table(run(machines, arguments.rounds,
                           arguments.size_mb * _MB)))


if __name__ == '__main__':
    main()
