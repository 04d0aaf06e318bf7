# SPDX-License-Identifier: Apache-2.0
from oslo_config import cfg

VIRTUALBOX_GROUP = cfg.OptGroup(
    'ml2_vbox',
    title='Ports on VirtualBox hosts',
    help="""
Which ports the mechanism driver ``vbox`` binds.

Used by neutron-server when ``[ml2] mechanism_drivers`` has ``vbox`` in it.
""")

ESX_GROUP = cfg.OptGroup(
    'ml2_esx',
    title='Ports on VMware ESX hosts',
    help="""
Which ports the mechanism driver ``esx`` binds.

Used by neutron-server when ``[ml2] mechanism_drivers`` has ``esx`` in it.  It
is for ESX hosts that each have a nova-compute of their own, and not for hosts
that vCenter manages.
""")

VIRTUALBOX_OPTS = [
    cfg.ListOpt(
        'physical_networks',
        default=[],
        help="""
The physical networks that VirtualBox hosts reach.

What they are connected to there is said on each host, by ``[virtualbox]
physical_network_mappings``.

Possible values:

* A list of ``HOST:NETWORK``.  ``HOST`` is ``[DEFAULT] host`` of a
  nova-compute, or ``*`` for every host.  Hosts with other hypervisors need
  another mechanism driver; if there are such, put that driver before ``vbox``
  or name the hosts.

For example: ``*:physnet1``
"""),
]

ESX_OPTS = [
    cfg.ListOpt(
        'physical_networks',
        default=[],
        help="""
The physical networks that ESX hosts reach.

What they are connected to there is said on each host, by ``[vmware]
physical_network_mappings`` for flat networks and ``[vmware] vlan_mappings``
for VLAN networks.

Possible values:

* A list of ``HOST:NETWORK``.  ``HOST`` is ``[DEFAULT] host`` of a
  nova-compute, or ``*`` for every host.  Hosts with other hypervisors need
  another mechanism driver; if there are such, put that driver before ``esx``
  or name the hosts.

For example: ``esx1:physnet1,esx2:physnet1``
"""),
    cfg.StrOpt(
        'port_group_prefix',
        default='nova-',
        max_length=20,
        help="""
What the names of the port groups begin with that ESX hosts make for VLAN
networks.

The name of the physical network and the VLAN's number come after it:
``nova-physnet1-105``.
"""),
]

_GROUPS = [(VIRTUALBOX_GROUP, VIRTUALBOX_OPTS), (ESX_GROUP, ESX_OPTS)]


def register_opts(conf: cfg.ConfigOpts) -> None:
    for group, options in _GROUPS:
        conf.register_group(group)
        conf.register_opts(options, group=group)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    return list(_GROUPS)
