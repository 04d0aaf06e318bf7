# SPDX-License-Identifier: Apache-2.0
"""What every part of the client stands on: a host, its calls and tasks."""

from __future__ import annotations

import dataclasses
import time
from typing import Any
from typing import NoReturn

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import session
from nova_hypervisors.clients.vsphere import transport
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import watcher

#: Where the ends of tasks are noted: see clients/recording.py.
SEAM = 'vsphere-task'

# A task is asked for its state after so long without news of it.
_LOOK_S = 15.0
_OUT_OF_STEP_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """The objects of a host that there is one of.

    :param folder: that machines are made in
    """

    host: values.Ref
    datacenter: values.Ref
    datacenter_name: str
    folder: values.Ref
    pool: values.Ref


class HostTasks:
    """Calls, and tasks that are waited for.

    :param task_timeout_s: limit of a task that copies disks
    """

    def __init__(self, link: transport.Link, connection: session.Session,
                 task_timeout_s: float) -> None:
        self._link = link
        self._session = connection
        self._task_timeout_s = task_timeout_s
        self._inventory: Inventory | None = None
        self._watcher: watcher.Watcher | None = None
        # Objects of the host that do not change, as they are looked up.
        self._system: values.Ref | None = None
        self._disks_system: values.Ref | None = None
        self._browsers: dict[str, values.Ref] = {}
        self._listeners: list[watcher.Listener] = []

    @property
    def _place(self) -> Inventory:
        if self._inventory is None:
            raise errors.Unreachable(f'{self._link.where} is not connected')
        return self._inventory

    @property
    def _watch(self) -> watcher.Watcher:
        if self._watcher is None:
            raise errors.Unreachable(f'{self._link.where} is not connected')
        return self._watcher

    def _call(self, operation: str, target: values.Ref,
              **arguments: Any) -> values.Element:
        return self._session.call(operation, target, **arguments)

    def _service(self, name: str) -> values.Ref:
        return self._session.service(name)

    def _make(self, kind: str, **fields: Any) -> Any:
        return self._session.make(kind, **fields)

    def _read(self, target: values.Ref,
              *paths: str) -> dict[str, values.Element]:
        return properties.one(self._session, target, *paths)

    def _run(self, operation: str, target: values.Ref,
             **arguments: Any) -> values.Element | None:
        """Start a task and wait for its end; return its result.

        :raises TimedOut: it goes on
        """
        answer = self._call(operation, target, **arguments)
        task = values.ref(values.find(answer, 'returnval'))
        if task is None:
            raise errors.ClientError('the host names no task',
                                     operation=operation)
        ended = self._end_of(task, operation)
        if ended.fault is not None:
            raise_fault(ended.fault, operation, target)
        return ended.result

    def _end_of(self, task: values.Ref, operation: str) -> watcher.TaskEnd:
        end = time.monotonic() + self._task_timeout_s
        while True:
            left = end - time.monotonic()
            ended = self._watch.wait_for_task(task.value, min(left, _LOOK_S))
            if ended is None:
                # There is no news, or nobody that could bring it.
                ended = watcher.task_end(
                    self._read(task, *watcher.TASK_PATHS))
            if ended is not None:
                return ended
            if left <= 0:
                raise errors.TimedOut(
                    f'the task {task.value} was not done within '
                    f'{self._task_timeout_s:g} seconds', operation=operation)
            if not self._watch.in_step:
                time.sleep(_OUT_OF_STEP_S)

    def _at(self, path: api.DatastorePath, prefix: str = '',
            ) -> dict[str, Any]:
        """Return the arguments that name a file of a datastore.

        :param prefix: 'source' or the like, of operations on two
        """
        if prefix:
            return {f'{prefix}Name': str(path),
                    f'{prefix}Datacenter': self._place.datacenter}
        return {'name': str(path), 'datacenter': self._place.datacenter}


def raise_fault(fault: faults.Fault, operation: str,
                target: values.Ref | None = None) -> NoReturn:
    """Raise how a task has ended; note it, as others may have been told."""
    with recording.call(SEAM, operation) as noted:
        noted.answer = {
            'name': fault.name, 'message': fault.message,
            'details': fault.details, 'about': fault.about,
            'target': None if target is None else list(target)}
        raise faults.to_error(fault, operation, target)


def machine_ref(ref: str) -> values.Ref:
    return values.Ref('VirtualMachine', ref)


def needed(element: values.Element | None, what: str) -> values.Ref:
    """Return the reference that an element holds.

    :raises Forbidden: the user does not see it
    """
    found = values.ref(element)
    if found is None:
        raise errors.Forbidden(f'the user does not see {what} of the host')
    return found
