# SPDX-License-Identifier: Apache-2.0
"""Making servers, and taking them away; and how another driver made them."""

from __future__ import annotations

import contextlib
import statistics
import uuid
from pathlib import Path

from benchmarks.virtualbox import measuring
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

_CONTEXT = builders.admin_context()


def measure(lab: measuring.Lab, count: int) -> measuring.Figures:
    figures: measuring.Figures = {}
    image = lab.images.add('raw', peers.lab().guest)
    for backend in measuring.BACKENDS:
        client = measuring.TimedClient(lab.client(backend))
        with lab.driver(backend, client) as driver:
            driver.destroy(_CONTEXT, lab.spawn(driver, image), [])
            found = [_once(lab, driver, client, image) for _ in range(count)]
            for name in found[0]:
                figures[f'{backend} {name}'] = statistics.median(
                    one[name] for one in found)
    others = [_former_driver(lab) for _ in range(count)]
    for name in others[0]:
        figures[f'former driver {name}'] = statistics.median(
            one[name] for one in others)
    return figures


def _once(lab: measuring.Lab, driver, client, image) -> measuring.Figures:
    client.spent.clear()
    lab.real.runner.calls.clear()
    made = []
    total = measuring.seconds(lambda: made.append(lab.spawn(driver, image)))
    processes = len(lab.real.runner.calls)
    start = client.spent['start']
    instance, = made
    info = measuring.median_ms(
        lambda: driver.get_info(instance, use_cache=False), 9)
    client.spent.clear()
    destroy = measuring.seconds(
        lambda: driver.destroy(_CONTEXT, instance, []))
    off = client.spent['power_off']
    return {'spawn ms': total * 1000, 'spawn, start ms': start * 1000,
            'spawn, beside start ms': (total - start) * 1000,
            'spawn processes': processes,
            'get_info ms': info,
            'destroy ms': destroy * 1000,
            'destroy, beside power-off ms': (destroy - off) * 1000}


def _former_driver(lab: measuring.Lab) -> measuring.Figures:
    """Run what Cloudbase's driver of 2015 ran: 24 processes.

    One adapter, a disk that differs from a cached image and is enlarged, no
    remote display, no volume.  Some words have changed since.
    """
    folder = lab.folder / uuid.uuid4().hex[:8]
    base = peers.make_vdi(folder / 'base.vdi')
    name = folder.name
    commands = _commands(name, folder, base)
    spent = [measuring.seconds(lambda words=words: lab.real.manage(*words))
             for words in commands]
    lab.real.power_off(name)
    lab.real.client.delete_machine(next(
        machine.uuid for machine in lab.real.client.list_machines()
        if machine.name == name))
    for path in (folder / 'root.vdi', base):
        with contextlib.suppress(errors.ClientError):
            # It may have forgotten them with the machine.
            lab.real.client.close_medium(path)
    return {'spawn ms': sum(spent) * 1000,
            'spawn, start ms': spent[-1] * 1000,
            'spawn, beside start ms': sum(spent[:-1]) * 1000,
            'spawn processes': len(commands)}


def _commands(name: str, folder: Path, base: Path) -> list[tuple[str, ...]]:
    root = folder / 'root.vdi'
    modify = 'modifyvm', name
    return [
        ('list', 'vms'),
        ('createvm', '--name', name, '--basefolder', str(folder),
         '--register', '--platform-architecture', 'x86'),
        ('list', 'ostypes'), (*modify, '--ostype', 'Other_64'),
        ('list', 'hostinfo'), (*modify, '--memory', '64'),
        ('list', 'hostinfo'), (*modify, '--cpus', '1'),
        ('showvminfo', name, '--machinereadable'),
        (*modify, '--nic1', 'nat'), (*modify, '--nictype1', 'Am79C973'),
        (*modify, '--macaddress1', 'fa163e000001'),
        (*modify, '--cableconnected1', 'on'),
        ('showvminfo', name, '--machinereadable'),
        (*modify, '--description', '{"network": {}}'),
        ('showmediuminfo', 'disk', str(base)),
        ('createmedium', 'disk', '--filename', str(root), '--diffparent',
         str(base)),
        ('showmediuminfo', 'disk', str(root)),
        ('modifymedium', 'disk', str(root), '--resizebyte',
         str(1 << 30)),
        ('storagectl', name, '--name', 'SATA', '--add', 'sata'),
        ('storagectl', name, '--name', 'SCSI', '--add', 'scsi'),
        ('storageattach', name, '--storagectl', 'SATA', '--port', '0',
         '--device', '0', '--type', 'hdd', '--medium', str(root)),
        (*modify, '--vrde', 'off'),
        ('startvm', name, '--type', 'headless')]
