# SPDX-License-Identifier: Apache-2.0
"""Those options of ``[virtualbox]`` that are about machines."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        'wait_soft_reboot_seconds',
        default=60,
        min=0,
        help="""
Seconds to wait for a guest to shut down when a soft reboot is asked for.

After this time it is rebooted hard.
"""),
    cfg.ListOpt(
        'physical_network_mappings',
        default=[],
        help="""
What a server's network adapters are plugged into.

Possible values:

* A list of ``NETWORK:KIND[:NAME]``, with commas between.  ``NETWORK`` is the
  name of a physical network in Neutron, or ``*`` for those that are not named.
  ``KIND`` is one of

  * ``bridged``: the host's network interface ``NAME``
  * ``hostonly``: the host-only interface ``NAME``
  * ``hostonlynet``: the host-only network ``NAME`` (macOS)
  * ``intnet``: the internal network ``NAME``
  * ``natnetwork``: the NAT network ``NAME``
  * ``nat``: NAT, each adapter on its own
  * ``udptunnel``: a switch that takes Ethernet frames as UDP packets; ``NAME``
    is ``ADDRESS:PORT:FIRST-LAST``, the switch's address and port and the local
    ports of which each adapter gets one

A server whose network is not among them is not started.

For a VLAN network ``bridged`` means the host's VLAN interface, ``eth1.105``
for VLAN 105 on ``eth1``, which has to be there; ``intnet`` means an internal
network named alike, and ``udptunnel`` the switch's port plus the VLAN's
number.  Where interfaces have other names, ``{vlan}`` in ``NAME`` stands for
the number.

For example: ``physnet1:bridged:eth1,physnet2:hostonly:vboxnet0``
"""),
    cfg.StrOpt(
        'iscsi_initiator',
        regex=r'^(iqn|eui|naa)\.[-.:a-z0-9]+$',
        sample_default='iqn.2009-08.com.sun.virtualbox.initiator:HOST',
        help="""
The iSCSI name by which this host logs in to the targets of volumes.

VirtualBox logs in by itself, and the host needs no other initiator.  Storages
that let only initiators in which they know have to be told this name.  No two
hosts may have the same.

Possible values:

* A name as iSCSI has it, in lower case.  If it is not set, it is made of
  VirtualBox's own and ``[DEFAULT] host``.

Related options:

* ``[DEFAULT] my_block_storage_ip``: the address from which VirtualBox's host
  reaches the storages
"""),
    cfg.IntOpt(
        'spare_network_adapters',
        default=0,
        min=0,
        max=28,
        help="""
Network adapters that each server has beyond those that it uses.

VirtualBox adds no adapter to a machine that runs.  A port that is added to a
running server is given to a spare adapter, which is there from the start and
plugged in nowhere.  The port gets the adapter's MAC address, because
VirtualBox does not change that of a running machine.  The guest sees spare
adapters as ones without a link.

Flavors say otherwise by ``virtualbox:spare_adapters``, images by
``virtualbox_spare_adapters``.
"""),
    cfg.IntOpt(
        'disk_ports',
        default=8,
        min=4,
        max=30,
        help="""
Ports with which the SATA controller of a server begins.

Four are for the root disk, an ISO image, the config drive and the disk of a
server that is rescued, the others for ephemeral disks, swap and volumes.  A
server that is off gets more when it needs them, up to 30; to one that runs, no
more disks can be attached than it has ports.  At each start, VirtualBox's BIOS
waits 0.16 seconds for each port that has no disk.  A change counts from a
server's next hard reboot on.
"""),
    cfg.StrOpt(
        'snapshot_image_format',
        default='qcow2',
        choices=[
            ('qcow2', 'Compressed; what most hypervisors can use.'),
            ('raw', 'As large as the disk.'),
            ('vdi', "VirtualBox's own format."),
            ('vmdk', 'VMware, stream optimized.'),
        ],
        help="""
The format in which snapshots of servers are kept in Glance.
"""),
]
