# SPDX-License-Identifier: Apache-2.0
"""Everything that VMwareESXDriver is made of, from the configuration.

Nothing is connected, started or looked at here.
"""

from __future__ import annotations

import functools
from pathlib import Path

from oslo_config import cfg

from nova_hypervisors.clients import retry
from nova_hypervisors.clients.vsphere import esx
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.vmwareapi import layout


def make_client(conf: cfg.ConfigOpts) -> interface.ESXClient:
    group = conf.vmware
    return esx.ESXHost(
        str(group.host_ip), group.host_username or '',
        functools.partial(host_password, conf), port=group.host_port,
        # As Nova says of its options: with a file, insecure is ignored.
        ca_file=group.ca_file or None,
        insecure=group.insecure and not group.ca_file,
        connect_timeout_s=group.connect_timeout,
        timeout_s=group.request_timeout, task_timeout_s=group.task_timeout,
        wsdl_location=group.wsdl_location or None,
        cache=make_layout(conf).private,
        policy=retry.Policy(group.api_retry_count, group.retry_interval))


def host_password(conf: cfg.ConfigOpts) -> str:
    """:raises OSError: the file with it cannot be read"""
    path = conf.vmware.host_password_file
    if path:
        return (Path(path).read_text().splitlines() or [''])[0]
    return conf.vmware.host_password or ''


def make_layout(conf: cfg.ConfigOpts) -> layout.Layout:
    return layout.Layout(
        folder=conf.vmware.instances_folder,
        cache=conf.vmware.image_cache_folder,
        private=Path(conf.state_path) / 'vmwareapi')
