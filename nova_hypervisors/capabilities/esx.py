# SPDX-License-Identifier: Apache-2.0
"""The support matrix's column of single ESX hosts, by the keys of its rows.

What is said to be there was proven on a simulated host, by vSphere's own
protocol; none of it has been seen on a real one.
"""

from __future__ import annotations

from nova_hypervisors.capabilities.model import Level
from nova_hypervisors.capabilities.model import Support

_COMPLETE = Support(Level.COMPLETE)


def _partial(note: str) -> Support:
    return Support(Level.PARTIAL, note)


def _missing(reason: str) -> Support:
    return Support(Level.MISSING, reason)


_BY_CONFIG_DRIVE = _partial(
    'They are on the config drive, from which the guest takes them. Nova '
    'itself writes nothing into disks any more.')
_NO_PAUSE = _missing(
    'vSphere knows running, suspended and off: the API reference, '
    'VirtualMachinePowerState.')
_NEEDS_VCENTER = _missing(
    'A host by itself moves no running machine: vMotion (the API reference, '
    'MigrateVM_Task and RelocateVM_Task) needs vCenter.')
_NO_FIREWALL = _missing(
    'A standard virtual switch filters no traffic by address or port: the '
    'API reference, HostNetworkPolicy. Neutron on the network side has to.')
_NO_QUIESCE = _missing(
    'A host quiesces a guest for the moment of a snapshot that it makes, and '
    'has no call that only does so: the API reference, CreateSnapshot_Task.')
_VIRTUALBOX_S = _missing('It is a network of VirtualBox.')

SUPPORT = {
    **dict.fromkeys((
        'operation.attach-volume', 'operation.detach-volume',
        'operation.attach-tagged-volume',
        'operation.attach-tagged-interface',
        'operation.rebuild-volume-backed', 'operation.service-control',
        'operation.hung-reboots', 'network.several-adapters',
        'operation.evacuate', 'operation.trigger-crash-dump',
        'boot.order', 'boot.once',
        'operation.attach-interface', 'operation.detach-interface',
        'operation.rebuild', 'operation.resize', 'operation.get-guest-info',
        'operation.get-host-ip', 'operation.launch', 'operation.reboot',
        'operation.rescue', 'operation.resume', 'operation.snapshot',
        'operation.suspend', 'operation.terminate',
        'operation.device-tags', 'operation.trusted-certs',
        'operation.cache-images', 'guest.setup.configdrive',
        'console.mks', 'console.serial.log', 'console.vmrc', 'console.vnc',
        'storage.block',
        'storage.block.backend.iscsi', 'storage.block.backend.fibrechannel',
        'storage.block.backend.iscsi.auth.chap', 'storage.block.boot',
        'storage.image', 'operation.get-host-status',
        'networking.topology.flat', 'networking.topology.vlan',
        'operation.shelve', 'operation.start', 'operation.stop',
        'operation.resume-on-host-boot', 'operation.list-instances',
        'operation.diagnostics', 'operation.lifecycle-events',
        'operation.crash-recovery', 'operation.inventory', 'image.raw',
        'image.qcow2', 'image.vmdk', 'image.vhdx', 'image.vdi', 'image.iso',
        'image.inspection', 'disk.full-copy', 'network.wait-for-plug',
        'boot.provision-only'), _COMPLETE),
    'operation.rescue.stable-device': _partial(
        'As a disk on SCSI (hw_rescue_device=disk, hw_rescue_bus=scsi), not '
        'as a CD-ROM.'),
    'operation.maintenance-mode': _partial(
        'The host enters its maintenance mode when no machine runs on it: it '
        'moves none away by itself.'),
    'operation.get-host-uptime': _partial(
        'Without the number of users and the load, which a host does not '
        'tell.'),
    'operation.live-migrate': _NEEDS_VCENTER,
    'operation.force-live-migration-to-complete': _NEEDS_VCENTER,
    'operation.abort-in-progress-live-migration': _NEEDS_VCENTER,
    'operation.swap-volume': _missing(
        "Nova's API asks for it of servers that run. A host copies no disk "
        'that a running machine has open (the API reference, FileLocked of '
        'CopyVirtualDisk_Task), pauses no machine, and moves the disks of '
        'one (RelocateVM_Task) by vCenter only.'),
    'operation.pause': _NO_PAUSE,
    'operation.unpause': _NO_PAUSE,
    'operation.multiattach-volume': _missing(
        'A raw device mapping of a machine is locked by the host that runs '
        'it; sharing needs a cluster (the API reference, '
        'VirtualDiskRawDiskMappingVer1BackingInfo, sharing).'),
    'operation.encrypted-volume': _missing(
        "The host's initiator gives guests what is on the storage, and "
        'decrypts nothing.'),
    'operation.file-backed-memory': _missing(
        'ESX takes the memory of machines from the host itself.'),
    'operation.boot-encrypted-vm': _missing(
        'Encryption of a machine needs a key provider, which vCenter '
        'configures (the API reference, CryptoManagerKmip).'),
    'operation.boot-stateless-firmware': _missing(
        'The EFI of ESX keeps its variables in a file of the machine (.nvram).'
    ),
    'operation.boot-emulated-tpm': _missing(
        'A virtual TPM needs a key provider, which vCenter configures.'),
    'operation.clean': _missing(
        'Each server gets a machine that is made for it.'),
    'operation.other-host': _missing(
        'A host is always another one: see "Image storage support".'),
    'operation.host-cpu-stats': _missing(
        'A host tells its present load and no counters since it was booted '
        '(the API reference, HostListSummaryQuickStats).'),
    'guest.disk.autoconfig': _partial(
        "The disk has the flavor's size. The guest grows its partition and "
        'its file system: cloud-init does, at each start.'),
    'guest.setup.inject.file': _BY_CONFIG_DRIVE,
    'guest.setup.inject.networking': _partial(
        'By machine.id, for the guest tool of this package '
        '(tools/esx/guest_tool.py), and on the config drive.'),
    'operation.extend-volume': _partial(
        'The host is made to look for the new size, and passes a volume on as '
        'it is; a guest that runs has to look for it, too. That it finds it '
        'was not seen.'),
    'guest.disk.rate-limit': _partial(
        'Requests of each disk, reading and writing together, which the host '
        'counts in 32 KiB: quota:disk_io_limit, disk_io_reservation and '
        'disk_io_shares_level, or disk_total_iops_sec. Not of volumes.'),
    'operation.report-cpu-traits': _partial(
        'Of what the host tells of its processors (the API reference, '
        'HostHardwareInfo.cpuFeature).'),
    'operation.quiesce': _NO_QUIESCE,
    'operation.unquiesce': _NO_QUIESCE,
    'operation.port-with-resource-request': _missing(
        "Neutron's agents tell Placement what bandwidth a host has for such "
        'ports (its guide, "QoS Minimum Bandwidth Allocation in Placement"), '
        'and none of them runs on ESX.'),
    'network.rate-limit': _missing(
        'A standard switch limits a port group, and each of its adapters '
        'alike (the API reference, HostNetworkTrafficShapingPolicy). A limit '
        'of one adapter (VirtualEthernetCardResourceAllocation) is heeded by '
        'distributed switches, which need vCenter.'),
    'operation.set-admin-password': _partial(
        'Needs VMware Tools in the guest and an account there: [vmware] '
        'guest_user. What a host is asked for was tested, and no guest: see '
        'the check list in the administration guide.'),
    'console.serial.interactive': _partial(
        'By [vmware] serial_ports, on a second serial port (ttyS1, COM2), on '
        'which the guest has to offer a login: a host either keeps what a '
        'port says or hands it out. Whoever reaches those ports of the host '
        'needs no password.'),
    'console.rdp': _missing(
        "ESX has no RDP server: a machine's screen is reached by VMRC, MKS "
        'or WebMKS.'),
    'console.spice': _missing('ESX has no SPICE server.'),
    'networking.firewallrules': _NO_FIREWALL,
    'networking.routing': _missing(
        'Neutron routes, in every current OpenStack; nova-network, which '
        'did, was removed in 2019 (Nova 20).'),
    'networking.securitygroups': _NO_FIREWALL,
    'image.vhd': _partial(
        'Dynamic VHDs. A fixed one has no header at its beginning, which '
        "Nova's image inspector takes for a raw image: refused."),
    'disk.differencing': _partial(
        'By [vmware] linked_clone. VMware supports such disks by its own '
        'products only.'),
    'disk.blank': _partial('They come without a file system.'),
    'storage.block.usage': _missing(
        'Nova wants what was read and written in all. A host tells rates of '
        'the last 20 seconds (virtualDisk.read and .write of the '
        "PerformanceManager, rollup types average and latest), and no totals "
        "of a disk; Nova's own driver for vCenter has none either."),
    'boot.menu': _missing(
        "A machine's start can be delayed and can lead into its firmware's "
        'setup; there is no setting for a menu (VirtualMachineBootOptions of '
        'the vSphere API).'),
    'disk.unsafe-cache': _missing(
        'ESX has no write cache of its own between a guest and a datastore.'),
    **dict.fromkeys(('network.nat', 'network.udptunnel', 'network.bridged',
                     'network.hostonly', 'network.intnet',
                     'network.natnetwork'), _VIRTUALBOX_S),
    'hardware.disk-bus': Support(
        Level.COMPLETE, traits=('COMPUTE_STORAGE_BUS_IDE',
                                'COMPUTE_STORAGE_BUS_SCSI')),
    'hardware.vif-model': Support(
        Level.COMPLETE, traits=(
            'COMPUTE_NET_VIF_MODEL_E1000', 'COMPUTE_NET_VIF_MODEL_E1000E',
            'COMPUTE_NET_VIF_MODEL_PCNET', 'COMPUTE_NET_VIF_MODEL_VMXNET',
            'COMPUTE_NET_VIF_MODEL_VMXNET3')),
    'hardware.os-type': _COMPLETE,
    'hardware.chipset': _missing('ESX has one chipset.'),
    'operation.uefi-boot': _partial(
        'Shown by the settings of the machine; nothing was booted.'),
    'operation.secure-boot': _partial(
        'Shown by the settings of the machine; nothing was booted.'),
}
