# SPDX-License-Identifier: Apache-2.0
from oslo_config import cfg

GROUP = cfg.OptGroup(
    'rdp',
    title='Remote desktop by RDP',
    help="""
How machines offer their screens by RDP.

Nova itself has no RDP console any more, and no group of this name: a server's
RDP port is for clients that connect to the hypervisor's host directly.  Used
by VirtualBoxDriver together with ``[virtualbox] remote_display``.
""")

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help="""
Whether this group is applied to the screens that servers offer by RDP.

VirtualBox speaks RDP by Oracle's extension pack.  If this is off, and there
are RDP displays all the same, they have VirtualBox's own settings.

Related options:

* ``[virtualbox] remote_display`` has to be on.
* ``[virtualbox] vrde_module`` has to name an extension pack with RDP.
"""),
    cfg.BoolOpt(
        'encrypted_rdp',
        default=False,
        help="""
Whether RDP connections are encrypted.

Related options:

* ``security_method`` says how.
"""),
    cfg.StrOpt(
        'security_method',
        default='RDP',
        choices=[
            ('RDP', "RDP's own weak encryption, which every client has."),
            ('TLS', 'TLS only; the client must know it.'),
            ('Negotiate', 'TLS if the client knows it, else RDP.'),
        ],
        help="""
How RDP connections are encrypted.

Related options:

* ``encrypted_rdp`` has to be on.
* ``server_certificate``, ``server_private_key`` and ``server_ca`` are what TLS
  needs.
"""),
    cfg.StrOpt(
        'server_certificate',
        help="""
The file of the certificate that RDP servers show.

Possible values:

* The path of a PEM file on the hypervisor's host.
* Unset: VirtualBox makes a certificate of its own for each machine.
"""),
    cfg.StrOpt(
        'server_private_key',
        help="""
The file of the private key that belongs to ``server_certificate``.

Possible values:

* The path of a PEM file on the hypervisor's host, without a passphrase.
"""),
    cfg.StrOpt(
        'server_ca',
        help="""
The file of the certificate authority that signed ``server_certificate``.

Possible values:

* The path of a PEM file on the hypervisor's host.
"""),
    cfg.URIOpt(
        'html5_proxy_base_url',
        default='http://127.0.0.1:6083/',
        schemes=['http', 'https'],
        help="""
The address of an RDP gateway that browsers can open.

Kept for configuration files that have it.  Nova hands out no RDP consoles, so
nothing refers browsers to the gateway.
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
