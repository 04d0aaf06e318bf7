# SPDX-License-Identifier: Apache-2.0
"""Those options of ``[virtualbox]`` that are about its web service."""

from oslo_config import cfg

OPTS = [
    cfg.URIOpt(
        'webservice_url',
        default='http://127.0.0.1:18083/',
        schemes=['http', 'https'],
        help="""
The address of VirtualBox's web service.

The web service lets whoever can log on do with the host's files what its user
can: let it listen on an address that only this service reaches, and use
``https`` if that is not loopback (``vboxwebsrv --ssl``).
"""),
    cfg.StrOpt(
        'webservice_user',
        default='',
        help="""
The name with which this service logs on to the web service.

It is checked by the authentication library that VirtualBox is set to
(``VBoxManage setproperty websrvauthlibrary``).
"""),
    cfg.StrOpt(
        'webservice_password',
        secret=True,
        help="""
The password of ``webservice_user``.

Related options:

* ``webservice_password_file`` keeps it out of this file.
"""),
    cfg.StrOpt(
        'webservice_password_file',
        help="""
A file whose first line is the password of ``webservice_user``.

It is read at each log-on.

Possible values:

* The path of a file that only the user of nova-compute can read.
"""),
    cfg.StrOpt(
        'webservice_ca_file',
        help="""
The file of the certificate authority that signed the web service's
certificate.

Possible values:

* The path of a PEM file, which may also be the certificate itself.
* Unset: the authorities that the system trusts.
"""),
    cfg.BoolOpt(
        'webservice_insecure',
        default=False,
        help="""
Whether the web service's certificate is taken as it is, unchecked.

Whoever is between this host and the web service's can then log on to it.
"""),
    cfg.FloatOpt(
        'webservice_connect_timeout',
        default=10.0,
        min=0.1,
        help="""
Seconds after which a connection to the web service that does not come about is
given up.

Related options:

* ``command_timeout`` is the limit of an answer.
"""),
    cfg.StrOpt(
        'webservice_instances_path',
        help="""
The folder on VirtualBox's own host in which servers' disks and cached images
are kept, if that host has no files in common with this one.

It is the user of the web service whom it has to belong to.  Everything gets
there, and comes back, through the web service.

Possible values:

* A path as that host has it: ``/var/lib/openstack``, ``D:\\OpenStack``.
* Unset: VirtualBox sees ``[DEFAULT] instances_path`` under the same path as
  this service.

Related options:

* ``backend`` has to be ``webservice``.
* ``[DEFAULT] instances_path`` still is where images are converted.
"""),
    cfg.IntOpt(
        'webservice_disk_gb',
        min=1,
        help="""
Gibibytes that servers and cached images may have in
``webservice_instances_path``.

Possible values:

* Unset: the whole file system, if VirtualBox measures it.  It does so for the
  file system of ``/`` only, and not on every operating system.
"""),
    cfg.IntOpt(
        'webservice_transfers',
        default=4,
        min=1,
        max=16,
        help="""
The number of connections over which one disk is sent to
``webservice_instances_path``.

More than the host has processors to spare make it no faster.

Related options:

* ``webservice_connections`` has to be more, so that something is left for
  everything else.
"""),
    cfg.IntOpt(
        'webservice_connections',
        default=8,
        min=1,
        help="""
The number of connections to the web service that are open at once, at the
most.

Each takes a thread of the web service, which has as many as its option
``--threads`` says.
"""),
]
