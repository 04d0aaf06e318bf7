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
