# SPDX-License-Identifier: Apache-2.0
"""Nodes with IPMI; the fields are called as Ironic's are."""

from __future__ import annotations

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ipmi

Setting = backend.Setting

SETTINGS = (
    Setting('ipmi_address', required=True,
            help='the name or the address of the BMC'),
    Setting('ipmi_username', required=True, help='who logs on to the BMC'),
    Setting('ipmi_password', 'secret', required=True,
            help='the password of ipmi_username'),
    Setting('ipmi_port', 'port', default=623, help='the port of the BMC'),
    Setting('ipmi_timeout', 'integer', default=60,
            help='seconds within which a call has to be done'),
)


def machine_of(interface: backend.Interface,
               node: nodes.Node) -> api.Machine:
    """:raises InvalidArgument: the node's settings are not right"""
    values = interface.values(node)
    found = ipmi.Access(
        values['ipmi_address'], values['ipmi_username'],
        values['ipmi_password'], values['ipmi_port'],
        float(values['ipmi_timeout']))
    return interface.services.machines.get(
        found, lambda: ipmi.IpmiMachine(found))
