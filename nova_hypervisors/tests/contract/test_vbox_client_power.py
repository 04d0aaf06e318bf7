# SPDX-License-Identifier: Apache-2.0
"""Machines are started and stopped alike by every client."""

import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api

State = api.MachineState


class TestPower:
    def test_states_one_by_one_and_all_at_once(self, make, client, running):
        off = make()
        assert client.machine_state(running) is State.RUNNING
        assert client.machine_states() == {running: State.RUNNING,
                                           off.uuid: State.OFF}

    def test_on_and_off(self, client, running):
        client.power_off(running)
        assert client.machine_state(running) is State.OFF
        client.start(running)
        assert client.machine_state(running) is State.RUNNING

    def test_what_runs_is_not_started(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.start(running)

    def test_what_is_off_is_not_powered_off(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.power_off(make().uuid)

    def test_pause_and_resume(self, client, running):
        client.pause(running)
        assert client.machine_state(running) is State.PAUSED
        assert client.machine_states()[running] is State.PAUSED
        client.resume(running)
        assert client.machine_state(running) is State.RUNNING

    def test_what_runs_is_not_resumed(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.resume(running)

    def test_a_saved_machine_goes_on(self, client, running):
        client.save_state(running)
        assert client.machine_state(running) is State.SAVED
        assert client.machine_states()[running] is State.SAVED
        client.start(running)
        assert client.machine_state(running) is State.RUNNING

    def test_a_saved_state_is_thrown_away(self, client, running):
        client.save_state(running)
        client.discard_state(running)
        assert client.machine_state(running) is State.OFF

    def test_there_is_no_saved_state_to_throw_away(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.discard_state(make().uuid)

    def test_the_guest_answers_the_power_button(self, client, running):
        # It has to have booted to see it: until then it is pressed again.
        end = time.monotonic() + 60
        while client.machine_state(running) is State.RUNNING:
            assert time.monotonic() < end
            try:
                client.press_power_button(running)
            except errors.InvalidState:
                break
            time.sleep(1)
        assert client.machine_state(running) is State.OFF

    def test_a_process_that_died_is_seen_and_mended(self, client, running,
                                                    peer):
        peer.crash(running)
        assert client.machine_state(running) is State.ABORTED
        assert client.machine_states()[running] is State.ABORTED
        client.start(running)
        assert client.machine_state(running) is State.RUNNING


def test_a_part_of_the_processors(running, client):
    client.limit_execution(running, 1)
    assert client.machine_settings(running).execution_percent == 1
    client.limit_execution(running, 100)
    assert client.machine_settings(running).execution_percent == 100
