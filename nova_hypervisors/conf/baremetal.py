# SPDX-License-Identifier: Apache-2.0
"""The options of ``[baremetal]``."""

from oslo_config import cfg

from nova_hypervisors.conf import certificates

GROUP = cfg.OptGroup(
    'baremetal',
    title='Bare metal',
    help="""
How the driver for bare metal keeps its nodes, and how long it waits for them.

Used when ``[DEFAULT] compute_driver`` is ``nova_hypervisors.BareMetalDriver``.
What is particular to a node, such as the address of its controller, is not
here: see ``nova-hypervisors node create``.
""")

OPTS = [
    cfg.StrOpt(
        'connection',
        default='sqlite:///$state_path/baremetal/nodes.db',
        secret=True,
        help="""
The database in which the nodes are, as SQLAlchemy writes it.

Its tables are made, and changed after an upgrade, when the service starts.

Possible values:

* ``sqlite:///`` and a path: for one host.
* ``mysql+pymysql://user:password@host/name?charset=utf8mb4`` or
  ``postgresql://user:password@host/name``: several hosts may share it.  A node
  still belongs to one of them.
"""),
    cfg.IntOpt(
        'workers',
        default=32,
        min=1,
        help="""
The number of nodes that are asked for their power, or cleaned, at the same
time.

It bounds how long a look at all nodes takes: the time that a controller needs
to answer, times the nodes, by this number.
"""),
    cfg.IntOpt(
        'power_poll_interval',
        default=60,
        min=1,
        help="""
Seconds between two looks at the power of all nodes.

What Nova is told of a server's power may be as old as this.
"""),
    cfg.FloatOpt(
        'power_timeout',
        default=120.0,
        min=1.0,
        help="""
Seconds within which a node has to be on, or off, after it was told so.
"""),
    cfg.FloatOpt(
        'soft_power_off_timeout',
        default=60.0,
        min=1.0,
        help="""
Seconds that the system on a node has to shut down by itself, before the node
is switched off or reset.

It counts for a soft reboot.  When a server is stopped, Nova says how long:
``[DEFAULT] shutdown_timeout``.
"""),
    cfg.FloatOpt(
        'deploy_timeout',
        default=1800.0,
        min=10.0,
        help="""
Seconds within which a node that was told to boot the deploy ramdisk has to
report back.
"""),
    cfg.BoolOpt(
        'automated_clean',
        default=True,
        help="""
Whether a node is cleaned between two servers.

If it is not, the next server may find the data of the one before.

Related options:

* ``clean_steps`` says what cleaning is.
"""),
    cfg.ListOpt(
        'clean_steps',
        default=['power_off', 'eject_media', 'erase'],
        item_type=cfg.types.String(),
        help="""
What is done with a node, in this order, before it may have another server.

Possible values:

* ``power_off``: the node is switched off, and that is checked.
* ``eject_media``: what is in its virtual drives is taken out.
* ``erase``: its deploy interface takes the data of the last server away, as
  far as it can.
* ``boot_order``: it boots from its disk again.
* Names of your own: entry points of the group
  ``nova_hypervisors.baremetal.clean_steps``.
"""),
    cfg.StrOpt(
        'default_ephemeral_format',
        default='ext4',
        choices=[('ext4', 'Linux.'), ('xfs', 'Linux, too.'),
                 ('vfat', 'Windows and everybody else.')],
        help="""
The file system that a server's ephemeral disk has.

Related options:

* ``[DEFAULT] default_ephemeral_format`` comes first, if it is set.
"""),
    cfg.PortOpt(
        'console_port',
        help="""
The port on which this service hands out screens to nova-novncproxy.

That knows no passwords, which VNC servers of machines want.  So this service
listens on ``[vnc] server_proxyclient_address`` and this port, and connects to
the machine itself, as ``vnc_console`` of its node says.  The port has to be
reachable from the console proxies only, and differs between services on one
host.

Not set: servers have no VNC console.
"""),
    *certificates.OPTS,
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
