# SPDX-License-Identifier: Apache-2.0
"""The options of ``[incidents]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'incidents',
    title='Incidents',
    help="""
Files of what went over the wire when an operation failed.

``nova-hypervisors replay`` reads them, without the hypervisor.
""")

OPTS = [
    cfg.StrOpt(
        'directory',
        help="""
The folder where nova-compute leaves a file when an operation has failed.

A file has the calls of the hypervisor with their answers and times, the error
and the versions.  Passwords, keys and tokens are taken out; names, addresses
and what the hypervisor says of its machines are not.  The folder is made if
it is not there, and only nova-compute's user can read the files.

Possible values:

* An absolute path.
* Not set: nothing is kept of calls, and no file is written.

Related options:

* ``max_files``
* ``max_age_days``
"""),
    cfg.IntOpt(
        'max_files',
        default=100,
        min=1,
        help="""
How many files are kept.  With another one the oldest is deleted.

Related options:

* ``directory``
"""),
    cfg.IntOpt(
        'max_age_days',
        default=30,
        min=1,
        help="""
After how many days a file is deleted, when another one is written.

Related options:

* ``directory``
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
