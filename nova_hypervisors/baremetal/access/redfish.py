# SPDX-License-Identifier: Apache-2.0
"""Nodes with Redfish: iLO 5 and later, and any other BMC that has it.

The fields are called as Ironic's are.
"""

from __future__ import annotations

from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import certificates
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import redfish

Setting = backend.Setting

SETTINGS = (
    Setting('redfish_address', required=True,
            help='the name or the address of the BMC, or its URL: '
            'https://bmc.example.org'),
    Setting('redfish_system_id',
            help='which of the systems behind the BMC, if there are several: '
            'its name or its path, /redfish/v1/Systems/1'),
    Setting('redfish_username', required=True, help='who logs on to the BMC'),
    Setting('redfish_password', 'secret', required=True,
            help='the password of redfish_username'),
    Setting('redfish_auth_type', default='auto',
            choices=('auto', 'session', 'basic'),
            help='how to log on: by a session, with the password in every '
            'request, or by a session where the BMC has such'),
    certificates.setting('redfish_verify_ca', 'BMC'),
    Setting('redfish_timeout', 'integer', default=60,
            options=('ilo.client_timeout',),
            help='seconds within which the BMC has to answer'),
)


def access(values: dict[str, Any]) -> redfish.Access:
    address = values['redfish_address']
    if '://' not in address:
        if address.count(':') > 1:
            address = f'[{address.strip("[]")}]'
        address = f'https://{address}'
    return redfish.Access(
        address.rstrip('/'), values['redfish_username'],
        values['redfish_password'], values['redfish_system_id'] or '',
        values['redfish_auth_type'],
        certificates.verify(values['redfish_verify_ca']),
        timeout_s=float(values['redfish_timeout']))


def machine_of(interface: backend.Interface,
               node: nodes.Node) -> api.Machine:
    """:raises InvalidArgument: the node's settings are not right"""
    found = access(interface.values(node))
    return interface.services.machines.get(
        found, lambda: redfish.RedfishMachine(found))
