# SPDX-License-Identifier: Apache-2.0
"""Which of VirtualBox's machines is which of Nova's instances.

A machine that we make has the UUID of its instance.  What makes it ours is an
entry in VirtualBox's extradata, which survives renaming and can also name a
machine with another UUID.  Everybody else's machines have no entry: Nova never
hears of them and nothing here touches them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface

_PREFIX = 'nova_hypervisors/machine/'

#: Held from the choice of a port until a machine is set to it.
PORTS_LOCK = 'nova-hypervisors-ports'


class Machines:
    def __init__(self, client: interface.VBoxClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        # Machine UUID to instance UUID; replaced, never changed.
        self._instances: Mapping[str, str] = {}

    def load(self) -> None:
        """Read the entries; others may have added some."""
        with self._lock:
            self._instances = dict(self._client.get_extradata(_PREFIX))

    def claim(self, instance_uuid: str) -> None:
        """Say that the machine with an instance's UUID is ours.

        It is said before the machine is made, so that there never is one of
        ours without the entry.
        """
        with self._lock:
            self._instances = {**self._instances,
                               instance_uuid: instance_uuid}
            self._client.set_extradata(_PREFIX + instance_uuid, instance_uuid)

    def release(self, instance_uuid: str) -> None:
        with self._lock:
            machine = self.machine_uuid(instance_uuid)
            if machine not in self._instances:
                return
            self._client.set_extradata(_PREFIX + machine, None)
            self._instances = {key: value
                               for key, value in self._instances.items()
                               if key != machine}

    def machine_uuid(self, instance_uuid: str) -> str:
        """Return the UUID of an instance's machine, existing or not."""
        return next((machine for machine, instance in self._instances.items()
                     if instance == instance_uuid), instance_uuid)

    def instance_uuid(self, machine_uuid: str) -> str | None:
        """Return whose machine this is; None if it is not ours."""
        return self._instances.get(machine_uuid)

    def is_claimed(self, instance_uuid: str) -> bool:
        return instance_uuid in self._instances.values()

    def claimed(self) -> list[str]:
        """Return the UUIDs of our machines, made or about to be."""
        return list(self._instances)

    def owned(self) -> dict[str, api.Machine]:
        """Return our machines that VirtualBox knows, by instance UUID."""
        self.load()
        return {self._instances[machine.uuid]: machine
                for machine in self._client.list_machines()
                if machine.uuid in self._instances}

    def other_settings(self, instance_uuid: str) -> list[api.MachineSettings]:
        """Return what our machines are set to, but this instance's."""
        own = self.machine_uuid(instance_uuid)
        found = []
        for uuid in self.claimed():
            if uuid != own:
                # One that was just deleted, or is not made yet.
                with contextlib.suppress(errors.ClientError):
                    found.append(self._client.machine_settings(uuid))
        return found

    def strangers(self) -> list[api.Machine]:
        """Return everybody else's machines."""
        return [machine for machine in self._client.list_machines()
                if machine.uuid not in self._instances]
