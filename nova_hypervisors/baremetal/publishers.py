# SPDX-License-Identifier: Apache-2.0
"""The publisher that the configuration asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keystoneauth1 import exceptions as keystone
from keystoneauth1 import loading

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.clients import publishing
from nova_hypervisors.clients import swift


def make(conf: Any, folder: Path) -> publishing.Publisher:
    """Make it; it connects when it is used.

    :param conf: an oslo.config ConfigOpts: only a factory has one
    :param folder: for objects that a web server hands out
    :raises InvalidArgument: an option is missing; names it
    """
    if conf.deploy.publisher == 'http':
        return _http(conf, folder)
    group = conf.swift
    try:
        auth = loading.load_auth_from_conf_options(conf, 'swift')
    except keystone.MissingRequiredOptions as error:
        raise errors.InvalidArgument(f'[swift]: {error}') from error
    if auth is None:
        raise errors.InvalidArgument(
            '[swift] auth_type is not set: give the credentials of this '
            'service for Swift, or set [deploy] publisher to http')
    session = loading.load_session_from_conf_options(conf, 'swift',
                                                     auth=auth)
    return swift.SwiftAPI(swift.Settings(
        session=session, region=group.region_name, interface=group.interface,
        endpoint=group.temp_url_endpoint or '', ca_file=group.cafile,
        temp_url_key=group.temp_url_key or '',
        set_temp_url_key=group.set_temp_url_key,
        retries=group.swift_max_retries))


def _http(conf: Any, folder: Path) -> publishing.Publisher:
    url, root = conf.deploy.http_url, Path(conf.deploy.http_root)
    if not url:
        raise errors.InvalidArgument(
            '[deploy] http_url is not set: at which URL does a web server '
            f'hand out {root}?')
    root.mkdir(parents=True, exist_ok=True)
    return httppublisher.HTTPPublisher(folder / 'objects', root, url)
