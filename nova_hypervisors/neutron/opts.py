# SPDX-License-Identifier: Apache-2.0
from oslo_config import cfg

GROUP = cfg.OptGroup(
    'ml2_vbox',
    title='Ports on VirtualBox hosts',
    help="""
Which ports the mechanism driver ``vbox`` binds.

Used by neutron-server when ``[ml2] mechanism_drivers`` has ``vbox`` in it.
""")

OPTS = [
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


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    return [(GROUP, OPTS)]
