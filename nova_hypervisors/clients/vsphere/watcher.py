# SPDX-License-Identifier: Apache-2.0
"""One thread that hears of every change of machines and tasks.

A call WaitForUpdatesEx waits in the host, so nothing is polled: a task's end
is known when it happens, and the list of machines is at hand.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import session
from nova_hypervisors.clients.vsphere import values

LOG = logging.getLogger(__name__)

# A dead connection is noticed after so long, and the time of an answer.
_WAIT_S = 30
_GRACE_S = 10
_AGAIN_S = (0.2, 1.0, 5.0, 15.0)

# Hosts keep about 200 tasks.
_KEPT_TASKS = 1000

_STATE, _RESULT, _ERROR = TASK_PATHS = (
    'info.state', 'info.result', 'info.error')
_ENDED = ('success', 'error')

MACHINE_PATHS = (
    'name', 'config.instanceUuid', 'config.files.vmPathName',
    'config.hardware.numCPU', 'config.hardware.memoryMB',
    'runtime.powerState', 'runtime.connectionState')
_ACCESSIBLE = ('connected', 'disconnected')

Texts = dict[str, str]
Listener = Callable[[api.Machine | None, str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class TaskEnd:
    """:param fault: None: it succeeded"""

    result: values.Element | None
    fault: faults.Fault | None


def texts(found: dict[str, values.Element]) -> Texts:
    """Return the texts of properties: an element keeps its whole answer."""
    return {path: values.text(value) for path, value in found.items()}


def machine_of(ref: str, found: Texts) -> api.Machine:
    """Make a machine of its MACHINE_PATHS."""
    path = found.get('config.files.vmPathName', '')
    connection = found.get('runtime.connectionState')
    return api.Machine(
        ref=ref, name=found.get('name', ''),
        instance_uuid=found.get('config.instanceUuid', '').lower(),
        path=api.DatastorePath.parse(path) if path.startswith('[') else None,
        state=api.PowerState(found.get('runtime.powerState', 'poweredOff')),
        vcpus=int(found.get('config.hardware.numCPU') or 0),
        memory_mb=int(found.get('config.hardware.memoryMB') or 0),
        accessible=bool(path) and connection in _ACCESSIBLE)


def task_end(found: dict[str, values.Element]) -> TaskEnd | None:
    """Return how a task ended; None: it has not."""
    if values.text(found.get(_STATE)) not in _ENDED:
        return None
    error = found.get(_ERROR)
    failed = error is not None and len(error) > 0
    return TaskEnd(copy.deepcopy(found.get(_RESULT)),
                   faults.of_task(error) if failed and error is not None
                   else None)


class Watcher:
    """:param host: who is watched: a HostSystem"""

    def __init__(self, connection: session.Session,
                 host: values.Ref) -> None:
        self._session = connection
        self._host = host
        self._changed = threading.Condition()
        self._collector: values.Ref | None = None
        self._found: dict[str, Texts] = {}
        self._machines: dict[str, api.Machine] = {}
        self._running: dict[str, dict[str, values.Element]] = {}
        self._tasks: collections.OrderedDict[str, TaskEnd] = (
            collections.OrderedDict())
        self._listeners: list[Listener] = []
        self._in_step = False
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='vsphere-watcher', daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread: its call is cancelled."""
        self._stop.set()
        end = time.monotonic() + _GRACE_S
        while self._thread.is_alive() and time.monotonic() < end:
            # A wait that is just on its way is not cancelled yet.
            if self._collector is not None:
                self._quietly('CancelWaitForUpdates', self._collector)
            self._thread.join(0.1)

    @property
    def in_step(self) -> bool:
        """Whether what is known is what the host has."""
        return self._in_step

    def machines(self) -> dict[str, api.Machine]:
        with self._changed:
            return dict(self._machines)

    def add_listener(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def put(self, ref: str, found: Texts | None) -> None:
        """Take over what has been read of a machine; None: it has gone."""
        with self._changed:
            if found is None:
                self._found.pop(ref, None)
            else:
                self._found[ref] = found
            events = self._renew({ref})
            self._changed.notify_all()
        self._tell(events)

    def wait_for(self, is_so: Callable[[dict[str, api.Machine]], bool],
                 timeout_s: float) -> bool:
        """Return whether it came true in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: is_so(self._machines), timeout_s)

    def wait_for_task(self, task: str, timeout_s: float) -> TaskEnd | None:
        """Return how a task ended; None: it has not, or is not known."""
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                ended = self._tasks.get(task)
                left = end - time.monotonic()
                if ended is not None or left <= 0 or not self._in_step:
                    return ended
                self._changed.wait(left)

    def wait_until_in_step(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_step, timeout_s)

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            try:
                for _ in self._updates():
                    tries = 0
            except (errors.ClientError, faults.Fault) as error:
                if self._stop.is_set():
                    return
                LOG.log(logging.INFO if tries else logging.DEBUG,
                        'the watch of the host is begun again: %s', error)
            except Exception:
                LOG.exception('the watch of the host failed')
            with self._changed:
                self._in_step = False
                self._changed.notify_all()
            self._stop.wait(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1

    def _updates(self) -> Iterator[None]:
        """Take in updates until the session ends or the connection breaks."""
        number = self._session.number
        collector = self._session.call(
            'CreatePropertyCollector',
            self._session.service('propertyCollector'))
        self._collector = values.ref(values.find(collector, 'returnval'))
        if self._collector is None:
            raise errors.ClientError('the host makes no PropertyCollector')
        try:
            self._make_filters(self._collector)
            version = ''
            # What it has made ends with its session.
            while not self._stop.is_set() and number == self._session.number:
                version = self._wait(self._collector, version)
                yield
        finally:
            self._quietly('DestroyPropertyCollector', self._collector)

    def _make_filters(self, collector: values.Ref) -> None:
        for wanted in (
                properties.Wanted(
                    # A host without machines would have nothing to tell, and
                    # is not to be taken for one that does not answer.
                    self._host, {'HostSystem': ('name',),
                                 'VirtualMachine': MACHINE_PATHS},
                    (properties.Step('HostSystem', 'vm'),)),
                properties.Wanted(
                    self._session.service('taskManager'),
                    {'Task': TASK_PATHS},
                    (properties.Step('TaskManager', 'recentTask'),))):
            self._session.call(
                'CreateFilter', collector, partialUpdates=False,
                spec=properties.filter_spec(self._session, wanted))

    def _wait(self, collector: values.Ref, version: str) -> str:
        """Wait for updates, take them in and return their version."""
        options = self._session.make('WaitOptions', maxWaitSeconds=_WAIT_S)
        answer = self._session.try_call(
            'WaitForUpdatesEx', collector, version=version, options=options,
            timeout_s=_WAIT_S + _GRACE_S)
        if len(answer):
            self._take(answer, whole=not version)
        return values.text(answer, 'returnval/version', version)

    def _quietly(self, operation: str, target: values.Ref) -> None:
        with contextlib.suppress(errors.ClientError, faults.Fault):
            self._session.try_call(operation, target, timeout_s=_GRACE_S)

    def _take(self, answer: values.Element, whole: bool) -> None:
        updates = values.items(answer, 'returnval/filterSet/objectSet')
        truncated = values.is_true(answer, 'returnval/truncated')
        with self._changed:
            changed = set()
            if whole:
                changed = set(self._found)
                self._found.clear()
                self._running.clear()
            for update in updates:
                ref = values.ref(values.find(update, 'obj'))
                if ref is None:
                    continue
                if ref.type == 'VirtualMachine':
                    self._take_machine(ref.value, update)
                    changed.add(ref.value)
                elif ref.type == 'Task':
                    self._take_task(ref.value, update)
            while len(self._tasks) > _KEPT_TASKS:
                self._tasks.popitem(last=False)
            events = self._renew(changed)
            self._in_step = not truncated
            self._changed.notify_all()
        self._tell(events)

    def _take_machine(self, ref: str, update: values.Element) -> None:
        if values.text(update, 'kind') == 'leave':
            self._found.pop(ref, None)
            return
        found = self._found.setdefault(ref, {})
        found.update(texts(properties.changes(update, 'changeSet')))
        # A property that has gone comes without a value.
        for change in values.items(update, 'changeSet'):
            if values.find(change, 'val') is None:
                found.pop(values.text(change, 'name'), None)

    def _take_task(self, ref: str, update: values.Element) -> None:
        """Keep how a task ended, also when the host forgets it."""
        if values.text(update, 'kind') == 'leave':
            self._running.pop(ref, None)
            return
        found = self._running.setdefault(ref, {})
        found.update(properties.changes(update, 'changeSet'))
        ended = task_end(found)
        if ended is not None:
            self._tasks[ref] = ended
            del self._running[ref]

    def _renew(self, refs: set[str],
               ) -> list[tuple[api.Machine | None, str]]:
        """Make machines anew; return those that are other than they were."""
        events: list[tuple[api.Machine | None, str]] = []
        for ref in refs:
            found = self._found.get(ref)
            old = self._machines.get(ref)
            new = None if found is None else machine_of(ref, found)
            if new is None:
                self._machines.pop(ref, None)
            else:
                self._machines[ref] = new
            if new != old:
                events.append((new, ref))
        return events

    def _tell(self, events: list[tuple[api.Machine | None, str]]) -> None:
        for machine, ref in events:
            for listener in self._listeners:
                try:
                    listener(machine, ref)
                except Exception:
                    LOG.exception('a listener failed with %s', ref)
