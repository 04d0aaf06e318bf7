# SPDX-License-Identifier: Apache-2.0
"""Those options of a driver that are about handing out consoles by TLS."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        'console_certificate',
        help="""
The file of the certificate with which consoles are handed out.

If it is set, nova-novncproxy has to use VeNCrypt: set ``[vnc] auth_schemes``
to ``vencrypt`` there.  If it is not set, what goes between it and this service
is not encrypted.  Serial consoles never are: nova-serialproxy knows no TLS.

Possible values:

* The path of a PEM file.

Related options:

* ``console_private_key``
* ``console_client_ca``
"""),
    cfg.StrOpt(
        'console_private_key',
        help="""
The file of the private key that belongs to ``console_certificate``.

Possible values:

* The path of a PEM file, without a passphrase.
"""),
    cfg.StrOpt(
        'console_client_ca',
        help="""
The file of the certificate authority that signs Nova's console proxies.

If it is set, only clients with a certificate of this authority get a console:
``[vnc] vencrypt_client_cert`` on their side.

Possible values:

* The path of a PEM file.
"""),
]
