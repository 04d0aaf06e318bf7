# SPDX-License-Identifier: Apache-2.0
"""Network adapters of servers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from nova import exception
from nova import objects
from nova.virt import virtapi as nova_virtapi
from oslo_log import log as logging

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import network
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import networks
from nova_hypervisors.virtualbox import spec

LOG = logging.getLogger(__name__)

# Raised when the events do not come; Nova 31 has none of its own.
_EVENT_TIMEOUT = getattr(exception, 'InstanceEventTimeout', TimeoutError)

_RUNNING = (api.MachineState.RUNNING, api.MachineState.PAUSED)


class NetworkOps:
    """:param plug_timeout_s: how long to wait for Neutron; 0 for not at all

    :param plug_is_fatal: whether a server may start without its network
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 virtapi: nova_virtapi.VirtAPI,
                 mappings: Callable[[], Sequence[networks.Mapping]], *,
                 plug_timeout_s: int, plug_is_fatal: bool) -> None:
        self._client = client
        self._machines = machine_map
        self._virtapi = virtapi
        self._mappings = mappings
        self._plug_timeout_s = plug_timeout_s
        self._plug_is_fatal = plug_is_fatal

    def plan(self, network_info: Sequence[dict[str, Any]],
             image_meta: objects.ImageMeta, boot: spec.BootPlan,
             others: Sequence[api.MachineSettings]) -> tuple[api.Nic, ...]:
        """Decide on a new machine's adapters.

        :param others: our other machines, whose tunnel ports are taken
        """
        chipset = spec.chipset(image_meta, len(network_info))
        return networks.plan_nics(
            network_info, self._mappings(), spec.nic_model(image_meta, boot),
            spec.slots(chipset), tunnel_ports(others))

    @contextlib.contextmanager
    def events(self, instance: objects.Instance,
               network_info: Sequence[dict[str, Any]],
               power_on: bool) -> Iterator[None]:
        """Wait, at the end, until Neutron has plugged the ports in.

        :raises VirtualInterfaceCreateException: it has not, in time
        """
        events = network.events_to_wait_for(list(network_info))
        if not (power_on and self._plug_timeout_s):
            events = []
        try:
            # By position: its name is another one in each Nova.
            with self._virtapi.wait_for_instance_event(
                    instance, events, self._plug_timeout_s,
                    error_callback=self._plug_failed):
                yield
        except _EVENT_TIMEOUT as error:
            LOG.warning('Neutron has not plugged in %s within %d seconds',
                        events, self._plug_timeout_s, instance=instance)
            if self._plug_is_fatal:
                raise exception.VirtualInterfaceCreateException() from error

    def _plug_failed(self, event_name: str,
                     instance: objects.Instance) -> bool:
        LOG.error('Neutron reports that %s failed', event_name,
                  instance=instance)
        if self._plug_is_fatal:
            raise exception.VirtualInterfaceCreateException
        return True

    def attach(self, instance: objects.Instance, image_meta: objects.ImageMeta,
               vif: dict[str, Any],
               others: Sequence[api.MachineSettings]) -> None:
        """Add an adapter to a machine, which must be off.

        :raises InterfaceAttachFailed: it runs, or has no room
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        if self._client.machine_state(uuid) is not api.MachineState.OFF:
            raise self._refusal(
                instance, 'VirtualBox adds network adapters to machines that '
                'are off; stop the server first')
        settings = self._client.machine_settings(uuid)
        used = {nic.slot for nic in settings.nics}
        free = [slot for slot in spec.slots(settings.chipset)
                if slot not in used]
        if not free:
            raise self._refusal(
                instance, f'the chipset {settings.chipset} has room for '
                f'{len(used)} network adapters')
        model = spec.nic_model(image_meta, spec.boot_plan(instance))
        nics = networks.plan_nics([vif], self._mappings(), model, free,
                                  tunnel_ports(others))
        self._client.set_nic(uuid, nics[0])

    def detach(self, instance: objects.Instance, vif: dict[str, Any]) -> None:
        """Take an adapter out, or unplug it for now if the machine runs.

        It is taken out for good when the machine is next started.
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

    def remove_unplugged(self, uuid: str) -> None:
        """Take out what was detached while the machine ran."""
        for nic in self._client.machine_settings(uuid).nics:
            if nic.attachment.kind is api.AttachmentKind.NULL:
                self._client.remove_nic(uuid, nic.slot)

    def _refusal(self, instance: objects.Instance, reason: str) -> Exception:
        LOG.warning(reason, instance=instance)
        return exception.InterfaceAttachFailed(instance_uuid=instance.uuid)


def tunnel_ports(others: Sequence[api.MachineSettings]) -> set[int]:
    """Return the local UDP ports that machines are set to."""
    return {int(nic.attachment.properties['sport'])
            for machine in others for nic in machine.nics
            if 'sport' in nic.attachment.properties}
