# SPDX-License-Identifier: Apache-2.0
"""The support matrix: the one place that says what works where.

Rows are Nova's own (their keys are those of its support matrix), those of the
matrix that the first VirtualBox driver published, and ours.  A column that a
row does not name is planned.  Tests hold the levels to the code and to what
was proven: see tests/contract/test_support_matrix.py.
"""

from __future__ import annotations

import os_traits

from nova_hypervisors.capabilities import baremetal
from nova_hypervisors.capabilities import esx
from nova_hypervisors.capabilities.model import Feature
from nova_hypervisors.capabilities.model import Level
from nova_hypervisors.capabilities.model import Support

COLUMNS = {
    'virtualbox-vboxmanage': 'VirtualBox by VBoxManage',
    'virtualbox-webservice': 'VirtualBox by web service',
    'vmware-esx': 'VMware ESX',
    'baremetal': 'Bare metal',
}

_COMPLETE = Support(Level.COMPLETE)
_PLANNED = Support(Level.PLANNED)


def _partial(note: str) -> Support:
    return Support(Level.PARTIAL, note)


def _missing(reason: str) -> Support:
    return Support(Level.MISSING, reason)


def _row(key: str, title: str, status: str = 'optional',
         methods: tuple[str, ...] = (), *, capability: str | None = None,
         traits: tuple[str, ...] = (),
         virtualbox: Support = _PLANNED, webservice: Support | None = None,
         ) -> Feature:
    """:param webservice: where it differs from ``virtualbox``"""
    return Feature(
        key=key, title=title, status=status, methods=methods,
        capability=capability, traits=traits,
        support={'virtualbox-vboxmanage': virtualbox,
                 'virtualbox-webservice': webservice or virtualbox,
                 'vmware-esx': esx.SUPPORT.get(key, _PLANNED),
                 'baremetal': baremetal.SUPPORT.get(key, _PLANNED)})


# Limits of VirtualBox, with where they are written.
_NO_QUIESCE = _missing(
    "VirtualBox's Guest Additions cannot freeze file systems: the SDK "
    'reference 7.2 has no such call in IGuest or IGuestSession.')
_NO_PASSTHROUGH = _missing(
    'VirtualBox has no PCI passthrough: it was removed in 6.1 (its change '
    'log, 6.1.0).')
_FILES_IN_COMMON = _partial(
    'Servers go to another host only where nova-compute and VirtualBox have '
    'their files in common.')
# What the lab's engine, which interprets guests, does not get to.
_NO_EFI_SCREEN = _partial(
    'Shown by the settings and the log of a server that runs; the lab is too '
    'slow for what EFI boots: see the check list in the administration '
    'guide.')
_NOT_A_FIREWALL = _missing(
    'VirtualBox filters no traffic of bridged adapters: the manual, chapter '
    '"Virtual Networking". Neutron on the network side has to.')

_SPARE_ONLY = (
    "VirtualBox adds adapters to machines that are off only (the manual, "
    '"Virtual Networking"): a running server takes as many ports as it has '
    'spare adapters, and a port gets the MAC address of its adapter.')

# What runs in the lab has no kernel module; the settings were read back
# from a real VirtualBox, but no frame went through.
_SETTINGS_ONLY = _partial(
    'Shown by the settings of a real VirtualBox. That frames go through needs '
    "VirtualBox's kernel module, which the lab has not: see the check list "
    'in the administration guide.')

_OPERATIONS = (
    _row('operation.attach-volume', 'Attach block volume to instance',
         methods=('attach_volume', 'get_device_name_for_instance'),
         virtualbox=_COMPLETE),
    _row('operation.attach-tagged-volume',
         'Attach tagged block device to instance',
         methods=('attach_volume',),
         capability='supports_tagged_attach_volume', virtualbox=_COMPLETE),
    _row('operation.detach-volume', 'Detach block volume from instance',
         methods=('detach_volume',), virtualbox=_COMPLETE),
    _row('operation.extend-volume',
         'Extend block volume attached to instance',
         methods=('extend_volume',), capability='supports_extend_volume',
         virtualbox=_partial(
             'A server sees the new size when it is next started: VirtualBox '
             'asks for it then and only then.')),
    _row('operation.attach-interface',
         'Attach virtual network interface to instance',
         methods=('attach_interface',),
         capability='supports_attach_interface',
         virtualbox=_partial(_SPARE_ONLY)),
    _row('operation.attach-tagged-interface',
         'Attach tagged virtual network interface to instance',
         methods=('attach_interface',),
         capability='supports_tagged_attach_interface',
         virtualbox=_partial(_SPARE_ONLY)),
    _row('operation.detach-interface',
         'Detach virtual network interface from instance',
         methods=('detach_interface',),
         virtualbox=_partial(
             'A running server keeps the adapter as a spare one, which is '
             'plugged in nowhere.')),
    _row('operation.maintenance-mode', 'Set the host in a maintenance mode',
         methods=('host_maintenance_mode',),
         virtualbox=_partial(
             'The host takes no more servers; those that are there stay '
             'until they are migrated.')),
    _row('operation.evacuate', 'Evacuate instances from a host',
         methods=('check_instance_shared_storage_local',
                  'check_instance_shared_storage_remote',
                  'check_instance_shared_storage_cleanup',
                  'instance_on_disk'),
         capability='supports_evacuate', virtualbox=_COMPLETE,
         webservice=_FILES_IN_COMMON),
    _row('operation.rebuild', 'Rebuild instance',
         methods=('spawn', 'destroy'), virtualbox=_COMPLETE),
    _row('operation.rebuild-volume-backed', 'Rebuild volume backed instance',
         methods=('spawn', 'destroy'), virtualbox=_COMPLETE),
    _row('operation.get-guest-info', 'Guest instance status', 'mandatory',
         methods=('get_info',), virtualbox=_COMPLETE),
    _row('operation.get-host-uptime', 'Guest host uptime',
         methods=('get_host_uptime',), virtualbox=_COMPLETE,
         webservice=_partial(
             'Not of a host without files in common: the web service does '
             'not tell it.')),
    _row('operation.get-host-ip', 'Guest host ip',
         methods=('get_host_ip_addr',), virtualbox=_COMPLETE),
    _row('operation.live-migrate', 'Live migrate instance across hosts',
         methods=('live_migration', 'pre_live_migration',
                  'check_can_live_migrate_destination',
                  'check_can_live_migrate_source',
                  'post_live_migration_at_destination',
                  'rollback_live_migration_at_destination',
                  'post_live_migration', 'post_live_migration_at_source',
                  'cleanup_live_migration_destination_check',
                  'get_instance_disk_info'),
         virtualbox=_partial(
             'On shared storage: VirtualBox moves memory and no disks. It '
             'sends the memory unencrypted.')),
    _row('operation.force-live-migration-to-complete',
         'Force live migration to complete',
         methods=('live_migration_force_complete',),
         virtualbox=_partial(
             'The server gets one percent of its processors\' time until it '
             'is there: VirtualBox cannot finish with one that is paused on '
             'its way (seen with 7.2.22). What interprets guests in the lab '
             'does not heed it, and the setting is what is tested.')),
    _row('operation.abort-in-progress-live-migration',
         'Abort an in-progress or queued live migration',
         methods=('live_migration_abort',), virtualbox=_COMPLETE),
    _row('operation.launch', 'Launch instance', 'mandatory',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('operation.pause', 'Stop instance CPUs (pause)',
         methods=('pause',), virtualbox=_COMPLETE),
    _row('operation.reboot', 'Reboot instance', methods=('reboot',),
         virtualbox=_COMPLETE),
    _row('operation.rescue', 'Rescue instance',
         methods=('rescue', 'unrescue'), virtualbox=_COMPLETE),
    _row('operation.rescue.stable-device',
         'Rescue with the devices where they are, of a volume too',
         methods=('rescue', 'unrescue'), capability='supports_bfv_rescue',
         virtualbox=_partial(
             'From an ISO image (hw_rescue_device=cdrom, hw_rescue_bus=sata) '
             "only: VirtualBox's BIOS boots no other disk than the first.")),
    _row('operation.resize', 'Resize instance',
         methods=('migrate_disk_and_power_off', 'finish_migration',
                  'confirm_migration', 'finish_revert_migration'),
         capability='supports_migrate_to_same_host',
         virtualbox=_COMPLETE, webservice=_FILES_IN_COMMON),
    _row('operation.resume', 'Restore instance', methods=('resume',),
         virtualbox=_COMPLETE),
    _row('operation.set-admin-password', 'Set instance admin password',
         methods=('set_admin_password',),
         virtualbox=_partial(
             'Needs the Guest Additions in the guest and an account there: '
             '[virtualbox] guest_user. No guest of the lab has them, and the '
             'refusal is what is tested: see the check list in the '
             'administration guide.')),
    _row('operation.snapshot', 'Save snapshot of instance disk',
         methods=('snapshot',), virtualbox=_COMPLETE),
    _row('operation.suspend', 'Suspend instance', methods=('suspend',),
         virtualbox=_COMPLETE),
    _row('operation.swap-volume', 'Swap block volumes',
         methods=('swap_volume',),
         virtualbox=_partial(
             'The server stands still while VirtualBox copies, and sees one '
             'disk go and another one come. Not the volume that it runs '
             'from: VirtualBox reads no disk that a machine uses.')),
    _row('operation.terminate', 'Shutdown instance', 'mandatory',
         methods=('destroy', 'cleanup'), virtualbox=_COMPLETE),
    _row('operation.trigger-crash-dump', 'Trigger crash dump',
         methods=('trigger_crash_dump',),
         virtualbox=_partial(
             'VirtualBox gives guests an NMI only where its kernel module '
             'runs them; the lab has none, and the refusal is what is '
             'tested.')),
    _row('operation.unpause', 'Resume instance CPUs (unpause)',
         methods=('unpause',), virtualbox=_COMPLETE),
    _row('operation.uefi-boot', 'uefi boot', methods=('spawn',),
         traits=('COMPUTE_FIRMWARE_BIOS', 'COMPUTE_FIRMWARE_UEFI'),
         virtualbox=_NO_EFI_SCREEN),
    _row('operation.device-tags', 'Device tags', methods=('spawn',),
         capability='supports_device_tagging', virtualbox=_COMPLETE),
    _row('operation.quiesce', 'quiesce', methods=('quiesce',),
         virtualbox=_NO_QUIESCE),
    _row('operation.unquiesce', 'unquiesce', methods=('unquiesce',),
         virtualbox=_NO_QUIESCE),
    _row('operation.multiattach-volume',
         'Attach block volume to multiple instances',
         capability='supports_multiattach',
         virtualbox=_missing(
             'VirtualBox shares hard disks of a fixed size only, and takes '
             'none of a storage for such (the manual, "Special Image Write '
             'Modes"; seen with 7.2.22).')),
    _row('operation.encrypted-volume',
         'Attach encrypted block volume to server',
         virtualbox=_missing(
             "VirtualBox's initiator gives guests what is on the storage: the "
             'manual, "iSCSI Servers", knows no encryption, and what the host '
             'would decrypt by its kernel is not asked.')),
    _row('operation.trusted-certs',
         'Validate image with trusted certificates',
         capability='supports_trusted_certs', virtualbox=_COMPLETE),
    _row('operation.file-backed-memory', 'File backed memory',
         capability='supports_mem_backing_file',
         virtualbox=_missing(
             'VirtualBox takes its memory from the host itself: the settings '
             'schema 1.19 has no other source.')),
    _row('operation.report-cpu-traits', 'Report CPU traits',
         virtualbox=_missing(
             'VirtualBox does not tell what the processors of its guests can '
             'do: ProcessorFeature in the SDK reference 7.2 has no '
             'instruction sets.')),
    _row('operation.port-with-resource-request',
         'SR-IOV ports with resource request',
         virtualbox=_NO_PASSTHROUGH),
    _row('operation.boot-encrypted-vm',
         'Boot instance with secure encrypted memory',
         virtualbox=_missing(
             'VirtualBox does not use AMD SEV: the settings schema 1.19 has '
             'no such element.')),
    _row('operation.cache-images',
         'Cache base images for faster instance boot',
         methods=('cache_image', 'manage_image_cache'),
         capability='has_imagecache', virtualbox=_COMPLETE),
    _row('operation.boot-emulated-tpm',
         'Boot instance with an emulated trusted platform module (TPM)',
         methods=('spawn',), capability='supports_vtpm',
         traits=('COMPUTE_SECURITY_TPM_1_2', 'COMPUTE_SECURITY_TPM_2_0',
                 'COMPUTE_SECURITY_TPM_TIS',
                 'COMPUTE_SECURITY_TPM_SECRET_SECURITY_HOST'),
         virtualbox=_partial(
             'Its state is a file of the host that is not encrypted: Nova 34 '
             'chooses this host for hw:tpm_secret_security=host only. '
             'The model is tpm-tis. No guest of the lab uses it.')),
    _row('operation.boot-stateless-firmware',
         'Boot instance with stateless firmware',
         virtualbox=_missing(
             'The EFI of VirtualBox keeps its variables in a file of the '
             'machine: the manual, "VBoxManage modifynvram".')),
)

_BY_CONFIG_DRIVE = _partial(
    'They are on the config drive, from which the guest takes them. Nova '
    'itself writes nothing into disks any more.')

_GUEST = (
    _row('guest.disk.autoconfig', 'Auto configure disk', methods=('spawn',),
         virtualbox=_partial(
             "The disk has the flavor's size. The guest grows its partition "
             'and its file system: cloud-init does, at each start.')),
    _row('guest.disk.rate-limit', 'Instance disk I/O limits',
         methods=('spawn',),
         virtualbox=_partial(
             'Bytes, of all disks together, reading and writing together: '
             'quota:disk_total_bytes_sec. VirtualBox counts no requests: the '
             'manual, "Limiting Bandwidth for Disk Images".')),
    _row('guest.setup.configdrive', 'Config drive support',
         'choice(guest.setup)', methods=('spawn',), virtualbox=_COMPLETE),
    _row('guest.setup.inject.file', 'Inject files into disk image',
         methods=('spawn',), virtualbox=_BY_CONFIG_DRIVE),
    _row('guest.setup.inject.networking', 'Inject guest networking config',
         methods=('spawn',), virtualbox=_BY_CONFIG_DRIVE),
)

_CONSOLES = (
    _row('console.rdp', 'Remote desktop over RDP', 'choice(console)',
         virtualbox=_partial(
             'The settings are proven, and no client has connected: '
             "Oracle's extension pack may not be passed on to a lab. Nova "
             'hands out no RDP consoles: "nova-hypervisors console SERVER" '
             'tells where a screen is.')),
    _row('console.serial.log', 'View serial console logs', 'choice(console)',
         methods=('get_console_output',), virtualbox=_COMPLETE),
    _row('console.serial.interactive',
         'Remote interactive serial console', 'choice(console)',
         methods=('get_serial_console',), virtualbox=_COMPLETE,
         webservice=_partial(
             'Not on a host without files in common: VirtualBox would have to '
             'listen for everybody there.')),
    _row('console.spice', 'Remote desktop over SPICE', 'choice(console)',
         methods=('get_spice_console',),
         virtualbox=_missing(
             'No extension pack of VirtualBox speaks SPICE: the manual, '
             '"Remote Display", knows RDP and VNC.')),
    _row('console.vnc', 'Remote desktop over VNC', 'choice(console)',
         methods=('get_vnc_console',), virtualbox=_COMPLETE),
)

_STORAGE = (
    _row('storage.block', 'Block storage support',
         methods=('get_volume_connector',), virtualbox=_COMPLETE),
    _row('storage.block.backend.fibrechannel',
         'Block storage over fibre channel',
         virtualbox=_missing(
             'VirtualBox has no Fibre Channel initiator: the manual, '
             '"Virtual Storage".')),
    _row('storage.block.backend.iscsi', 'Block storage over iSCSI',
         'condition(storage.block==complete)', virtualbox=_COMPLETE),
    _row('storage.block.backend.iscsi.auth.chap',
         'CHAP authentication for iSCSI', virtualbox=_COMPLETE),
    _row('storage.image', 'Image storage support', 'mandatory',
         methods=('spawn',), virtualbox=_COMPLETE),
)

# In the matrix of the first VirtualBox driver, and in Nova's at that time.
_FORMER = (
    _row('operation.get-host-status', 'Guest host status',
         methods=('get_available_resource', 'get_available_nodes',
                  'get_nodenames_by_uuid'),
         virtualbox=_COMPLETE),
    _row('operation.service-control', 'Service control',
         methods=('set_host_enabled',), virtualbox=_COMPLETE),
    _row('networking.firewallrules', 'Network firewall rules',
         virtualbox=_NOT_A_FIREWALL),
    _row('networking.routing', 'Network routing',
         virtualbox=_missing('Neutron routes, in every current OpenStack; '
                             'nova-network, which did, was removed in 2019 '
                             '(Nova 20).')),
    _row('networking.securitygroups', 'Network security groups',
         virtualbox=_NOT_A_FIREWALL),
    _row('networking.topology.flat', 'Flat networking', 'choice(networking)',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('networking.topology.vlan', 'VLAN networking', 'choice(networking)',
         methods=('spawn',), virtualbox=_partial(
             "The host's interface for the VLAN has to be there. Frames were "
             'seen through UDP tunnels; of bridged adapters the settings, '
             'because the lab has no kernel module: see the check list in '
             'the administration guide.')),
)

_OURS = (
    _row('console.mks', 'Remote console over MKS', 'choice(console)',
         methods=('get_mks_console',), virtualbox=_missing(
             "MKS is VMware's protocol.")),
    _row('console.vmrc', 'What VMware Remote Console needs',
         virtualbox=_missing("It is VMware's program.")),
    _row('storage.block.boot', 'Boot from a volume', methods=('spawn',),
         virtualbox=_COMPLETE),
    _row('storage.block.usage', 'Count what volumes transfer',
         methods=('get_all_volume_usage', 'block_stats'),
         virtualbox=_COMPLETE),
    _row('operation.shelve', 'Shelve and unshelve an instance',
         methods=('snapshot', 'destroy', 'spawn'), virtualbox=_COMPLETE),
    _row('operation.start', 'Start a stopped instance',
         methods=('power_on',), virtualbox=_COMPLETE),
    _row('operation.stop', 'Stop an instance, gracefully if it can',
         methods=('power_off',), virtualbox=_COMPLETE),
    _row('operation.resume-on-host-boot',
         'Start instances again after the host was booted',
         methods=('resume_state_on_host_boot',), virtualbox=_COMPLETE),
    _row('operation.list-instances',
         'List own instances, and never those of others',
         methods=('list_instances', 'list_instance_uuids',
                  'get_num_instances', 'instance_exists'),
         virtualbox=_COMPLETE),
    _row('operation.diagnostics', 'Instance diagnostics',
         methods=('get_diagnostics', 'get_instance_diagnostics'),
         virtualbox=_partial(
             "Nova's API takes the names of five drivers only: the field "
             'driver says libvirt and the field hypervisor virtualbox.'),
         webservice=_partial(
             'As by VBoxManage; and the processor time is the time in which '
             'the guest was not halted, counted at each halt.')),
    _row('operation.host-cpu-stats', "Statistics of the host's processors",
         methods=('get_host_cpu_stats',), virtualbox=_COMPLETE,
         webservice=_partial('They are of the host of nova-compute.')),
    _row('operation.hung-reboots', 'Reboot instances whose reboot hangs',
         methods=('poll_rebooting_instances',), virtualbox=_COMPLETE),
    _row('operation.lifecycle-events',
         'Report what happens to instances outside Nova',
         methods=('init_host', 'cleanup_host'), virtualbox=_COMPLETE),
    _row('operation.crash-recovery',
         'Leave nothing of an instance that was half made',
         methods=('init_host',), virtualbox=_COMPLETE),
    _row('operation.other-host',
         'VirtualBox on a host without a file system in common',
         virtualbox=_missing(
             'VBoxManage speaks to the VirtualBox of its own user on its own '
             'host only: the manual, "VBoxManage".'),
         webservice=_partial(
             'It is run with a host on Linux, as another user in a root of '
             'its own. Of hosts on Windows and macOS, and of those with ARM, '
             'only names and paths are tested, on samples that were made '
             'up.')),
    _row('operation.clean', 'Clean a machine between two servers',
         methods=('destroy',), virtualbox=_missing(
             'Each server gets a machine that is made for it.')),
    _row('operation.inventory', 'Report inventory and traits to Placement',
         methods=('update_provider_tree',), virtualbox=_COMPLETE),
    _row('image.raw', 'Boot from a raw image', methods=('spawn',),
         capability='supports_image_type_raw', virtualbox=_COMPLETE),
    _row('image.qcow2', 'Boot from a qcow2 image', methods=('spawn',),
         capability='supports_image_type_qcow2', virtualbox=_COMPLETE),
    _row('image.vdi', 'Boot from a VDI image', methods=('spawn',),
         capability='supports_image_type_vdi', virtualbox=_COMPLETE),
    _row('image.vmdk', 'Boot from a VMDK image', methods=('spawn',),
         capability='supports_image_type_vmdk', virtualbox=_COMPLETE),
    _row('image.vhd', 'Boot from a VHD image', methods=('spawn',),
         capability='supports_image_type_vhd',
         virtualbox=_partial(
             'Dynamic VHDs. A fixed one has no header at its beginning, '
             "which Nova's image inspector takes for a raw image: refused.")),
    _row('image.vhdx', 'Boot from a VHDX image', methods=('spawn',),
         capability='supports_image_type_vhdx', virtualbox=_COMPLETE),
    _row('image.iso', 'Boot from an ISO image', methods=('spawn',),
         capability='supports_image_type_iso', virtualbox=_COMPLETE),
    _row('image.inspection', 'Refuse images that could do harm',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('disk.differencing', 'Disks that hold only what differs',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('disk.full-copy', 'Disks that are full copies',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('disk.blank', 'Ephemeral and swap disks', methods=('spawn',),
         virtualbox=_partial('They come without a file system.')),
    _row('network.nat', 'Adapters behind NAT', methods=('spawn',),
         virtualbox=_COMPLETE),
    _row('network.udptunnel', 'Adapters on a UDP tunnel',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('network.bridged', "Adapters bridged to the host's",
         methods=('spawn',), virtualbox=_SETTINGS_ONLY),
    _row('network.hostonly', 'Adapters on a host-only network',
         methods=('spawn',), virtualbox=_SETTINGS_ONLY),
    _row('network.intnet', 'Adapters on an internal network',
         methods=('spawn',), virtualbox=_SETTINGS_ONLY),
    _row('network.natnetwork', 'Adapters on a NAT network',
         methods=('spawn',), virtualbox=_SETTINGS_ONLY),
    _row('network.several-adapters',
         'As many adapters as the chipset has room for',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('network.wait-for-plug', 'Wait until Neutron has plugged ports in',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('network.rate-limit', 'Limits of what network adapters send',
         methods=('spawn',),
         virtualbox=_partial(
             'What all adapters together send: quota:vif_outbound_average. '
             'VirtualBox does not limit what is received: the manual, '
             '"Limiting Bandwidth for Network Input/Output".')),
    _row('hardware.disk-bus', 'Disk bus that the image chooses',
         methods=('spawn',),
         traits=('COMPUTE_STORAGE_BUS_IDE', 'COMPUTE_STORAGE_BUS_SATA',
                 'COMPUTE_STORAGE_BUS_SCSI', 'COMPUTE_STORAGE_BUS_VIRTIO'),
         virtualbox=_COMPLETE),
    _row('hardware.vif-model', 'Network adapter that the image chooses',
         methods=('spawn',),
         traits=('COMPUTE_NET_VIF_MODEL_E1000', 'COMPUTE_NET_VIF_MODEL_PCNET',
                 'COMPUTE_NET_VIF_MODEL_VIRTIO'), virtualbox=_COMPLETE),
    _row('hardware.chipset', 'Chipset that the image chooses',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('hardware.os-type', 'What the image says of its operating system',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('operation.secure-boot', 'Secure boot', methods=('spawn',),
         capability='supports_secure_boot', virtualbox=_NO_EFI_SCREEN),
    _row('disk.unsafe-cache', 'Disks whose cache is unsafe and fast',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('boot.order', 'Boot from network or disk first',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('boot.once', 'Boot another way for the next boot only',
         methods=('spawn', 'power_on'), virtualbox=_COMPLETE),
    _row('boot.menu', 'A menu at the start that tells from what to boot',
         methods=('spawn',), virtualbox=_COMPLETE),
    _row('boot.provision-only', 'Make an instance without starting it',
         methods=('spawn',), virtualbox=_COMPLETE),
)

FEATURES = (*_OPERATIONS, *_GUEST, *_CONSOLES, *_STORAGE, *_FORMER, *_OURS)


def supported(column: str) -> list[Feature]:
    """Return the rows of what a column has, all of it or a part."""
    return [feature for feature in FEATURES
            if feature.support[column].level.is_there]


def capabilities(column: str) -> dict[str, bool]:
    """Return ComputeDriver.capabilities of a column."""
    return {feature.capability: feature.support[column].level.is_there
            for feature in FEATURES if feature.capability is not None}


def traits(column: str) -> set[str]:
    """Return the traits of a host with a column's driver.

    Those of ComputeDriver.capabilities are not among them: Nova adds them.
    """
    # Placement refuses those of a later OpenStack.
    known = set(os_traits.get_traits())
    return {trait for feature in supported(column)
            for trait in _traits(feature, column)} & known


def _traits(feature: Feature, column: str) -> tuple[str, ...]:
    own = feature.support[column].traits
    return feature.traits if own is None else own
