# SPDX-License-Identifier: Apache-2.0
"""Ironic's conductor switches machines of each type."""

import pytest
from ironic.common import exception
from ironic.common import states
from ironic.conductor import utils as conductor_utils


def switch(conductor, node, wanted, timeout=None):
    with conductor.task(node) as task:
        conductor_utils.node_power_action(task, wanted, timeout)
        return task.node.power_state


def test_on_and_off(conductor, node, machine):
    assert switch(conductor, node, states.POWER_ON) == states.POWER_ON
    assert machine.is_on()
    assert switch(conductor, node, states.POWER_OFF) == states.POWER_OFF
    assert not machine.is_on()


def test_what_is_so_already(conductor, node, machine):
    assert switch(conductor, node, states.POWER_OFF) == states.POWER_OFF
    assert not machine.is_on()


@pytest.mark.parametrize('how', [states.REBOOT, states.SOFT_REBOOT])
def test_reboot(conductor, node, machine, how):
    if how == states.SOFT_REBOOT and machine.driver == 'vbox':
        # Its machine has no system that would end: see the next test.
        how = states.REBOOT
    switch(conductor, node, states.POWER_ON)
    assert switch(conductor, node, how) == states.POWER_ON
    assert machine.is_on()


def test_a_reboot_starts_what_is_off(conductor, node, machine):
    assert switch(conductor, node, states.REBOOT) == states.POWER_ON
    assert machine.is_on()


def test_an_ilo_starts_its_machine_anew(conductor, ilo4_machine, ilo):
    node = conductor.enroll('ilo4', **ilo4_machine.driver_info)
    switch(conductor, node, states.POWER_ON)
    for how in (states.REBOOT, states.SOFT_REBOOT):
        switch(conductor, node, how)
    assert len(ilo.machine.boots) == 3


def test_softly(conductor, ilo4_machine, ilo):
    node = conductor.enroll('ilo4', **ilo4_machine.driver_info)
    switch(conductor, node, states.POWER_ON)
    assert switch(conductor, node,
                  states.SOFT_POWER_OFF) == states.POWER_OFF
    assert not ilo4_machine.is_on()
    assert 'PRESS_PWR_BTN' in ilo.seen
    assert 'HOLD_PWR_BTN' not in ilo.seen


def test_a_system_that_does_not_end(conductor, ilo4_machine, ilo):
    node = conductor.enroll('ilo4', **ilo4_machine.driver_info)
    switch(conductor, node, states.POWER_ON)
    ilo.machine.ignores_button = True
    with pytest.raises(exception.PowerStateFailure,
                       match='its power is on, and not off, after 1 s'):
        switch(conductor, node, states.SOFT_POWER_OFF, timeout=1)
    assert ilo4_machine.is_on()


def test_what_can_be_asked_for(conductor, node):
    with conductor.task(node) as task:
        assert set(task.driver.power.get_supported_power_states(task)) == {
            states.POWER_ON, states.POWER_OFF, states.REBOOT,
            states.SOFT_POWER_OFF, states.SOFT_REBOOT}
