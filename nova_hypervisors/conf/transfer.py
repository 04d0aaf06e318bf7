# SPDX-License-Identifier: Apache-2.0
"""Those options of a driver that are about moving to other hosts."""

from oslo_config import cfg

#: How their disks get there.
OPTS = [
    cfg.StrOpt(
        'transfer_address',
        default='$my_ip',
        help="""
The address on which this service hands out the disks of servers that go to
another host.

Other nova-compute services fetch them there, by TLS and with a token that is
good for one server and once.

Possible values:

* An IP address of this host that the other compute hosts reach.

Related options:

* ``transfer_port``
"""),
    cfg.PortOpt(
        'transfer_port',
        default=6085,
        help="""
The port on which this service hands out the disks of servers that go to
another host.

It has to be reachable from the other compute hosts only, and differs between
services on one host.  With 0 the system chooses one, which is another one
after each start: then a move that the start interrupts fails.
"""),
    cfg.StrOpt(
        'transfer_certificate',
        help="""
The file of the certificate with which disks are handed out.

The service that fetches a disk is told by Nova which certificate it will be
shown, and takes no other.  So it need not be signed by anybody.

Possible values:

* The path of a PEM file.
* Unset: this service makes one of its own, in ``state_path``.

Related options:

* ``transfer_private_key``
* ``transfer_ca_file``
"""),
    cfg.StrOpt(
        'transfer_private_key',
        help="""
The file of the private key that belongs to ``transfer_certificate``.

Possible values:

* The path of a PEM file, without a passphrase.
"""),
    cfg.StrOpt(
        'transfer_ca_file',
        help="""
The file of the certificate authority that has to have signed the certificates
of other services from which this one fetches disks.

Possible values:

* The path of a PEM file.  Then every service needs a ``transfer_certificate``.
* Unset: what Nova says about their certificates is enough.
"""),
]

#: How VirtualBox sends the memory of those that go on running.
TELEPORT_OPTS = [
    cfg.StrOpt(
        'teleport_address',
        default='$my_ip',
        help="""
The address on which machines of this host wait for servers that come from
another host without a stop.

VirtualBox sends the memory of such a server unencrypted: let it go over a
network that nobody else is on.

Possible values:

* An IP address of this host that VirtualBox on the other compute hosts
  reaches.

Related options:

* ``teleport_ports``
"""),
    cfg.StrOpt(
        'teleport_ports',
        default='6090-6189',
        help="""
The ports on which machines of this host wait for servers that come from
another host without a stop.

Possible values:

* A port, a range (``6090-6189``), or several of these with commas between.
  Each server that is on its way takes one; several services on one host need
  different ones.

Related options:

* ``teleport_address``
"""),
]
