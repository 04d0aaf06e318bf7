# SPDX-License-Identifier: Apache-2.0
"""Those options of ``[ilo]`` that say how controllers are reached."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        'client_timeout',
        default=60,
        min=1,
        help="""
Seconds within which a controller has to answer.

It is for the interfaces ``ilo4`` and ``redfish``.  A node's ``client_timeout``
or ``redfish_timeout`` comes before it.
"""),
    cfg.PortOpt(
        'client_port',
        default=443,
        help="""
The port of iLOs.

A node's ``client_port`` comes before it.
"""),
    cfg.StrOpt(
        'verify_ca',
        default='true',
        help="""
How the certificates of iLOs are checked.

A node's ``ilo_verify_ca`` comes before it.

Possible values:

* ``true``: with the authorities that the system trusts.
* The path of a file with certificates: with these.
* ``false``: not at all.  Whoever is between this host and an iLO then learns
  its password.
"""),
]
