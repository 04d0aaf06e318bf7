# SPDX-License-Identifier: Apache-2.0
"""Which of a host's machines is which of Nova's instances.

Everybody else's machines Nova never hears of, and nothing here touches them;
what they take of the host is shown as reserved.
"""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.vmwareapi import layout


class Machines:
    """All answers come from what is watched: none costs a call."""

    def __init__(self, client: interface.ESXClient,
                 where: layout.Layout) -> None:
        self._client = client
        self._layout = where

    def owned(self) -> dict[str, api.Machine]:
        """Return our machines, by instance UUID."""
        return {uuid: machine for machine in self._client.list_machines()
                if (uuid := self._layout.owner(machine.path))}

    def strangers(self) -> list[api.Machine]:
        return [machine for machine in self._client.list_machines()
                if self._layout.owner(machine.path) is None]

    def find(self, instance_uuid: str) -> api.Machine:
        """:raises MachineNotFound: there is no machine of that instance"""
        try:
            return self.owned()[instance_uuid]
        except KeyError:
            raise errors.MachineNotFound(
                f'there is no machine of instance {instance_uuid}') from None

    def ref(self, instance_uuid: str) -> str:
        """:raises MachineNotFound: there is no machine of that instance"""
        return self.find(instance_uuid).ref

    def files(self, instance_uuid: str) -> layout.InstanceFiles:
        """:raises MachineNotFound: there is no machine of that instance"""
        machine = self.find(instance_uuid)
        assert machine.path is not None  # noqa: S101 what makes it ours
        return layout.InstanceFiles(machine.path.parent)

    def states(self) -> dict[str, api.PowerState]:
        """Return the states of our machines, by instance UUID."""
        return {uuid: machine.state for uuid, machine in self.owned().items()}
