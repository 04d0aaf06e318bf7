# SPDX-License-Identifier: Apache-2.0
"""Reading properties of a host's objects, and only those that are wanted.

Source: the vSphere Web Services SDK programming guide, "Using the
PropertyCollector".
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import session
from nova_hypervisors.clients.vsphere import values

#: The properties that were found, by their paths, of each object.
Objects = dict[values.Ref, dict[str, values.Element]]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A property that leads from objects to others.

    :param type: of the object that has it
    """

    type: str
    path: str
    then: tuple[Step, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Some properties of an object, and of those that it leads to.

    :param paths: by the type of object
    :param steps: that are taken from the object
    """

    start: values.Ref
    paths: dict[str, Sequence[str]]
    steps: tuple[Step, ...] = ()


def of(target: values.Ref, *paths: str) -> Wanted:
    """Want properties of one object."""
    return Wanted(target, {target.type: paths})


def filter_spec(host: session.Session, wanted: Wanted) -> Any:
    """Return it as a PropertyFilterSpec."""
    return host.make(
        'PropertyFilterSpec',
        propSet=[host.make('PropertySpec', type=kind, all=False,
                           pathSet=list(paths))
                 for kind, paths in wanted.paths.items()],
        objectSet=[host.make(
            'ObjectSpec', obj=wanted.start, skip=False,
            selectSet=[_select(host, step) for step in wanted.steps])])


def _select(host: session.Session, step: Step) -> Any:
    return host.make(
        'TraversalSpec', type=step.type, path=step.path, skip=False,
        selectSet=[_select(host, then) for then in step.then])


def read(host: session.Session, *wanted: Wanted) -> Objects:
    """Read properties in one call, or as many as the host makes of it.

    :raises MachineNotFound: the object is a machine that has gone
    """
    collector = host.service('propertyCollector')
    target = wanted[0].start

    def first() -> values.Element:
        answer = host.try_call(
            'RetrievePropertiesEx', collector, options=host.make(
                'RetrieveOptions'),
            specSet=[filter_spec(host, one) for one in wanted])
        if not len(answer):
            # Each start is an object that exists: a host leaves all out
            # when its session has ended.
            raise faults.Fault(faults.NOT_AUTHENTICATED,
                               'the answer has no objects')
        return answer

    answer = host.retried('RetrievePropertiesEx', target, first)
    found: Objects = {}
    while True:
        _collect(answer, found)
        token = values.text(answer, 'returnval/token')
        if not token:
            return found
        try:
            answer = host.call('ContinueRetrievePropertiesEx', collector,
                               token=token)
        except errors.ClientError:
            with contextlib.suppress(errors.ClientError):
                host.call('CancelRetrievePropertiesEx', collector,
                          token=token)
            raise


def _collect(answer: values.Element, found: Objects) -> None:
    for item in values.items(answer, 'returnval/objects'):
        if (ref := values.ref(item[0])) is not None:
            found.setdefault(ref, {}).update(changes(item, 'propSet'))


def changes(item: values.Element, name: str) -> dict[str, values.Element]:
    """Return the values of an ObjectContent or ObjectUpdate by their paths.

    :param name: of the elements that hold them
    """
    tag = values.VIM + name
    found = {}
    for child in item:
        if child.tag == tag:
            path = value = None
            for part in child:
                if part.tag == _NAME:
                    path = part.text
                elif part.tag == _VAL:
                    value = part
            if path and value is not None:
                found[path] = value
    return found


_NAME = f'{values.VIM}name'
_VAL = f'{values.VIM}val'


def one(host: session.Session, target: values.Ref,
        *paths: str) -> dict[str, values.Element]:
    """Read properties of one object."""
    return read(host, of(target, *paths)).get(target, {})
