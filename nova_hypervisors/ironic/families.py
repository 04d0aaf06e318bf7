# SPDX-License-Identifier: Apache-2.0
"""The kinds of machines that Ironic gets from us, and how it names things."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import ClassVar

from ironic.common import exception

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal.management import base as management
from nova_hypervisors.baremetal.management import ilo4 as ilo4_management
from nova_hypervisors.baremetal.management import openstack as os_management
from nova_hypervisors.baremetal.management import virtualbox as vbox_management
from nova_hypervisors.baremetal.power import base as power
from nova_hypervisors.baremetal.power import ilo4 as ilo4_power
from nova_hypervisors.baremetal.power import openstack as os_power
from nova_hypervisors.baremetal.power import virtualbox as vbox_power
from nova_hypervisors.clients import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """One kind of machines.

    :param fields: of ``driver_info``: which to look at after an error
    """

    power: type[power.PowerInterface]
    management: type[management.ManagementInterface]
    fields: Mapping[type[errors.ClientError], str]

    def properties(self) -> dict[str, str]:
        """Return what each field is for."""
        return {setting.name: _described(setting)
                for setting in self.power.settings}


ILO4 = Family(ilo4_power.Ilo4PowerInterface,
              ilo4_management.Ilo4ManagementInterface, {
                  errors.AuthenticationFailed: 'ilo_username, ilo_password',
                  errors.CertificateRefused: 'ilo_verify_ca, ilo_tls_legacy',
                  errors.Unreachable: 'ilo_address, client_port'})
OPENSTACK = Family(os_power.OpenStackPowerInterface,
                   os_management.OpenStackManagementInterface, {
                       errors.AuthenticationFailed: 'openstack_cloud',
                       errors.Forbidden: 'openstack_cloud',
                       errors.Unreachable: 'openstack_cloud',
                       errors.MachineNotFound: 'openstack_server',
                       errors.NotFound: 'openstack_ipxe_image'})
VIRTUALBOX = Family(vbox_power.VirtualBoxPowerInterface,
                    vbox_management.VirtualBoxManagementInterface, {
                        errors.AuthenticationFailed:
                            'vbox_username, vbox_password',
                        errors.CertificateRefused: 'vbox_ca_file',
                        errors.NotListening: 'vbox_address, vbox_port',
                        errors.Unreachable: 'vbox_address, vbox_port',
                        errors.NotFound: 'vbox_vmname'})


@functools.cache
def access() -> backend.Access:
    """Return what the interfaces of this conductor share.

    Ironic makes each by itself and hands it nothing, and a controller takes
    few sessions.  A secret is in ``driver_info`` itself, as everywhere in
    Ironic, whose API masks it: a reference would let who writes it read the
    conductor's files.
    """
    return backend.Access(settings.Sources(_no_option, None),
                          backend.Machines())


def _no_option(_group: str, _name: str) -> None:
    """Ironic has none of our options."""


def node_of(task: Any) -> nodes.Node:
    """Return what our interfaces have to know of the node of a task."""
    node = task.node
    return nodes.Node(node.uuid, node.name or node.uuid, '',
                      node.resource_class or '',
                      driver_info=dict(node.driver_info))


def insist(faults: list[backend.Fault]) -> None:
    """:raises MissingParameterValue: fields are missing

    :raises InvalidParameterValue: and others, or only others, are not right

    All that is wrong is said at once.
    """
    if not faults:
        return
    kind = (exception.MissingParameterValue
            if all(fault.missing for fault in faults)
            else exception.InvalidParameterValue)
    raise kind('; '.join(map(str, faults)))


class Told:
    """What an interface says of its fields.

    :ivar _ours: the interface that it hands its calls to
    """

    family: ClassVar[Family]
    _ours: power.PowerInterface | management.ManagementInterface

    def get_properties(self) -> dict[str, str]:
        return self.family.properties()

    def validate(self, task: Any) -> None:
        insist(self._ours.validate(node_of(task)))


@contextlib.contextmanager
def speaking(task: Any, family: Family,
             otherwise: type[Exception] = exception.DriverOperationError,
             ) -> Iterator[nodes.Node]:
    """Give the node; what fails then fails as Ironic's interfaces do.

    :param otherwise: what it is if neither a field nor the hardware is why
    """
    try:
        yield node_of(task)
    except errors.ClientError as error:
        kind = next((kind for ours, kind in (
            (errors.InvalidArgument, exception.InvalidParameterValue),
            (errors.Unsupported, exception.UnsupportedDriverExtension),
        ) if isinstance(error, ours)), otherwise)
        raise kind(f'node {task.node.uuid}: {error}'
                   f'{_advice(error, family)}') from error


def _advice(error: errors.ClientError, family: Family) -> str:
    """Name the fields of ``driver_info`` that an error may come from."""
    found = next((fields for kind, fields in family.fields.items()
                  if isinstance(error, kind)), None)
    return f' (see driver_info {found})' if found else ''


def _described(setting: settings.Setting) -> str:
    words = [f'{setting.help[:1].upper()}{setting.help[1:]}.',
             'Required.' if setting.required else 'Optional.']
    if setting.default not in (None, ''):
        words.append(f'Default: {setting.default}.')
    if setting.aliases:
        words.append(f'Also called {", ".join(setting.aliases)}.')
    return ' '.join(words)
