# SPDX-License-Identifier: Apache-2.0
"""What VMware's own console programs need, for a server of a host."""

from __future__ import annotations

from oslo_config import cfg

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.vmwareapi import factory
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import vmrc


class NotFound(Exception):
    """There is no such console; says why, and what to do."""


def find(conf: cfg.ConfigOpts, server: str, kind: vmrc.Kind) -> vmrc.Console:
    """Find a server of this host by its UUID or its machine's name.

    :raises NotFound: there is none, or the configuration names no host
    :raises ClientError: the host cannot be asked
    """
    host, port = conf.vmware.host_ip, conf.vmware.host_port
    if not host:
        raise NotFound('[vmware] host_ip is not set: name the ESX host')
    client = factory.make_client(conf)
    client.connect()
    keep = False
    try:
        machine = _find_machine(
            machines.Machines(client, factory.make_layout(conf)), server)
        if kind is vmrc.Kind.CREDENTIALS:
            return vmrc.with_credentials(
                str(host), port, str(machine.path), machine.ref,
                conf.vmware.host_username, factory.host_password(conf))
        found = vmrc.with_session(str(host), port, machine.ref,
                                  client.acquire_clone_ticket())
        keep = True
        return found
    finally:
        # A ticket is good for as long as the session that asked for it; the
        # host itself ends sessions that are not used (the API's
        # AcquireCloneTicket).
        if not keep:
            client.close()


def _find_machine(machine_map: machines.Machines,
                  server: str) -> api.Machine:
    owned = machine_map.owned()
    for uuid, machine in owned.items():
        if server in (uuid, machine.name):
            return machine
    names = ', '.join(sorted(machine.name for machine in owned.values()))
    raise NotFound(f'there is no server {server!r} on this host, which has '
                   f'{names or "none"}: give its ID, or the name that its '
                   'machine has (OS-EXT-SRV-ATTR:instance_name)')
