# SPDX-License-Identifier: Apache-2.0
"""Looking at one machine, and at many."""

from __future__ import annotations

import re
import uuid

from benchmarks.virtualbox import measuring
from nova_hypervisors.clients.vbox import api

_RETURNED = re.compile(rb'<returnval>([^<]*)</returnval>')


def measure(lab: measuring.Lab, sizes: tuple[int, ...],
            count: int) -> measuring.Figures:
    figures: measuring.Figures = {}
    web = lab.client('webservice')
    have = 0
    for size in sizes:
        while have < size:
            name = str(uuid.uuid4())
            web.create_machine(api.MachineSpec(
                uuid=name, name=f'machine-{have}', vcpus=1, memory_mb=64,
                folder=lab.folder / name))
            have += 1
        figures |= _of(lab, size, count)
    return figures


def _of(lab: measuring.Lab, size: int, count: int) -> measuring.Figures:
    web, manage = lab.client('webservice'), lab.client('vboxmanage')
    calls = lab.service.sessions
    web.machine_states()
    before = calls._idle[-1].calls
    assert len(web.machine_states()) == size
    asked = calls._idle[-1].calls - before
    bare = measuring.BareService(lab.service.url)
    root = bare.value('IWebsessionManager_logon', b'<username/><password/>')
    this = b'<_this>%s</_this>' % root

    def two_bare_calls() -> None:
        machines = _RETURNED.findall(
            bare.call('IVirtualBox_getMachines', this))
        bare.call('IVirtualBox_getMachineStates', this + b''.join(
            b'<machines>%s</machines>' % machine for machine in machines))

    def two_processes() -> None:
        lab.real.manage('list', 'vms')
        lab.real.manage('list', 'runningvms')

    one = next(iter(web.machine_states()))
    found = {
        'by web service ms': measuring.median_ms(web.machine_states, count),
        'by two bare calls ms': measuring.median_ms(two_bare_calls, count),
        'by VBoxManage ms': measuring.median_ms(manage.machine_states, count),
        'by two processes ms': measuring.median_ms(two_processes, count),
        'calls': asked,
        'one of them, by web service ms': measuring.median_ms(
            lambda: web.machine_state(one), count),
        'one of them, by VBoxManage ms': measuring.median_ms(
            lambda: manage.machine_state(one), count),
        'one of them, by showvminfo ms': measuring.median_ms(
            lambda: lab.real.manage('showvminfo', one, '--machinereadable'),
            count)}
    bare.call('IWebsessionManager_logoff',
              b'<refIVirtualBox>%s</refIVirtualBox>' % root)
    bare.close()
    return {f'states of {size} machines, {name}': value
            for name, value in found.items()}
