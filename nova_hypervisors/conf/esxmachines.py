# SPDX-License-Identifier: Apache-2.0
"""Those options of ``[vmware]`` that are about machines."""

from oslo_config import cfg
from oslo_config import types

# A name that has a comma in it is put into double quotes.
_ENTRY = types.String(quotes=True)

STORAGE_OPTS = [
    cfg.StrOpt(
        'instances_folder',
        default='nova',
        regex=r'^[^/\[\]]+(/[^/\[\]]+)*$',
        help="""
The folder on the datastore in which servers' disks are kept.

Each server has a folder in it, which is called like its ID.

Possible values:

* A path below the datastore's root, without a slash at its ends.

Related options:

* ``datastore_regex`` says which datastores are used.
"""),
    cfg.StrOpt(
        'image_cache_folder',
        default='nova-images',
        regex=r'^[^/\[\]]+(/[^/\[\]]+)*$',
        help="""
The folder on the datastore in which images are kept for the next server.

Hosts that have a datastore in common may have this folder in common, too: an
image is then uploaded once for all of them.

Possible values:

* A path below the datastore's root, without a slash at its ends.

Related options:

* ``[image_cache] remove_unused_base_images`` and its like say how long.
"""),
    cfg.BoolOpt(
        'linked_clone',
        default=False,
        help="""
Whether a server's disk keeps only what differs from its image.

Such a server is made at once, whatever the size of the image.  Its disk is
lost if the image's disk in the cache is, which is kept for as long as a server
needs it.  VMware supports disks that are made in this way by its own products
only.  If it is off, each server gets a full copy, which the host itself makes.

Nova's ``use_linked_clone`` is not read, because it is on where nobody has said
so.
"""),
    cfg.StrOpt(
        'snapshot_image_format',
        default='vmdk',
        choices=[
            ('vmdk', 'VMware, stream optimized and compressed.'),
            ('qcow2', 'Compressed; what most hypervisors can use.'),
            ('raw', 'As large as the disk.'),
        ],
        help="""
The format in which snapshots of servers are kept in Glance.
"""),
]

POWER_OPTS = [
    cfg.IntOpt(
        'wait_soft_reboot_seconds',
        default=60,
        min=0,
        help="""
Seconds to wait for a guest to shut down when a soft reboot is asked for.

After this time it is rebooted hard, and so is a guest without VMware Tools, at
once.
"""),
]

NETWORK_OPTS = [
    cfg.ListOpt(
        'physical_network_mappings',
        item_type=_ENTRY,
        default=[],
        help="""
The port groups of the host into which servers on flat networks are plugged.

The port groups have to be there.  They are never changed.

Possible values:

* A list of ``NETWORK:PORTGROUP``, with commas between.  ``NETWORK`` is the
  name of a physical network in Neutron, or ``*`` for those that are not named.
  A name of a port group with a comma in it makes an entry in double quotes.

For example: ``physnet1:VM Network,"physnet2:Test, old"``

Related options:

* ``vlan_mappings`` is for VLAN networks.
"""),
    cfg.ListOpt(
        'vlan_mappings',
        item_type=_ENTRY,
        default=[],
        help="""
The physical network adapters of the host by which VLAN networks are reached.

For each VLAN there is one port group, on the virtual switch to which the
adapter belongs.  It is made when the first server needs it.

Possible values:

* A list of ``NETWORK:ADAPTER``, with commas between.  ``NETWORK`` is the name
  of a physical network in Neutron.

For example: ``physnet1:vmnic0,physnet2:vmnic1``

Related options:

* ``vlan_interface`` is the adapter for all other physical networks.
* ``port_group_prefix``
"""),
    cfg.StrOpt(
        'vlan_interface',
        sample_default='vmnic0',
        help="""
The physical network adapter by which the VLAN networks are reached that
``vlan_mappings`` does not name.

Possible values:

* The host's name of an adapter: ``vmnic0``.
* Unset: servers on VLAN networks that ``vlan_mappings`` does not name are
  refused.
"""),
    cfg.StrOpt(
        'port_group_prefix',
        default='nova-',
        max_length=20,
        help="""
What the names of the port groups begin with that are made for VLAN networks.

The name of the physical network and the VLAN's number come after it:
``nova-physnet1-105``.

Related options:

* ``[ml2_esx] port_group_prefix`` of neutron-server, which goes before this
  one for ports that its mechanism driver ``esx`` has bound.
"""),
    cfg.BoolOpt(
        'machine_id',
        default=True,
        help="""
Whether servers are told their addresses by ``machine.id``.

The guest tool of this package (tools/esx/guest_tool.py) reads it there by
VMware Tools, and configures the guest.  It is told for networks without DHCP
as well as for others.
"""),
]

OPTS = [*STORAGE_OPTS, *POWER_OPTS, *NETWORK_OPTS]
