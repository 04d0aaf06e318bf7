# SPDX-License-Identifier: Apache-2.0
"""Measure all of it; see the package."""

from __future__ import annotations

import os

os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova.compute import provider_tree
from nova.virt import fake as nova_fake

import benchmarks.baremetal
from nova_hypervisors import conf
from nova_hypervisors.baremetal import driver
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients.bmc import fake as fake_machine
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests.unit.baremetal import taking

_PROCESSES = 8
_RESERVED = 100


class Late(fake_machine.FakeMachine):
    """A machine whose controller takes its time."""

    latency_s: float

    def _called(self, name: str) -> None:
        time.sleep(self.latency_s)
        super()._called(name)


def seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def measure(folder: Path, count: int, workers: int) -> dict[str, float]:
    path = folder / 'nova.conf'
    path.write_text(f'[DEFAULT]\nstate_path = {folder}\nhost = here\n'
                    f'[baremetal]\nworkers = {workers}\n')
    conf.CONF([], project='nova', default_config_files=[str(path)])
    inventory = factory.make_inventory(conf.CONF)
    inventory.database.upgrade()
    made = [baremetalnodes.make_node(
        f'n{number}', ports=(nodes.Port(
            f'52:54:00:00:{number >> 8:02x}:{number & 255:02x}'),))
        for number in range(count)]
    figures = {'add all nodes, s': seconds(
        lambda: inventory.store.create(*made))}
    metal = driver.BareMetalDriver(nova_fake.FakeVirtAPI())
    machines = metal._parts.inventory.services.machines
    for node in made:
        machines.get(('fake', node.uuid), Late)
    figures |= _looks(metal)
    figures |= _tree(metal)
    metal.cleanup_host('here')
    inventory.database.close()
    return figures | _reservation(folder / 'few')


def _looks(metal: driver.BareMetalDriver) -> dict[str, float]:
    look = metal._parts.watcher.look
    return {'first look at the power of all, s': seconds(look),
            'each look after it, s': seconds(look)}


def _tree(metal: driver.BareMetalDriver) -> dict[str, float]:
    names: list[str] = []
    figures = {'list the nodes, ms': 1000 * seconds(
        lambda: names.extend(metal.get_available_nodes()))}
    trees = {}
    for name in names:
        trees[name] = provider_tree.ProviderTree()
        trees[name].new_root(name, name)

    def update() -> None:
        for name in names:
            metal.get_available_resource(name)
            metal.update_provider_tree(trees[name], name)

    return figures | {'resources and provider tree of a node, ms':
                      1000 * seconds(update) / len(names)}


def _reservation(folder: Path) -> dict[str, float]:
    """Let processes take the same nodes, each as many as it gets."""
    folder.mkdir()
    here = baremetalnodes.make_service(folder)
    made = [baremetalnodes.make_node(f'n{number}', ports=())
            for number in range(_RESERVED)]
    here.store.create(*made)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([taking.__name__])
    won, barrier = context.Queue(), context.Barrier(_PROCESSES + 1)
    processes = [context.Process(target=taking.take_all, args=(
        here.url, folder, baremetalnodes.HOST, [node.uuid for node in made],
        barrier, won)) for _ in range(_PROCESSES)]
    for process in processes:
        process.start()
    barrier.wait(120)
    begun = time.perf_counter()
    taken = [pair for _ in processes for pair in won.get(timeout=120)]
    spent = time.perf_counter() - begun
    for process in processes:
        process.join()
    here.database.close()
    if len(taken) != len(dict(taken)) or len(taken) != _RESERVED:
        raise RuntimeError(f'{len(taken)} reservations of {_RESERVED} nodes')
    return {f'{_PROCESSES} processes reserve {_RESERVED} nodes, s': spent}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.baremetal',
        description=benchmarks.baremetal.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--nodes', type=int, default=1000)
    parser.add_argument('--latency-ms', type=float, default=50.0)
    parser.add_argument('--workers', type=int, default=32)
    arguments = parser.parse_args()
    Late.latency_s = arguments.latency_ms / 1000
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.nodes, arguments.workers)
    least = (arguments.nodes * Late.latency_s
             / min(arguments.workers, arguments.nodes))
    print(f'{arguments.nodes} nodes, {arguments.latency_ms:g} ms each, '
          f'{arguments.workers} at once: a look takes {least:.2f} s at least')
    for name, value in figures.items():
        print(f'{name:45} {value:8.2f}')


if __name__ == '__main__':
    main()
