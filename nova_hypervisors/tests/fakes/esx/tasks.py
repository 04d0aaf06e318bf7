# SPDX-License-Identifier: Apache-2.0
"""Tasks: what a method that ends with _Task leaves behind."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from pyVmomi import VmomiSupport
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import schema
from nova_hypervisors.tests.fakes.esx import sessions

#: How many ended tasks a TaskManager remembers.
#: Guess: the API only says "recently completed".
KEPT = 100


def task(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method return a task that does it.

    Its faults are the task's: info.error.
    """
    return _starter(method, False)


def waiting_task(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make one that may wait for others, so it is never done at once."""
    return _starter(method, True)


def _starter(method: Callable[..., Any], waits: bool) -> Callable[..., Any]:
    name = method.__name__

    @functools.wraps(method)
    def start(self: managed.Managed, **arguments: Any) -> Any:
        return self.esx.tasks.start(
            self, name, functools.partial(method, self, **arguments),
            waits or getattr(self, 'has_to_ask', False))

    return start


class Task(managed.Managed):
    kind = vim.Task

    def __init__(self, esx: Any, number: int, thing: managed.Managed,
                 name: str) -> None:
        super().__init__(esx, f'haTask-{thing.ref._moId}-{name}-{number}')
        self.cancelled = threading.Event()
        self._method = VmomiSupport.GetWsdlMethod(schema.VIM, name).info
        entity = thing.ref if managed.is_entity(thing.ref) else None
        self.info = vim.TaskInfo(
            key=self.ref._moId, task=self.ref,
            descriptionId=f'{thing.kind.__name__.rpartition(".")[2]}.{name}',
            entity=entity, entityName=getattr(thing, 'name', None),
            state='queued', cancelled=False, cancelable=True,
            reason=vim.TaskReasonUser(userName=esx.session.user or 'root'),
            queueTime=sessions.now(), eventChainId=number)

    def run(self, work: Callable[[], Any]) -> None:
        self.info.state = 'running'
        self.info.startTime = sessions.now()
        self.info.progress = 0
        if self.esx.task_seconds:
            self.esx.changed()
            with self.esx.let_others():
                self.cancelled.wait(self.esx.task_seconds)
        try:
            if self.cancelled.is_set():
                raise vmodl.fault.RequestCanceled(
                    msg='The task was canceled by a user.')
            self.info.result = work()
        except vmodl.MethodFault as error:
            self.info.error = _declared(self._method, error)
            self.info.state = 'error'
        else:
            self.info.progress = 100
            self.info.state = 'success'
        self.info.completeTime = sessions.now()
        self.info.cancelable = False
        self.esx.changed()

    def CancelTask(self) -> None:
        """:raises InvalidState: it has ended (Task.CancelTask)"""
        if self.info.completeTime:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')
        self.info.cancelled = True
        self.cancelled.set()


def _declared(info: Any, fault: Any) -> Any:
    """Return the fault, or what says that the method cannot end so."""
    try:
        faults.check_declared(info, fault)
    except faults.Undeclared as error:
        return vmodl.fault.SystemError(msg=str(error), reason=str(error))
    return fault


class TaskManager(managed.Managed):
    kind = vim.TaskManager

    maxCollector = 32

    def __init__(self, esx: Any, moid: str) -> None:
        super().__init__(esx, moid)
        self._tasks: list[Task] = []
        self._number = 0

    @property
    def recentTask(self) -> list[Any]:
        return [one.ref for one in self._tasks]

    def of(self, ref: Any) -> list[Any]:
        return [one.ref for one in self._tasks if one.info.entity == ref]

    def start(self, thing: managed.Managed, name: str,
              work: Callable[[], Any], waits: bool = False) -> Any:
        self._check(thing)
        self._number += 1
        made = Task(self.esx, self._number, thing, name)
        self._tasks.append(made)
        for old in self._tasks[:-KEPT]:
            if old.info.completeTime:
                self._tasks.remove(old)
                old.forget()
        if self.esx.task_seconds or waits:
            self.esx.thread(functools.partial(made.run, work))
        else:
            made.run(work)
            if self.esx.faults_at_once and made.info.error:
                # Some faults of a task's method come before the task does,
                # and the documents do not say which.
                raise made.info.error
        return made.ref

    def _check(self, thing: managed.Managed) -> None:
        """One task at a time for a machine: TaskInProgress in the API."""
        if not isinstance(thing.ref, vim.VirtualMachine):
            return
        for one in self._tasks:
            if one.info.entity == thing.ref and not one.info.completeTime:
                raise vim.fault.TaskInProgress(
                    msg='The operation is not allowed while another task '
                        'is in progress.', task=one.ref)
