# SPDX-License-Identifier: Apache-2.0
"""Nodes that are machines of VirtualBox, by its web service.

Each field has both names that it has had: ``vbox_*`` in the specification of
2014, ``virtualbox_*`` in what Ironic shipped then.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any
from typing import cast

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import virtualbox

Setting = backend.Setting

SETTINGS = (
    Setting('vbox_vmname', required=True, aliases=('virtualbox_vmname',),
            help='the name of the machine in VirtualBox, or its UUID'),
    Setting('vbox_address',
            aliases=('vbox_host', 'virtualbox_host', 'virtualbox_address'),
            help='the name or the address of the host that VirtualBox runs '
            'on; with Nova, that of [virtualbox] webservice_url if it is not '
            'given'),
    Setting('vbox_port', 'port', default=18083, aliases=('virtualbox_port',),
            help='the port of the web service, with vbox_address'),
    Setting('vbox_tls', 'boolean', default=False,
            aliases=('virtualbox_tls',),
            help='whether the web service is reached by https, with '
            'vbox_address (vboxwebsrv --ssl)'),
    Setting('vbox_url', 'url', options=('virtualbox.webservice_url',),
            aliases=('virtualbox_url',),
            help='the URL of the web service, instead of vbox_address'),
    Setting('vbox_username', default='', aliases=('virtualbox_username',),
            options=('virtualbox.webservice_user',),
            help='who logs on to the web service'),
    Setting('vbox_password', 'secret', default='',
            aliases=('virtualbox_password',),
            options=('virtualbox.webservice_password_file',
                     'virtualbox.webservice_password'),
            help='the password of vbox_username'),
    Setting('vbox_ca_file', 'file', aliases=('virtualbox_ca_file',),
            options=('virtualbox.webservice_ca_file',),
            help='who has signed the certificate of the web service; those '
            'that the system trusts if it is not given'),
    Setting('vbox_insecure', 'boolean', default=False,
            aliases=('virtualbox_insecure',),
            options=('virtualbox.webservice_insecure',),
            help='whether that certificate is taken unchecked'),
)

_NOWHERE = backend.Fault(
    'driver_info vbox_address', 'it is required and missing, and so is '
    'vbox_url: nothing says where the web service of VirtualBox is',
    missing=True)


def faults(interface: backend.Interface,
           node: nodes.Node) -> list[backend.Fault]:
    """Return all that is wrong with the fields of a node."""
    values, found = settings.resolve(SETTINGS, node.driver_info,
                                     interface.services.sources)
    where = [setting for setting in SETTINGS
             if setting.name in ('vbox_address', 'vbox_url')]
    if not any(values[setting.name] or node.driver_info.keys()
               & {*setting.names} for setting in where):
        found.append(_NOWHERE)
    return found


def url(values: dict[str, Any]) -> str:
    """Return the URL of a node's web service.

    :raises InvalidArgument: no field and no option tells it
    """
    address = values['vbox_address']
    if not address:
        if not values['vbox_url']:
            raise errors.InvalidArgument(str(_NOWHERE))
        return str(values['vbox_url'])
    if ':' in address:
        address = f'[{address.strip("[]")}]'
    scheme = 'https' if values['vbox_tls'] else 'http'
    return f'{scheme}://{address}:{values["vbox_port"]}/'


def host_of(services: backend.Access,
            values: dict[str, Any]) -> virtualbox.VirtualBoxHost:
    """Return the VirtualBox, one for all nodes that are on it."""
    where = url(values)
    key = ('virtualbox', where, values['vbox_username'],
           values['vbox_password'], values['vbox_ca_file'],
           values['vbox_insecure'])
    # It is closed with the machines, so it is kept with them.
    make = cast(Callable[[], api.Machine], lambda: _connect(where, values))
    return cast(virtualbox.VirtualBoxHost, services.machines.get(key, make))


def _connect(where: str, values: dict[str, Any],
             ) -> virtualbox.VirtualBoxHost:
    tls = None
    if where.startswith('https:'):
        tls = ssl.create_default_context(cafile=values['vbox_ca_file'])
        if values['vbox_insecure']:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    return virtualbox.VirtualBoxHost(
        where, values['vbox_username'], lambda: values['vbox_password'],
        tls=tls)


def machine_of(interface: backend.Interface,
               node: nodes.Node) -> api.Machine:
    """:raises InvalidArgument: the node's settings are not right"""
    values = interface.values(node)
    host = host_of(interface.services, values)
    return interface.services.machines.get(
        ('virtualbox', id(host), values['vbox_vmname']),
        lambda: host.machine(values['vbox_vmname']))


def powers(interface: backend.Interface,
           found: list[nodes.Node]) -> dict[str, api.Power]:
    """Return the power of nodes by UUID: one question to each VirtualBox."""
    hosts: dict[virtualbox.VirtualBoxHost, dict[str, str]] = {}
    for node in found:
        try:
            values = interface.values(node)
        except errors.InvalidArgument:
            continue
        names = hosts.setdefault(host_of(interface.services, values), {})
        names[node.uuid] = values['vbox_vmname']
    result = {}
    for host, names in hosts.items():
        try:
            all_powers = host.powers()
        except errors.ClientError:
            continue
        result.update({uuid: all_powers[name] for uuid, name in names.items()
                       if name in all_powers})
    return result
