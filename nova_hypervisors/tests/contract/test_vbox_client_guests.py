# SPDX-License-Identifier: Apache-2.0
"""Programs in guests: the real ones have no Guest Additions here."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import guests

PROGRAM = guests.GuestProgram(('/bin/true',), 'root', 'a secret',
                              {'NOVA_PASSWORD': 'another'})


def test_a_guest_without_the_additions_is_told(client, running):
    with pytest.raises(errors.NoAdditions) as caught:
        client.run_in_guest(running, PROGRAM)
    assert 'secret' not in str(caught.value)
    assert client.machine_state(running) is api.MachineState.RUNNING


def test_a_machine_that_is_off_has_no_guest(client, make):
    with pytest.raises(errors.InvalidState):
        client.run_in_guest(make().uuid, PROGRAM)


def test_one_that_is_not_there_is_not_found(client):
    with pytest.raises(errors.MachineNotFound):
        client.run_in_guest('00000000-0000-4000-8000-000000000000', PROGRAM)


def test_secrets_are_not_shown():
    assert 'secret' not in repr(PROGRAM)
    assert 'another' not in repr(PROGRAM)
