# SPDX-License-Identifier: Apache-2.0
"""From a free node to a server and back, with what can go wrong."""

import dataclasses
import types

import pytest
from nova import exception

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal.deploy import fake as fake_deploy
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake as fake_machine
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders

HOST = baremetalnodes.HOST


class Failing(fake_machine.FakeMachine):
    """Whose calls are counted, and one of which fails.

    :ivar fails_at: the number of the call that does
    """

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.fails_at = 0

    def _called(self, name):
        self.calls += 1
        if self.calls == self.fails_at:
            raise errors.TimedOut(f'no answer to {name}')
        super()._called(name)


def put(here, node, machine):
    here.services.machines.get(('fake', node.uuid), lambda: machine)
    return machine


def node_of(here):
    node, = here.store.list_nodes()
    return node


def is_clean(here, ops, machine):
    node = node_of(here)
    return (node.provision_state == states.AVAILABLE
            and node.instance_uuid is None
            and machine.power() is api.Power.OFF
            and not any(one.inserted for one in machine.media())
            and not any(port.vif_id for port in node.ports)
            and all(port['mac_address'].startswith('fa:16')
                    for port in ops.neutron.ports.values()))


def make(ops, wanted):
    ops.deploys.reserve(wanted.instance)
    ops.deploys.spawn(wanted)


def take_away(here, ops, wanted):
    ops.deploys.destroy(wanted.instance, wanted.context)
    node = node_of(here)
    if node.provision_state == states.CLEANING:
        ops.cleaner.clean(node)


class TestReservation:
    def test_a_node_that_is_not_free_is_the_scheduler_s_matter(
            self, here, ops, wanted):
        ops.deploys.reserve(wanted.instance)
        other = builders.instance('image', node=node_of(here).uuid)
        with pytest.raises(exception.ComputeResourcesUnavailable):
            ops.deploys.reserve(other)
        ops.deploys.release(other)
        assert node_of(here).instance_uuid == wanted.instance.uuid

    def test_one_that_was_not_used_needs_no_cleaning(self, here, ops,
                                                     wanted):
        ops.deploys.reserve(wanted.instance)
        ops.deploys.release(wanted.instance)
        ops.deploys.release(wanted.instance)
        assert node_of(here).provision_state == states.AVAILABLE

    def test_a_node_that_is_nowhere_is_not_available(self, ops, wanted):
        wanted.instance.node = 'nowhere'
        with pytest.raises(exception.ComputeResourcesUnavailable):
            ops.deploys.reserve(wanted.instance)


class TestDeploy:
    def test_every_step_has_a_name_and_a_time(self, here, ops, wanted):
        make(ops, wanted)
        found = here.store.list_steps(node_of(here).uuid)
        assert [step.name for step in found] == [
            'validate', 'plug ports', 'power off', 'prepare', 'deploy',
            'boot the ramdisk', 'write the image', 'end the ramdisk', 'boot']
        assert all(step.seconds is not None for step in found)
        assert {step.operation for step in found} == {'deploy'}

    def test_one_that_is_not_to_start_does_not(self, here, ops, wanted):
        make(ops, dataclasses.replace(wanted, power_on=False))
        node = node_of(here)
        assert node.provision_state == states.ACTIVE
        assert here.registry.of(node).power.power(node) is api.Power.OFF

    def test_what_is_wrong_with_the_node_is_all_said(self, here, ops, wanted):
        here.store.update(node_of(here).uuid,
                          driver_info={'ilo': 1, 'serial_console': 'x'})
        with pytest.raises(errors.InvalidArgument) as info:
            make(ops, wanted)
        assert 'driver_info ilo' in str(info.value)
        assert 'driver_info serial_console' in str(info.value)
        found = node_of(here)
        assert found.provision_state == states.DEPLOY_FAILED
        assert found.last_error.startswith('validate: node node-1: ')

    def test_a_server_that_is_there_is_not_made_again(self, ops, wanted):
        make(ops, wanted)
        with pytest.raises(exception.InstanceInvalidState):
            ops.deploys.spawn(wanted)

    def test_without_cleaning_a_node_is_free_at_once(self, here, ops, wanted):
        ops.deploys._settings = dataclasses.replace(
            ops.deploys._settings, automated_clean=False)
        make(ops, wanted)
        ops.deploys.destroy(wanted.instance, wanted.context)
        assert node_of(here).provision_state == states.AVAILABLE
        # To be told again is fine.
        ops.deploys.destroy(wanted.instance, wanted.context)

    def test_a_task_that_was_cancelled_is_a_server_that_is_gone(
            self, here, ops, wanted, monkeypatch):
        monkeypatch.setattr(fake_deploy.FakeDeploy, 'prepare', lambda
                            self, task: (task.cancel(), task.check()))
        with pytest.raises(exception.InstanceNotFound):
            make(ops, wanted)
        take_away(here, ops, wanted)
        assert node_of(here).provision_state == states.AVAILABLE


class TestFaults:
    """A call to the BMC fails, each of them once."""

    def _calls(self, here, ops, wanted):
        machine = put(here, node_of(here), Failing())
        make(ops, wanted)
        take_away(here, ops, wanted)
        assert is_clean(here, ops, machine)
        return machine, machine.calls

    def test_wherever_it_fails_the_node_comes_back_clean(self, here, ops,
                                                         wanted):
        machine, calls = self._calls(here, ops, wanted)
        assert calls > 15
        failed = []
        for number in range(1, calls + 1):
            machine.calls, machine.fails_at = 0, number
            self._once(here, ops, wanted, failed)
            machine.fails_at = 0
            found = node_of(here)
            if found.provision_state == states.CLEAN_FAILED:
                assert 'no answer to' in found.last_error
                here.store.move(found.uuid, [states.CLEAN_FAILED],
                                states.CLEANING)
                ops.cleaner.clean(node_of(here))
            assert is_clean(here, ops, machine), number
        assert 'deploy' in failed
        assert 'delete' in failed

    @staticmethod
    def _once(here, ops, wanted, failed):
        try:
            make(ops, wanted)
        except errors.TimedOut:
            failed.append('deploy')
            found = node_of(here)
            assert found.provision_state == states.DEPLOY_FAILED
            assert 'no answer to' in found.last_error
            # Never handed out half done.
            assert not here.store.reserve(found.uuid, 'another', HOST)
        try:
            take_away(here, ops, wanted)
        except errors.TimedOut:
            failed.append('delete')
            found = node_of(here)
            assert found.provision_state == states.DELETING
            assert 'no answer to' in found.last_error
            take_away(here, ops, wanted)

    def test_a_failed_deploy_keeps_neither_power_nor_discs(
            self, here, ops, wanted, monkeypatch):
        def breaks(self, task):
            task.interfaces.boot.prepare_ramdisk(task, {})
            task.interfaces.power.set_power(task.node, api.Power.ON)
            raise errors.TimedOut('nobody called')

        monkeypatch.setattr(fake_deploy.FakeDeploy, 'deploy', breaks)
        machine = put(here, node_of(here), Failing())
        with pytest.raises(errors.TimedOut):
            make(ops, wanted)
        assert machine.power() is api.Power.OFF
        assert not any(one.inserted for one in machine.media())
        assert node_of(here).last_error == 'deploy: nobody called'

    def test_a_deleted_port_is_no_reason_to_keep_a_server(self, here, ops,
                                                          wanted):
        machine = put(here, node_of(here), Failing())
        make(ops, wanted)
        ops.neutron.ports.clear()
        take_away(here, ops, wanted)
        assert is_clean(here, ops, machine)


class TestRecovery:
    def test_an_interrupted_deploy_is_named_and_taken_back(
            self, here, ops, wanted, tmp_path):
        machine = put(here, node_of(here), Failing())
        ops.deploys.reserve(wanted.instance)
        node = node_of(here)
        here.store.move(node.uuid, [states.RESERVED], states.DEPLOYING)
        here.store.begin_step(node.uuid, wanted.instance.uuid, 'deploy',
                              'write the image')
        machine.power_on()
        machine.insert_media(api.MediaKind.CDROM, 'http://x/deploy.iso')
        secret = tmp_path / 'configdrives' / f'{node.uuid}.iso'
        secret.parent.mkdir()
        secret.write_text('geheim')
        found = ops.deploys._host.own()
        ops.deploys.recover()
        assert node_of(here).last_error == (
            'write the image: nova-compute ended in the middle of it')
        ops.deploys._undo_all(found)
        assert machine.power() is api.Power.OFF
        assert not any(one.inserted for one in machine.media())
        assert not secret.exists()
        # It is the server's until that is deleted.
        assert node_of(here).instance_uuid == wanted.instance.uuid
        take_away(here, ops, wanted)
        assert is_clean(here, ops, machine)

    def test_a_service_leaves_other_states_alone(self, here, ops):
        for state in (states.ACTIVE, states.RESERVED, states.CLEANING):
            here.add(state, provision_state=state)
        ops.deploys.recover()
        assert {node.provision_state for node in here.store.list_nodes()} == {
            states.ACTIVE, states.RESERVED, states.CLEANING}


def test_a_machine_s_client_is_made_once_and_closed():
    closed = []
    machines = backend.Machines()
    made = [machines.get('a', lambda: types.SimpleNamespace(
        close=lambda: closed.append(1))) for _ in range(2)]
    assert made[0] is made[1]
    machines.close()
    assert closed == [1]
