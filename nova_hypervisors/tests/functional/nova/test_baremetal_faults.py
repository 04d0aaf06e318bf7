# SPDX-License-Identifier: Apache-2.0
"""What becomes of nodes and servers when something goes wrong."""

import threading
import time

import fixtures
import pytest

from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal.deploy import fake as fake_deploy
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests.functional.nova import baremetalbase


class BareMetalFaultsTest(baremetalbase.Base):
    def _replace(self, name, function):
        self.useFixture(fixtures.MonkeyPatch(
            f'{fake_deploy.__name__}.FakeDeploy.{name}', function))

    def _only_one_node(self):
        node, other = self.store.list_nodes()
        self.store.delete(other.uuid)
        self._run_periodics()
        return node

    @pytest.mark.feature('operation.crash-recovery')
    def test_a_killed_service_leaves_a_failed_deploy_and_nothing_of_it(self):
        deploy = fake_deploy.FakeDeploy.deploy

        def killed(self, task):
            task.step('boot the ramdisk')
            task.interfaces.boot.prepare_ramdisk(task, {})
            task.interfaces.power.set_power(task.node, api.Power.ON)
            raise baremetalbase.Killed

        self._replace('deploy', killed)
        # Who is killed takes nothing back, and neither may Nova.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.compute.claims.Claim.abort', lambda self: None))
        node = self._only_one_node()
        server = self.api.post_server({'server': self._build_server(
            flavor_id=self.flavor_id, networks='auto')})
        self._wait(lambda: self.store.get_node(node.uuid).provision_state
                   == states.DEPLOYING)
        self._wait(lambda: self._machine(node).power() is api.Power.ON)
        time.sleep(0.5)
        self._replace('deploy', deploy)
        # The machine goes on while nova-compute is not there.
        machine = self._machine(node)
        self._again()
        machines = self.driver._parts.inventory.services.machines
        machines._known['fake', node.uuid] = machine
        self._wait_for_state_change(server, 'ERROR',
                                    wait_for_fault_key=False)
        found = self.store.get_node(node.uuid)
        self.assertEqual(states.DEPLOY_FAILED, found.provision_state)
        self.assertEqual('boot the ramdisk: nova-compute ended in the middle '
                         'of it', found.last_error)
        self._delete_server(server)
        self._is_clean(node.uuid)
        self.assertIs(api.Power.OFF, machine.power())
        self._run_periodics()
        again = self._make()
        self.assertEqual(node.uuid, self._node(again).uuid)

    def test_a_machine_that_fails_is_cleaned_and_another_one_is_taken(self):
        deploy, failed = fake_deploy.FakeDeploy.deploy, []

        def fails_once(self, task):
            if not failed:
                failed.append(task.node.uuid)
                self.services.machines.get(
                    ('fake', task.node.uuid), None).fail_next['power_on'] = (
                        errors.Unreachable('nobody answers'))
            deploy(self, task)

        self._replace('deploy', fails_once)
        server = self._make()
        self.assertNotIn(self._node(server).uuid, failed)
        self._is_clean(failed[0])
        steps = [step for step in self.store.list_steps(failed[0])
                 if step.error]
        self.assertEqual([('boot the ramdisk', 'nobody answers')],
                         [(step.name, step.error) for step in steps])

    def test_a_node_that_was_taken_meanwhile_is_no_fault(self):
        reserve, late = self.driver._parts.inventory.store.reserve, []

        def comes_too_late(uuid, instance_uuid, host):
            if not late:
                late.append(uuid)
                self.store.move(uuid, [states.AVAILABLE], states.CLEANING)
            return reserve(uuid, instance_uuid, host)

        self.useFixture(fixtures.MockPatchObject(
            self.driver._parts.inventory.store, 'reserve', comes_too_late))
        server = self._make()
        self.assertNotIn(self._node(server).uuid, late)
        self.assertEqual(states.ACTIVE, self._node(server).provision_state)

    def test_a_node_that_cannot_be_cleaned_gets_no_server(self):
        node = self._only_one_node()
        server = self._make()
        machine = self._machine(node)
        self._replace('clean', lambda self, task: task.services.nothing)
        self._delete_server(server)
        self._wait(lambda: self.store.get_node(node.uuid).provision_state
                   == states.CLEAN_FAILED)
        found = self.store.get_node(node.uuid)
        self.assertIn('AttributeError', found.last_error)
        self._run_periodics()
        self.assertEqual(1, self._inventory(node)[
            baremetalbase.RESOURCE_CLASS]['reserved'])
        self._replace('clean', fake_deploy.FakeDeploy.tear_down)
        # As "nova-hypervisors node clean" does.
        self.store.move(node.uuid, [states.CLEAN_FAILED], states.CLEANING)
        self._is_clean(node.uuid)
        self.assertIs(api.Power.OFF, machine.power())

    def test_cleaning_goes_on_after_a_start(self):
        node = self._only_one_node()
        server = self._make()
        held = threading.Event()

        def clean(self, task):
            held.set()
            while True:
                task.wait(0.05)

        self._replace('clean', clean)
        self._delete_server(server)
        self.assertTrue(held.wait(30))
        self.driver._parts.cleaner.stop()
        self.assertEqual(states.CLEANING,
                         self.store.get_node(node.uuid).provision_state)
        self._replace('clean', lambda self, task: None)
        self._again()
        self._is_clean(node.uuid)

    def test_a_server_that_is_deleted_meanwhile_ends_the_deploy(self):
        node = self._only_one_node()
        begun = threading.Event()

        def deploy(self, task):
            task.step('wait for the ramdisk')
            task._ask_at = 0
            begun.set()
            while True:
                task.wait(0.05)
                task._ask_at = 0

        self._replace('deploy', deploy)
        server = self.api.post_server({'server': self._build_server(
            flavor_id=self.flavor_id, networks='auto')})
        self.assertTrue(begun.wait(30))
        self._delete_server(server)
        self._is_clean(node.uuid)

    @pytest.mark.feature('operation.resume-on-host-boot')
    def test_servers_are_started_again_with_the_host(self):
        server = self._make()
        self.flags(resume_guests_state_on_host_boot=True)
        # Machines in memory are off after a start.
        self._again()
        self.assertIs(api.Power.ON,
                      self._machine(self._node(server)).power())

    def test_a_dead_node_in_maintenance_lets_its_server_go(self):
        server = self._make()
        node = self._node(server)
        self._replace('tear_down', lambda self, task: task.services.nothing)
        self.store.update(node.uuid, maintenance=True)
        self._delete_server(server)
        found = self.store.get_node(node.uuid)
        self.assertEqual((states.CLEAN_FAILED, None), (
            found.provision_state, found.instance_uuid))

    @pytest.mark.feature('storage.block')
    def test_a_volume_that_no_node_reaches_is_refused(self):
        self._only_one_node()
        server = self._build_server(flavor_id=self.flavor_id,
                                    image_uuid='', networks='none')
        server['block_device_mapping_v2'] = [{
            'uuid': '6ca404f3-d844-4169-bb96-bc792f37de98', 'boot_index': 0,
            'source_type': 'volume', 'destination_type': 'volume'}]
        server = self._wait_for_state_change(
            self.api.post_server({'server': server}), 'ERROR')
        self.assertIn('find a handler for fake volume', str(
            [step.error for node in self.store.list_nodes()
             for step in self.store.list_steps(node.uuid)]))
