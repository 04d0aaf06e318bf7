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
        'network.several-adapters', 'image.iso', 'boot.provision-only',
        'operation.hung-reboots',
    ), _IN_MEMORY),
    **dict.fromkeys((
        'image.raw', 'image.vdi', 'image.vmdk', 'image.vhdx',
        'disk.full-copy', 'operation.cache-images', 'guest.setup.inject.file',
        'guest.setup.inject.networking'), _ON_TARGET),
    'image.vhd': _partial(
        'Dynamic VHDs. A fixed one has no header at its beginning, which '
        "Nova's image inspector takes for a raw image: refused. Proven with "
        'machines in memory, whose disks are real iSCSI targets.'),
    'console.serial.interactive': _partial(
        'Where the serial line of a node is a TCP port: that of a terminal '
        'server, or of VirtualBox. Whoever reaches the port needs no '
        'password.'),
    'console.serial.log': _partial(
        'Of nodes that are servers of a cloud, where that keeps it. Of a '
        'machine nobody has kept what it said on its serial line: no BMC '
        'does by Redfish, RIBCL or IPMI.'),
    'console.vnc': _partial(
        'Where a node has a VNC server: some BMCs are one, and VirtualBox. '
        'Others show screens to browsers alone, each in its own way. Proven '
        "with QEMU's VNC server."),
    'storage.block': _partial(
        'The volume that a server runs from: a machine has no initiator but '
        'that of its firmware. What else it needs its operating system '
        'attaches by itself.'),
    'storage.block.boot': _partial(
        'By iPXE, which the network card has, or is given by network or on a '
        'virtual CD (this in a BIOS only); and by Fibre Channel. A virtual CD '
        'is put in by Nova alone: then a server that restarts by itself does '
        'not come up. Proven until the system on the volume speaks, with QEMU '
        'as the machine, in a BIOS.'),
    'storage.block.backend.iscsi': _partial(
        'By iPXE, which takes one path only. Its script has to have the names '
        'in ASCII. Proven with a real storage, and QEMU as the machine.'),
    'storage.block.backend.iscsi.auth.chap': _partial(
        "Of the initiator alone: iPXE's other direction is not used. By "
        'network the secret goes to the machine in the clear. Proven with a '
        'real storage, and QEMU as the machine.'),
    'storage.block.backend.fibrechannel': _partial(
        'The firmware of the host adapter has to be set up to boot what its '
        "storage shows it; here the machine's WWPNs are told to Cinder, and "
        'it boots from its disk. Proven with machines in memory.'),
    'operation.uefi-boot': Support(
        Level.PARTIAL, 'Where the BMC can set the mode. Which machines can is '
        'for the operator to say, by the traits of a node. Through Nova '
        'proven with machines in memory; QEMU was deployed to by UEFI.',
        traits=()),
    'operation.secure-boot': _partial(
        'Where the BMC can set it: iLO and Redfish. Each node is offered for '
        'it, and one that cannot fails: flavors choose by the traits of '
        'nodes. Proven with machines in memory.'),
    'operation.rescue.stable-device': _partial(
        'From a virtual CD (hw_rescue_device=cdrom), beside which all disks '
        'stay what they are. ' + _IN_MEMORY.note),
    'operation.trusted-certs': _partial(
        'For images that this host fetches; not for an ISO image, which the '
        'node itself reads. Proven with machines in memory.'),
    'guest.disk.autoconfig': _partial(
        'Of a partition image, the root partition is the last one and as '
        'large as the flavor says; of a whole disk, it is what the image has. '
        'The system grows its file system, and there the partition: '
        'cloud-init does, at each start. ' + _ON_TARGET.note),
    'disk.blank': _partial(
        'As partitions beside the root one, with a file system and made ready '
        'for swapping; not where the image is that of a whole disk. '
        + _ON_TARGET.note),
    'networking.topology.flat': _partial(
        "Neutron's port gets the address of the machine's adapter and is "
        'bound to the node. The mechanism driver is that of the switch. '
        "Proven with Nova's own stand-in for Neutron."),
    'networking.topology.vlan': _partial(
        'The switch puts the machine into its VLAN: a mechanism driver such '
        'as networking-generic-switch is told which port of which switch it '
        'is. Trunk ports are not bound. Proven up to what is told, with '
        "Nova's own stand-in for Neutron."),
    'boot.order': _partial(
        'Where the BMC can choose the network. ' + _IN_MEMORY.note),
    'boot.once': _partial(
        "Where the BMC can choose the network. By Redfish the firmware's own "
        'order counts after that, until Nova starts the server again. '
        + _IN_MEMORY.note),
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
