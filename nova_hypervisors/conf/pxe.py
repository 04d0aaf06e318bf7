# SPDX-License-Identifier: Apache-2.0
"""The options of ``[pxe]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'pxe',
    title='Booting nodes by network',
    help="""
How nodes of bare metal are booted that have no virtual media.

Used by nodes whose boot interface is ``pxe``.  Who serves TFTP and DHCP is
not this service: it writes their files.
""")

OPTS = [
    cfg.StrOpt(
        'tftp_root',
        default='/var/lib/tftpboot',
        help="""
The folder that a TFTP server hands out.  The kernel and the ramdisk of each
node, and what its boot loader is to do, are written there.

It has to have the boot loader itself, ``pxelinux.0`` with ``ldlinux.c32``, if
``loader`` is ``pxelinux``.
"""),
    cfg.StrOpt(
        'loader',
        default='pxelinux',
        choices=[('pxelinux', 'Syslinux, for a BIOS; all goes by TFTP.'),
                 ('ipxe', 'iPXE, for BIOS and UEFI; fast, by HTTP.')],
        help="""
What nodes boot by network.
"""),
    cfg.URIOpt(
        'http_url',
        schemes=['http', 'https'],
        help="""
The URL at which a web server hands out ``tftp_root``: iPXE fetches from it.
Not set: iPXE, too, fetches by TFTP.
"""),
    cfg.StrOpt(
        'dhcp',
        default='none',
        choices=[('none', 'Somebody else sees to it.'),
                 ('dnsmasq', 'A dnsmasq that reads the two folders below.'),
                 ('neutron', "Neutron's DHCP, by options of the ports.")],
        help="""
How nodes are told what to boot.
"""),
    cfg.StrOpt(
        'bootfile',
        default='pxelinux.0',
        help="""
The name of the boot loader that DHCP hands out.
"""),
    cfg.StrOpt(
        'uefi_bootfile',
        default='ipxe.efi',
        help="""
The name of the boot loader that DHCP hands out to nodes that boot by UEFI.
"""),
    cfg.StrOpt(
        'tftp_server',
        default='$my_ip',
        help="""
The address of the TFTP server.
"""),
    cfg.StrOpt(
        'dnsmasq_hosts_dir',
        default='/etc/dnsmasq.d/hostsdir.d',
        help="""
The folder that dnsmasq reads by ``dhcp-hostsdir``.
"""),
    cfg.StrOpt(
        'dnsmasq_options_dir',
        default='/etc/dnsmasq.d/optsdir.d',
        help="""
The folder that dnsmasq reads by ``dhcp-optsdir``.
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
