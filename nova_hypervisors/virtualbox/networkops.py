# SPDX-License-Identifier: Apache-2.0
"""Network adapters of servers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from oslo_log import log as logging

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import ports
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import networks
from nova_hypervisors.virtualbox import spec

LOG = logging.getLogger(__name__)

_RUNNING = (api.MachineState.RUNNING, api.MachineState.PAUSED)


class NetworkOps:
    """:param spares: the adapters that a server has beyond those it uses, if
        neither its flavor nor its image says how many
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 mappings: Callable[[], Sequence[networks.Mapping]],
                 neutron_ports: ports.Ports, *, spares: int = 0) -> None:
        self._client = client
        self._machines = machine_map
        self._mappings = mappings
        self._ports = neutron_ports
        self._spares = spares

    def plan(self, instance: objects.Instance,
             network_info: Sequence[dict[str, Any]],
             image_meta: objects.ImageMeta, boot: spec.BootPlan,
             others: Sequence[api.MachineSettings]) -> tuple[api.Nic, ...]:
        """Decide on a new machine's adapters.

        :param others: our other machines, whose tunnel ports are taken
        """
        spares = spec.spare_adapters(instance, self._spares)
        slots = spec.slots(spec.chipset(image_meta,
                                        len(network_info) + spares))
        model = spec.nic_model(image_meta, boot)
        used = len(network_info)
        return (*networks.plan_nics(network_info, self._mappings(), model,
                                    slots, tunnel_ports(others)),
                *networks.spare_nics(model, slots[used:used + spares]))

    def attach(self, context: nova_context.RequestContext,
               instance: objects.Instance, image_meta: objects.ImageMeta,
               vif: dict[str, Any],
               others: Sequence[api.MachineSettings]) -> None:
        """Add an adapter to a machine, or plug a spare one in if it runs.

        :raises InterfaceAttachFailed: it has no room, or no spare adapter
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        state = self._client.machine_state(uuid)
        settings = self._client.machine_settings(uuid)
        if state in _RUNNING:
            self._plug_spare_in(context, instance, vif, settings, others)
        elif state is api.MachineState.OFF:
            self._add(instance, image_meta, vif, settings, others)
        else:
            raise self._refusal(
                instance, 'VirtualBox gives network adapters to machines that '
                f'run or are off, and this one is {state.value}')

    def _plug_spare_in(self, context: nova_context.RequestContext,
                       instance: objects.Instance, vif: dict[str, Any],
                       settings: api.MachineSettings,
                       others: Sequence[api.MachineSettings]) -> None:
        """Plug a running machine's spare adapter in.

        VirtualBox does not change the address of a running machine's
        adapter, so the port gets that of the adapter.
        """
        spares = [nic for nic in settings.nics if is_spare(nic)]
        if not spares:
            raise self._refusal(
                instance, 'VirtualBox adds network adapters to machines that '
                'are off, and this one has no spare ones (see [virtualbox] '
                'spare_network_adapters); stop the server first')
        for nic in spares:
            planned, = networks.plan_nics([vif], self._mappings(), nic.model,
                                          [nic.slot], tunnel_ports(others))
            if self._ports.take_address(context, instance, vif, nic.mac):
                self._client.plug_nic(settings.uuid, nic.slot,
                                      planned.attachment)
                return
        raise self._refusal(
            instance, 'other ports of this network have the addresses of all '
            'its spare network adapters, which change when it is next started')

    def _add(self, instance: objects.Instance, image_meta: objects.ImageMeta,
             vif: dict[str, Any], settings: api.MachineSettings,
             others: Sequence[api.MachineSettings]) -> None:
        used = {nic.slot for nic in settings.nics if not is_spare(nic)}
        free = [slot for slot in spec.slots(settings.chipset)
                if slot not in used]
        if not free:
            raise self._refusal(
                instance, f'the chipset {settings.chipset} has room for '
                f'{len(used)} network adapters')
        model = spec.nic_model(image_meta, spec.boot_plan(instance))
        nics = networks.plan_nics([vif], self._mappings(), model, free,
                                  tunnel_ports(others))
        self._client.set_nic(settings.uuid, nics[0])

    def detach(self, instance: objects.Instance, vif: dict[str, Any]) -> None:
        """Take an adapter out, or unplug it if the machine runs.

        It is a spare one then, until the machine is next started.
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        address = vif['address'].lower()
        for nic in self._client.machine_settings(uuid).nics:
            if nic.mac == address:
                if self._client.machine_state(uuid) in _RUNNING:
                    self._client.plug_nic(uuid, nic.slot, api.UNPLUGGED)
                else:
                    self._client.remove_nic(uuid, nic.slot)
                return
        LOG.warning('The server has no network adapter %s to detach', address,
                    instance=instance)

    def renew_spares(self, instance: objects.Instance) -> None:
        """Give a machine that is off its spare adapters.

        Those that it has are taken out: a port that was detached may have
        kept the address of one.
        """
        settings = self._client.machine_settings(
            self._machines.machine_uuid(instance.uuid))
        used = {nic.slot for nic in settings.nics if not is_spare(nic)}
        free = [slot for slot in spec.slots(settings.chipset)
                if slot not in used]
        model = spec.nic_model(instance.image_meta, spec.boot_plan(instance))
        spares = networks.spare_nics(
            model, free[:spec.spare_adapters(instance, self._spares)])
        for slot in {nic.slot for nic in settings.nics} - used - {
                nic.slot for nic in spares}:
            self._client.remove_nic(settings.uuid, slot)
        for nic in spares:
            self._client.set_nic(settings.uuid, nic)

    def _refusal(self, instance: objects.Instance, reason: str) -> Exception:
        LOG.warning(reason, instance=instance)
        return exception.InterfaceAttachFailed(instance_uuid=instance.uuid)


def is_spare(nic: api.Nic) -> bool:
    return nic.attachment.kind is api.AttachmentKind.NULL


def tunnel_ports(others: Sequence[api.MachineSettings]) -> set[int]:
    """Return the local UDP ports that machines are set to."""
    return {int(nic.attachment.properties['sport'])
            for machine in others for nic in machine.nics
            if 'sport' in nic.attachment.properties}
