# SPDX-License-Identifier: Apache-2.0
"""A bare machine of the lab that is one of VirtualBox, by its web service.

It is in a registry of its own, which no nova-compute with VirtualBox sees.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from lab import layout
from lab import processes
from lab import progress
from lab import virtualbox

NODE = 'virtualbox-1'
RESOURCE_CLASS = 'metal.virtualbox'
SERVICE = 'metal-web'

_MAC = '08:00:27:5e:ed:01'
_DISK_MB = 1024
_START_S = 90


def home(lab: layout.Layout) -> Path:
    return lab.state / 'metal-virtualbox'


def serial(lab: layout.Layout) -> Path:
    return home(lab) / 'serial'


def make(lab: layout.Layout) -> None:
    """Make the machine, with an empty disk; done already is no work.

    Nothing is in it that would have to be kept: it is a bare machine.
    """
    folder = home(lab)
    virtualbox.make_registry(lab, folder)

    def manage(*words: str) -> str:
        return virtualbox.manage(lab, folder, *words)

    if f'"{NODE}"' in manage('list', 'vms'):
        return
    iscsi, control = forwards()
    manage('setproperty', 'websrvauthlibrary', 'null')
    manage('createvm', '--name', NODE, '--register', '--basefolder',
           str(folder), '--ostype', 'Linux_64')
    manage('modifyvm', NODE, '--memory', '512', '--ioapic', 'on',
           '--bios-boot-menu', 'disabled', '--uart1', '0x3f8', '4',
           '--uartmode1', 'file', str(serial(lab)),
           '--nic1', 'nat', '--nictype1', 'virtio',
           '--macaddress1', _MAC.replace(':', ''),
           '--nat-localhostreachable1', 'on',
           '--nat-pf1', f'iscsi,tcp,127.0.0.1,{iscsi},,3260',
           '--nat-pf1', f'control,tcp,127.0.0.1,{control},,10000')
    # The lab's small kernel knows no AHCI.
    manage('storagectl', NODE, '--name', 'IDE', '--add', 'ide')
    disk = folder / 'disk.vdi'
    manage('createmedium', 'disk', '--filename', str(disk), '--size',
           str(_DISK_MB))
    for port, kind, medium in (('0', 'hdd', str(disk)),
                               ('1', 'dvddrive', 'emptydrive')):
        manage('storageattach', NODE, '--storagectl', 'IDE', '--port', port,
               '--device', '0', '--type', kind, '--medium', medium)


def forwards() -> tuple[int, int]:
    """Return where the machine's disk and its ramdisk are reached."""
    return layout.PORTS['metal-iscsi'], layout.PORTS['metal-control']


def serve(lab: layout.Layout, running: processes.Processes) -> None:
    """Start the web service, each time on a port that it has not just had."""
    if running.is_alive(SERVICE):
        return
    port = 0

    def listens() -> bool:
        nonlocal port
        if not running.is_alive(SERVICE):
            # It ends at once while VBoxSVC is just ending.
            port, = layout.free_ports(1)
            running.start(SERVICE, (
                lab.vboxwebsrv, '-H', '127.0.0.1', '-p', str(port), '-A',
                'null'), virtualbox.environment(home(lab)))
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    progress.wait_until("VirtualBox's web service does not listen", listens,
                        _START_S, running.log(SERVICE), pause_s=1)
    (home(lab) / 'port').write_text(str(port))


def entry(lab: layout.Layout, deploy_iso: str) -> dict[str, Any]:
    """Return the node, as its file has it."""
    iscsi, control = forwards()
    port = (home(lab) / 'port').read_text()
    return {
        'name': NODE, 'resource_class': RESOURCE_CLASS,
        'interfaces': {'power': 'virtualbox', 'management': 'virtualbox',
                       'boot': 'virtual-media', 'deploy': 'iscsi'},
        'driver_info': {
            'vbox_url': f'http://127.0.0.1:{port}/', 'vbox_vmname': NODE,
            'deploy_iso': deploy_iso, 'deploy_address': '127.0.0.1',
            'deploy_iscsi_port': iscsi, 'deploy_control_port': control},
        'properties': {'cpus': 1, 'memory_mb': 512, 'local_gb': 1,
                       'cpu_arch': 'x86_64',
                       'capabilities': {'boot_mode': 'bios'}},
        'ports': [{'address': _MAC}]}
