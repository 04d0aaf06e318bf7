# SPDX-License-Identifier: Apache-2.0
"""The operator's options, checked together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from oslo_config import cfg

from nova_hypervisors.baremetal import cleaning
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.clients import errors
from nova_hypervisors.common import checks
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents

Finding = checks.Finding


def findings(conf: cfg.ConfigOpts) -> list[Finding]:
    """Return all that is wrong with the options of this driver."""
    return [*_connection(conf), *_cleaning(conf), *_nova(conf),
            *_deploying(conf), *health.findings(conf),
            *incidents.findings(conf)]


def _connection(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    name = '[baremetal] connection'
    try:
        url = sa.engine.make_url(conf.baremetal.connection)
        url.get_dialect()
    except Exception as error:
        # The URL itself may have a password in it.
        yield Finding(name, 'it is no URL of a database that SQLAlchemy '
                      f'knows: {type(error).__name__}')
        return
    if url.get_backend_name() == 'sqlite' and not url.database:
        yield Finding(name, 'a database in memory is gone with each start: '
                      'name a file')


def _cleaning(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.baremetal
    try:
        cleaning.load(group.clean_steps)
    except errors.ClientError as error:
        yield Finding('[baremetal] clean_steps', error.detail)
    if not group.automated_clean:
        yield Finding('[baremetal] automated_clean',
                      'the next server on a node may find the data of the '
                      'one before', fatal=False)
    elif not group.clean_steps:
        yield Finding('[baremetal] clean_steps',
                      'it is empty, and so nothing is cleaned', fatal=False)


def _nova(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    if not conf.force_config_drive:
        return
    if conf.config_drive_format != 'iso9660':
        yield Finding('[DEFAULT] config_drive_format',
                      f'{conf.config_drive_format!r} is not made here: it '
                      'has to be iso9660')


def _deploying(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    settings = deploying.settings_of(conf, Path(conf.state_path))
    for text in settings.faults():
        name, _, rest = text.partition(': ')
        yield Finding(name, rest) if rest else Finding('[deploy]', text)
