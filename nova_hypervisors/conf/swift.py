# SPDX-License-Identifier: Apache-2.0
"""The options of ``[swift]``."""

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = cfg.OptGroup(
    'swift',
    title='Swift',
    help="""
Where images for the virtual drives of nodes are put, if ``[deploy] publisher``
is ``swift``.

The credentials are those of this service, in the way that Keystone's clients
have in common: ``auth_type``, ``auth_url``, ``username``, ``password``,
``project_name`` and so on, and ``cafile`` for the certificates.
""")

OPTS = [
    cfg.StrOpt(
        'region_name',
        help="""
The region of Swift in the catalog.
"""),
    cfg.StrOpt(
        'interface',
        default='public',
        choices=[('public', 'The one for everybody.'),
                 ('internal', 'The one for services.'),
                 ('admin', 'The one for administrators.')],
        help="""
Which of Swift's addresses in the catalog is used.
"""),
    cfg.URIOpt(
        'temp_url_endpoint',
        schemes=['http', 'https'],
        help="""
Where nodes reach Swift, if it is not where this service does: a URL without
a path.
"""),
    cfg.StrOpt(
        'temp_url_key',
        secret=True,
        help="""
The key of temporary URLs, if Swift is not to be asked for the one that the
account has.
"""),
    cfg.BoolOpt(
        'set_temp_url_key',
        default=False,
        help="""
Whether an account that has no key for temporary URLs is given one.

If it is not, such an account is an error that says how to set one.
"""),
    cfg.IntOpt(
        'swift_max_retries',
        default=2,
        min=0,
        help="""
How often a request that failed is tried again.
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
    # Keystone explains these itself, in all services alike.
    loading.register_session_conf_options(conf, GROUP.name)
    loading.register_auth_conf_options(conf, GROUP.name)
