# SPDX-License-Identifier: Apache-2.0
"""Reading the elements of the vSphere API's answers.

Without a schema: what a newer host adds is passed over, and what it leaves
out is a default.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import NamedTuple

from lxml import etree

Element = etree._Element

VIM = '{urn:vim25}'
_TYPE = '{http://www.w3.org/2001/XMLSchema-instance}type'


@dataclasses.dataclass(frozen=True, slots=True)
class Secret:
    """A text that no log may have."""

    text: str = dataclasses.field(repr=False)


class Ref(NamedTuple):
    """A ManagedObjectReference."""

    type: str
    value: str

    def __str__(self) -> str:
        return f'{self.type} {self.value}'


def find(element: Element, path: str) -> Element | None:
    """Return the first element of a path of names, 'a/b'."""
    return element.find(VIM + path.replace('/', f'/{VIM}'))


def items(element: Element | None, path: str) -> list[Element]:
    """Return every element of a path; none of no element."""
    if element is None:
        return []
    return element.findall(VIM + path.replace('/', f'/{VIM}'))


def text(element: Element | None, path: str = '', default: str = '') -> str:
    """Return the text of an element, or of one below it."""
    if element is not None and path:
        element = find(element, path)
    return default if element is None else element.text or default


def integer(element: Element | None, path: str = '', default: int = 0) -> int:
    return int(text(element, path) or default)


def is_true(element: Element | None, path: str = '') -> bool:
    return text(element, path) in ('true', '1')


def time(element: Element | None, path: str = '') -> datetime.datetime | None:
    """Return an xsd:dateTime, which the API gives in UTC."""
    found = text(element, path)
    if not found:
        return None
    moment = datetime.datetime.fromisoformat(found)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def kind(element: Element) -> str:
    """Return the type that an element says it has: 'VirtualDisk'."""
    return element.get(_TYPE, '').rpartition(':')[2]


def ref(element: Element | None) -> Ref | None:
    """Return the reference that an element holds."""
    if element is None or not element.text:
        return None
    return Ref(element.get('type', ''), element.text)


def refs(element: Element | None) -> list[Ref]:
    """Return the references of an ArrayOfManagedObjectReference."""
    return [Ref(item.get('type', ''), item.text or '')
            for item in items(element, 'ManagedObjectReference')]
