# SPDX-License-Identifier: Apache-2.0
"""The support matrix's column of bare metal, by the keys of its rows.

It is of the driver: what a node can do is a matter of its interfaces.  A row
that is "partial" because of _IN_MEMORY was proven with Nova whole and machines
that are held in memory, and waits for its proof with real ones.
"""

from __future__ import annotations

from nova_hypervisors.capabilities.model import Level
from nova_hypervisors.capabilities.model import Support

_COMPLETE = Support(Level.COMPLETE)


def _partial(note: str) -> Support:
    return Support(Level.PARTIAL, note)


def _missing(reason: str) -> Support:
    return Support(Level.MISSING, reason)


_IN_MEMORY = _partial('Proven with machines in memory only, so far.')
_ON_QEMU = _partial(
    'Proven from "create a server" to what the deployed system says, with '
    'QEMU as the machine, by virtual media and iSCSI. No real machine was '
    'there.')
_ON_TARGET = _partial(
    'Proven with machines in memory, whose disks are real iSCSI targets.')
_NO_HYPERVISOR = _missing(
    'Nothing is between a server and its machine that could do it.')
_STAYS = _missing(
    "A server's disk is in its machine: neither moves to another one.")
_NO_DISKS = _missing(
    'A machine gets no disk while it has a server: volumes are there when a '
    'server is made, or not at all.')
_NOT_A_SWITCH = _missing(
    'Traffic goes by switches: what filters it there is the work of '
    "Neutron's mechanism driver for them.")
_ANOTHER_HYPERVISOR = _missing('It is a network of VirtualBox.')
_REAL_HARDWARE = _missing(
    'A machine has the hardware that it has: flavors choose it by resource '
    'class and traits.')
_ONE_DISK = _missing(
    'A server has the disk of its machine, with a copy of its image.')

SUPPORT = {
    **dict.fromkeys((
        'operation.list-instances', 'operation.get-host-status',
        'operation.get-host-ip', 'operation.inventory',
        'operation.crash-recovery', 'image.inspection'), _COMPLETE),
    **dict.fromkeys((
        'operation.launch', 'operation.terminate', 'operation.start',
        'operation.clean', 'operation.lifecycle-events', 'storage.image',
        'image.qcow2', 'guest.setup.configdrive'), _ON_QEMU),
    **dict.fromkeys((
        'operation.rebuild', 'operation.get-guest-info', 'operation.stop',
        'operation.reboot', 'operation.rescue',
        'operation.trigger-crash-dump', 'operation.resume-on-host-boot',
        'operation.attach-interface', 'operation.detach-interface',
        'network.several-adapters', 'image.iso',
    ), _IN_MEMORY),
    **dict.fromkeys((
        'image.raw', 'image.vdi', 'image.vmdk', 'image.vhdx',
        'disk.full-copy', 'guest.setup.inject.file',
        'guest.setup.inject.networking'), _ON_TARGET),
    'image.vhd': _partial(
        'Dynamic VHDs. A fixed one has no header at its beginning, which '
        "Nova's image inspector takes for a raw image: refused. Proven with "
        'machines in memory, whose disks are real iSCSI targets.'),
    'console.serial.interactive': _partial(
        'Where the serial line of a node is a TCP port: that of a terminal '
        'server, or of VirtualBox. Whoever reaches the port needs no '
        'password.'),
    'storage.block': _partial(
        'For volumes to boot from, where the deploy interface of a node takes '
        'them: what a node is for a storage is told. None does yet.'),
    **dict.fromkeys((
        'operation.pause', 'operation.unpause', 'operation.suspend',
        'operation.resume', 'operation.snapshot', 'operation.shelve',
        'operation.quiesce', 'operation.unquiesce',
        'operation.set-admin-password', 'operation.diagnostics',
        'operation.host-cpu-stats', 'operation.device-tags',
        'operation.attach-tagged-interface', 'operation.file-backed-memory',
        'operation.boot-encrypted-vm', 'guest.disk.rate-limit',
        'storage.block.usage', 'disk.unsafe-cache', 'network.rate-limit',
    ), _NO_HYPERVISOR),
    **dict.fromkeys((
        'operation.live-migrate',
        'operation.force-live-migration-to-complete',
        'operation.abort-in-progress-live-migration', 'operation.evacuate',
        'operation.resize', 'operation.other-host'), _STAYS),
    **dict.fromkeys((
        'operation.attach-volume', 'operation.attach-tagged-volume',
        'operation.detach-volume', 'operation.extend-volume',
        'operation.swap-volume', 'operation.multiattach-volume',
        'operation.encrypted-volume'), _NO_DISKS),
    'operation.rebuild-volume-backed': _missing(
        'Only the machine itself reaches its volume.'),
    'operation.maintenance-mode': _missing(
        'A host has many nodes, and each has a maintenance of its own: '
        '"nova-hypervisors node maintenance".'),
    'operation.get-host-uptime': _missing(
        'A host of nodes is no hypervisor, and nodes do not tell.'),
    'operation.service-control': _missing(
        'Nova keeps new servers off a service that is disabled; there is '
        'nothing here to switch.'),
    'boot.menu': _missing(
        'A machine has the menu that its firmware has; no BMC takes it '
        'away.'),
    'network.wait-for-plug': _missing(
        "Neutron's mechanism drivers for switches bind ports and tell Nova "
        'nothing of when they are plugged; Nova 34 waits for none of '
        "ironic's either."),
    'operation.boot-emulated-tpm': _REAL_HARDWARE,
    'operation.boot-stateless-firmware': _REAL_HARDWARE,
    'operation.port-with-resource-request': _REAL_HARDWARE,
    'operation.report-cpu-traits': _missing(
        'Machines do not tell what their processors can do before something '
        'runs on them. The operator says it, by the traits of a node.'),
    'hardware.disk-bus': _REAL_HARDWARE,
    'hardware.vif-model': _REAL_HARDWARE,
    'hardware.chipset': _REAL_HARDWARE,
    'hardware.os-type': _REAL_HARDWARE,
    'disk.differencing': _ONE_DISK,
    'console.rdp': _missing('A machine by itself has no RDP server.'),
    'console.spice': _missing('A machine by itself has no SPICE server.'),
    'console.mks': _missing("MKS is VMware's protocol."),
    'console.vmrc': _missing("It is VMware's program."),
    'networking.firewallrules': _NOT_A_SWITCH,
    'networking.securitygroups': _NOT_A_SWITCH,
    'networking.routing': _missing(
        'Neutron routes, in every current OpenStack; nova-network, which '
        'did, was removed in 2019 (Nova 20).'),
    **dict.fromkeys((
        'network.nat', 'network.udptunnel', 'network.bridged',
        'network.hostonly', 'network.intnet', 'network.natnetwork',
    ), _ANOTHER_HYPERVISOR),
}
