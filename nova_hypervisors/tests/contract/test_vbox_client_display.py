# SPDX-License-Identifier: Apache-2.0
"""Screens and counters are alike by every client."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers


class TestDisplay:
    def test_a_running_machine_shows_its_screen(self, client, running, peer):
        picture = peer.folder / 'screen.png'
        client.save_screenshot(running, picture)
        assert picture.read_bytes().startswith(b'\x89PNG')

    def test_a_running_machine_listens(self, client, running):
        assert client.display_port(running) in peers.DISPLAY_PORTS

    def test_one_that_is_off_does_not(self, make, client):
        spec = make(remote_display=api.RemoteDisplay('VNC', '127.0.0.1',
                                                     '5960'))
        assert client.display_port(spec.uuid) is None


class TestStatistics:
    def test_processor_time_grows(self, client, running):
        first = client.statistics(running)
        assert len(first.cpu_times_ns) == 1
        assert set(first.nics) == {1}
        assert set(first.disks) == {0}

        def has_grown():
            second = client.statistics(running)
            assert second.uptime_s >= first.uptime_s
            return second.cpu_times_ns[0] > first.cpu_times_ns[0]

        # Some counters stand still until the guest halts for the first time.
        peers.wait_until(has_grown, timeout_s=60)

    def test_one_that_is_off_has_none(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.statistics(make().uuid)
