# SPDX-License-Identifier: Apache-2.0
"""Consoles of machines."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api


@pytest.mark.parametrize('kind', api.TicketKind)
def test_a_ticket_opens_the_console(client, place, peer, kind):
    ref = place.machine()
    client.power_on(ref)
    if not peer.can('tickets'):
        with pytest.raises(errors.Unsupported):
            client.acquire_ticket(ref, kind)
        return
    first, second = (client.acquire_ticket(ref, kind) for _ in range(2))
    assert first.ticket != second.ticket
    assert first.port
    assert first.thumbprint
    assert first.ticket not in repr(first)


def test_a_clone_ticket_logs_in_as_we_are(client, peer):
    first, second = (client.acquire_clone_ticket() for _ in range(2))
    assert first
    assert first != second


def test_a_picture_of_the_screen(client, place, peer):
    ref = place.machine()
    client.power_on(ref)
    if not peer.can('screenshot'):
        with pytest.raises(errors.Unsupported):
            client.screenshot(ref)
        return
    assert client.screenshot(ref).startswith(b'\x89PNG\r\n')
    machine = next(one for one in client.list_machines() if one.ref == ref)
    assert not [one.path for one in client.list_folder(machine.path.parent)
                if one.path.endswith('.png')]
