# SPDX-License-Identifier: Apache-2.0
"""Our Redfish service, as others see it: many systems, and other clients."""

import socket
import threading
import time

import pytest
import redfish as dmtf

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake
from nova_hypervisors.redfish import systems


@pytest.fixture
def client(front, authority):
    """DMTF's own client."""
    made = dmtf.redfish_client(
        base_url=front.url, username='admin', password='se cret',
        cafile=str(authority.path))
    made.login(auth='session')
    yield made
    made.logout()


class TestAnotherClient:
    def test_it_finds_and_switches_a_system(self, front, client):
        front.machines['one'] = front.system('one')
        root = client.get('/redfish/v1/').dict
        found = client.get(root['Systems']['@odata.id']).dict
        path = found['Members'][0]['@odata.id']
        system = client.get(path).dict
        assert system['PowerState'] == 'Off'
        target = system['Actions']['#ComputerSystem.Reset']['target']
        assert client.post(target, body={'ResetType': 'On'}).status == 204
        assert client.get(path).dict['PowerState'] == 'On'

    def test_it_logs_off(self, front, client):
        assert len(front.accounts.sessions()) == 1
        client.logout()
        assert front.accounts.sessions() == []


class SlowMachine(fake.FakeMachine):
    """Answers after a while, as controllers do."""

    def power(self):
        time.sleep(0.05)
        return super().power()


class TestManySystems:
    @pytest.fixture
    def many(self, front):
        machines = {f'm{number:03}': SlowMachine() for number in range(500)}
        front.machines.update({
            name: systems.System(name, lambda machine=machine: machine)
            for name, machine in machines.items()})
        front.systems.look_at_all()
        return machines

    def test_all_are_listed_in_a_second(self, many, client):
        begun = time.monotonic()
        found = client.get('/redfish/v1/Systems?$expand=.($levels=1)').dict
        took = time.monotonic() - begun
        assert len(found['Members']) == found['Members@odata.count'] == 500
        assert {member['PowerState'] for member in found['Members']} == {
            'Off'}
        assert took < 1

    def test_they_are_looked_at_side_by_side(self, front, many):
        many['m007'].power_on()
        begun = time.monotonic()
        front.systems.look_at_all()
        # 25 seconds one after another.
        assert time.monotonic() - begun < 10
        seen = front.systems.last_seen(front.machines['m007'])
        assert seen.power is api.Power.ON


class TestConnections:
    def test_one_that_is_silent_keeps_nobody_out(self, front, client):
        port = int(front.url.rpartition(':')[2])
        silent = [socket.create_connection(('127.0.0.1', port))
                  for _ in range(5)]
        begun = time.monotonic()
        assert client.get('/redfish/v1/').status == 200
        assert time.monotonic() - begun < 5
        for one in silent:
            one.close()

    def test_a_machine_gets_one_call_at_a_time(self, front):
        at_once, most = [], []

        class Counting(fake.FakeMachine):
            def power(self):
                at_once.append(1)
                most.append(len(at_once))
                time.sleep(0.02)
                at_once.pop()
                return super().power()

        machine = Counting()
        system = systems.System('one', lambda: machine)
        front.machines['one'] = system
        threads = [threading.Thread(target=front.systems.look, args=(system,))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(most) == 1
