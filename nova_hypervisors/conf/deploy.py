# SPDX-License-Identifier: Apache-2.0
"""The options of ``[deploy]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'deploy',
    title='Deploying to bare metal',
    help="""
How images get onto nodes of bare metal.

Used when ``[DEFAULT] compute_driver`` is ``nova_hypervisors.BareMetalDriver``.
""")

_CALLBACK = [
    cfg.StrOpt(
        'callback_address',
        default='$my_ip',
        help="""
The address on which this service listens for nodes that run the deploy
ramdisk.

Possible values:

* An IP address of this host; ``0.0.0.0`` or ``::`` for all.

Related options:

* ``callback_url`` is what the nodes are told.
"""),
    cfg.PortOpt(
        'callback_port',
        default=6386,
        help="""
The TCP port on which this service listens for nodes that run the deploy
ramdisk.

Possible values:

* ``0``: one that the system chooses.
"""),
    cfg.URIOpt(
        'callback_url',
        schemes=['https'],
        help="""
What nodes are told to call, if it is not ``https://``, ``callback_address``
and ``callback_port``.

Its host has to be in the certificate, and nodes have to reach it.
"""),
    cfg.StrOpt(
        'callback_certificate',
        help="""
The file of the certificate that is shown to nodes which call.

If it is not set, one is made and kept in ``state_path``; nodes are given it,
so that nobody has to sign it.

Possible values:

* The path of a PEM file.

Related options:

* ``callback_private_key``
* ``callback_ca``
"""),
    cfg.StrOpt(
        'callback_private_key',
        help="""
The file of the private key that belongs to ``callback_certificate``.

Possible values:

* The path of a PEM file, without a passphrase.
"""),
    cfg.StrOpt(
        'callback_ca',
        help="""
The file of the certificate authority that has signed
``callback_certificate``: nodes are given it, and trust nobody else.

Possible values:

* The path of a PEM file.
* Not set: ``callback_certificate`` itself is trusted.
"""),
]

_WRITING = [
    cfg.FloatOpt(
        'write_silence_timeout',
        default=120.0,
        min=5.0,
        help="""
Seconds without progress after which writing an image is given up.

An iSCSI target that goes away would be waited for without an end.
"""),
    cfg.FloatOpt(
        'write_timeout',
        default=14400.0,
        min=60.0,
        help="""
Seconds within which an image has to be written, whatever its progress.
"""),
    cfg.BoolOpt(
        'verify',
        default=False,
        help="""
Whether what was written is read back and compared.

It takes about as long as writing.
"""),
    cfg.IntOpt(
        'image_cache_ttl',
        default=10080,
        min=60,
        help="""
Minutes that an image is kept in ``state_path`` after a node was deployed with
it for the last time.
"""),
    cfg.IntOpt(
        'efi_system_partition_size',
        default=200,
        min=32,
        help="""
The size in MiB of the partition from which a node boots that has a partition
image, by UEFI or by BIOS.

The kernel and the ramdisk of the image have to fit on it.
"""),
    cfg.ListOpt(
        'disk_devices',
        default=['cciss/c0d0', 'sda', 'hda', 'vda'],
        item_type=cfg.types.String(),
        help="""
The disks that an image may be written to, by their names in the deploy
ramdisk: the first one that there is.  If there is none of them, the first
disk is taken.

Related options:

* A node's ``root_device`` in ``driver_info`` comes first.
"""),
    cfg.StrOpt(
        'kernel_append_params',
        default='nofb nomodeset vga=normal',
        help="""
What is added to the kernel's parameters of servers that boot a kernel of
their image, and of the deploy ramdisk where it is booted by network.
"""),
]

_PUBLISHING = [
    cfg.StrOpt(
        'publisher',
        default='swift',
        choices=[('swift', 'Objects in Swift: see ``[swift]``.'),
                 ('http', 'A folder of a web server: see ``http_root``.')],
        help="""
Where images are put for the virtual drives of nodes.
"""),
    cfg.StrOpt(
        'http_root',
        default='$state_path/baremetal/served',
        help="""
The folder that a web server hands out, with ``publisher`` set to ``http``.

Names in it cannot be guessed, and the web server must not list them.  It is
best on the file system of ``state_path``: then nothing is copied.

Related options:

* ``http_url``
"""),
    cfg.URIOpt(
        'http_url',
        schemes=['http', 'https'],
        help="""
The URL at which a web server hands out ``http_root``.
"""),
    cfg.StrOpt(
        'isolinux_bin',
        default='/usr/lib/ISOLINUX/isolinux.bin',
        help="""
The boot loader of CDs for a BIOS.
"""),
    cfg.StrOpt(
        'ldlinux_c32',
        default='/usr/lib/syslinux/modules/bios/ldlinux.c32',
        help="""
The module that belongs to ``isolinux_bin``.
"""),
    cfg.StrOpt(
        'esp_image',
        help="""
An image of an EFI system partition for CDs, with a signed boot loader for
nodes with secure boot.

Possible values:

* The path of an image of a FAT file system.  Its boot loader has to look for
  ``/boot/grub/grub.cfg`` on the CD.
* Not set: one is made with GRUB, and not signed.
"""),
    cfg.StrOpt(
        'ipxe_kernel',
        default='/boot/ipxe.lkrn',
        help="""
The file of iPXE in the form of a Linux kernel, as the package ipxe of Debian
has it.

Discs by which servers run from a volume are made of it.  Nodes that boot by
network do not need it: see ``[pxe]``.
"""),
]

OPTS = [*_CALLBACK, *_WRITING, *_PUBLISHING]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
