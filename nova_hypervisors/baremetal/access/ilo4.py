# SPDX-License-Identifier: Apache-2.0
"""Nodes with HPE's iLO 4 or older, by RIBCL.

The fields are called as those of Ironic's ``ilo`` driver were, which was
removed in Ironic 36.
"""

from __future__ import annotations

from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import certificates
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ribcl

Setting = backend.Setting

SETTINGS = (
    Setting('ilo_address', required=True,
            help='the name or the address of the iLO'),
    Setting('ilo_username', required=True, help='who logs on to the iLO'),
    Setting('ilo_password', 'secret', required=True,
            help='the password of ilo_username'),
    Setting('client_port', 'port', default=443, options=('ilo.client_port',),
            help='the port of the iLO'),
    Setting('client_timeout', 'integer', default=60,
            options=('ilo.client_timeout',),
            help='seconds within which the iLO has to answer'),
    Setting('console_port', 'port',
            help='read by nobody: what Ironic served a console on. It may '
            'stay in nodes that come from there; see serial_console'),
    certificates.setting('ilo_verify_ca', 'iLO', aliases=('ca_file',),
                         options=('ilo.verify_ca',)),
    Setting('ilo_tls_legacy', 'boolean', default=False,
            help='whether this iLO may speak TLS 1.0 and 1.1 and have keys '
            'and hashes that are broken: for firmware that has no other'),
)


def access(values: dict[str, Any]) -> ribcl.Access:
    return ribcl.Access(
        values['ilo_address'], values['ilo_username'],
        values['ilo_password'], values['client_port'],
        certificates.verify(values['ilo_verify_ca']),
        values['ilo_tls_legacy'], timeout_s=float(values['client_timeout']))


def machine_of(interface: backend.Interface,
               node: nodes.Node) -> api.Machine:
    """:raises InvalidArgument: the node's settings are not right"""
    found = access(interface.values(node))
    return interface.services.machines.get(
        found, lambda: ribcl.RibclMachine(found))
