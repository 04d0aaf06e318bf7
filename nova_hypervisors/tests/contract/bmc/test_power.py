# SPDX-License-Identifier: Apache-2.0
"""Machines are turned on and off alike, whatever their BMC."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

Power = api.Power


class TestPower:
    def test_on_and_off(self, peer, machine):
        assert machine.power() is Power.OFF
        machine.power_on()
        peer.wait_for(Power.ON)
        machine.power_off()
        peer.wait_for(Power.OFF)

    def test_what_is_on_stays_on(self, peer, machine):
        machine.power_on()
        peer.wait_for(Power.ON)
        machine.power_on()
        assert machine.power() is Power.ON

    def test_what_is_off_stays_off(self, machine):
        machine.power_off()
        machine.power_off(soft=True)
        assert machine.power() is Power.OFF

    def test_a_reset_leaves_it_on(self, peer, machine):
        machine.power_on()
        peer.wait_for(Power.ON)
        machine.reset()
        peer.wait_for(Power.ON)

    def test_a_reset_turns_it_on(self, peer, machine):
        machine.reset()
        peer.wait_for(Power.ON)

    def test_a_soft_reset(self, peer, machine):
        machine.power_on()
        peer.wait_for(Power.ON)
        if peer.soft_reset:
            machine.reset(soft=True)
            peer.wait_for(Power.ON)
        else:
            with pytest.raises(errors.Unsupported):
                machine.reset(soft=True)

    def test_nmi(self, peer, machine):
        machine.power_on()
        peer.wait_for(Power.ON)
        if peer.nmi:
            machine.nmi()
            assert machine.power() is Power.ON
        else:
            with pytest.raises(errors.Unsupported):
                machine.nmi()

    def test_no_nmi_for_what_is_off(self, machine):
        with pytest.raises((errors.InvalidState, errors.Unsupported)):
            machine.nmi()

    def test_sensors(self, peer, machine):
        if peer.sensors:
            kinds = machine.sensors()
            assert kinds
            for name, found in kinds.items():
                assert name in ('temperature', 'fan', 'power')
                for measured in found.values():
                    assert set(measured) == {'reading', 'unit', 'health'}
        else:
            with pytest.raises(errors.Unsupported):
                machine.sensors()

    def test_it_can_be_used_after_it_was_closed(self, machine):
        machine.close()
        machine.close()
        assert machine.power() is Power.OFF
