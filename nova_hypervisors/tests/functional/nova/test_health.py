# SPDX-License-Identifier: Apache-2.0
"""What nova-compute says of itself while its hypervisor comes and goes."""

import contextlib
import json

from nova_hypervisors.baremetal import states
from nova_hypervisors.clients import errors
from nova_hypervisors.common import checks
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import asking
from nova_hypervisors.tests.functional.nova import baremetalbase
from nova_hypervisors.tests.functional.nova import esxbase

OK, WARNING, FAILED = checks.Outcome

# As it is promised.
_SEEN_S = 10


class LooksAtTheService:
    def _wait_for(self, status, timeout_s=60):
        def has_it():
            service, = self.api.get_services(binary='nova-compute')
            return service['status'] == status
        peers.wait_until(has_it, timeout_s=timeout_s)


class ESXHealthTest(asking.AsksForHealth, LooksAtTheService, esxbase.Base):
    def setUp(self):
        self._listen()
        super().setUp()
        # New connections to the host are made later, too.
        self._use_https()

    def test_a_host_that_goes_away_and_comes_back(self):
        self._wait_for_health(200, 'answers')
        self.host.go_away()
        self._wait_for_health(503, 'gone', timeout_s=_SEEN_S)
        self._wait_for('disabled', _SEEN_S)
        self.assertIn('Connection refused',
                      json.loads(self._get('/healthz')[1])['reason'])
        self.assertEqual({'process': OK, 'hypervisor': FAILED},
                         self._check())
        self.host.come_back()
        self._wait_for_health(200, 'answers')
        self._wait_for('enabled')
        self.assertEqual({'process': OK, 'hypervisor': OK}, self._check())

    def test_its_calls_and_servers_are_told(self):
        server = self._create_server(networks='none')
        on = ('nova_hypervisors_server_state{hypervisor="vmware-esx",'
              f'server="{server["id"]}",state="poweredOn"}} 1.0')
        self._wait(lambda: on in self._get('/metrics')[1])
        text = self._get('/metrics')[1]
        call = 'hypervisor="vmware-esx",operation="PowerOnVM_Task"'
        for line in (f'calls_total{{{call}}} 1.0',
                     f'call_seconds_count{{{call}}} 1.0',
                     'hypervisor_up{hypervisor="vmware-esx"} 1.0'):
            self.assertIn(f'nova_hypervisors_{line}\n', text)
        self.assertNotIn(self.host.password, text)

    def test_its_session_images_and_datastores_are_told(self):
        self.assertEqual(1, self._metric('sessions'))
        image = next(iter(self.glance.images))
        # Each of the two datastores has a cache of its own.
        for _ in range(3):
            self._create_server(networks='none', image_uuid=image)
        looked_up = [self._metric('image_cache_lookups_total', result=result)
                     or 0 for result in ('hit', 'miss')]
        self.assertEqual(3, sum(looked_up))
        self.assertIn(looked_up, ([1, 2], [2, 1]))
        asked = self._metric('calls_total', operation='RetrievePropertiesEx')
        spaces = self.compute.manager.driver._parts.host.spaces
        self.assertEqual(2, len(spaces))
        for name, space in spaces.items():
            for what in ('capacity', 'free'):
                self.assertEqual(getattr(space, what), self._metric(
                    f'datastore_{what}_bytes', datastore=name))
        # Who asks for metrics asks nothing of the host.
        self.assertEqual(asked, self._metric(
            'calls_total', operation='RetrievePropertiesEx'))
        self.compute.manager.driver._parts.client.close()
        self.assertEqual(0, self._metric('sessions'))


class BareMetalHealthTest(asking.AsksForHealth, LooksAtTheService,
                          baremetalbase.Base):
    def setUp(self):
        self._listen()
        super().setUp()

    def _lose_database(self):
        """Let the driver's way to its nodes end."""
        database = self.driver._parts.inventory.database

        @contextlib.contextmanager
        def reading():
            raise errors.Unreachable('no way to the database')
            yield

        database.reading = reading
        return lambda: vars(database).pop('reading')

    def test_a_database_that_goes_away_and_comes_back(self):
        self._wait_for_health(200, 'answers')
        find = self._lose_database()
        self._wait_for_health(503, 'gone', timeout_s=_SEEN_S)
        self._wait_for('disabled', _SEEN_S)
        find()
        self._wait_for_health(200, 'answers')
        self._wait_for('enabled')

    def _count(self, state, maintenance='false'):
        for line in self._get('/metrics')[1].splitlines():
            if line.startswith('nova_hypervisors_nodes{') and (
                    f'"{state}"' in line and f'"{maintenance}"' in line):
                return float(line.split()[-1])
        return None

    def test_its_nodes_and_servers_are_told(self):
        self.assertEqual(2, self._count(states.AVAILABLE))
        server = self._make()
        self.assertEqual(1, self._count(states.AVAILABLE))
        self.assertEqual(1, self._count(states.ACTIVE))
        on = ('nova_hypervisors_server_state{hypervisor="baremetal",'
              f'server="{server["id"]}",state="on"}} 1.0')
        self._wait(lambda: on in self._get('/metrics')[1])
        self.store.update(self._node(server).uuid, maintenance=True)
        self.assertEqual(1, self._count(states.ACTIVE, 'true'))

    def test_calls_of_its_controllers_are_told(self):
        self._make()
        self.assertLess(0, self._metric('calls_total',
                                        operation='fake.power'))
        self.assertLess(0, self._metric('calls_total',
                                        operation='fake.power_on'))
        self.assertIsNone(self._metric('calls_total',
                                       operation='fake.close'))
