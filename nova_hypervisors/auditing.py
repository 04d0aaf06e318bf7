# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors audit``: what nobody owns, and what is gone."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from collections.abc import Sequence

from nova import config as nova_config

from nova_hypervisors.common import audits
from nova_hypervisors.common import conductor

_PREFIX = 'nova_hypervisors.'

# Who knows what a driver leaves behind.
_AUDITS = {
    'BareMetalDriver': 'nova_hypervisors.baremetal.audit',
    'VMwareESXDriver': 'nova_hypervisors.vmwareapi.audit',
    'VirtualBoxDriver': 'nova_hypervisors.virtualbox.audit',
}


class Refused(Exception):
    """There is nothing to audit; says why."""


@contextlib.contextmanager
def opened(config_files: Sequence[str]) -> Iterator[audits.Audit]:
    """Have an audit of what nova-compute with these files looks after.

    :raises Refused: it is none of this package's
    :raises Unreachable: Nova does not say what it has
    """
    from nova_hypervisors import conf
    nova_config.parse_args(['nova-compute'], list(config_files),
                           init_rpc=False, configure_db=False)
    name = conf.CONF.compute_driver or ''
    module = _AUDITS.get(name.removeprefix(_PREFIX))
    if module is None or not name.startswith(_PREFIX):
        raise Refused(
            f'[DEFAULT] compute_driver is {name!r}; an audit is made of '
            + ', '.join(_PREFIX + known for known in sorted(_AUDITS)))
    with conductor.connected(conf.CONF) as servers:
        made: audits.Audit = importlib.import_module(module).make_audit(
            conf.CONF, servers)
        with contextlib.closing(made):
            yield made
