# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.tests.functional.nova import base


class RebuildTest(base.Base):
    @pytest.mark.feature('operation.rebuild')
    def test_a_rebuilt_server_boots_from_its_new_image(self):
        server = self._create_server(networks='auto')
        self._rebuild_server(server,
                             '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6')
        machine, = self.real.client.list_machines()
        self.assertEqual(server['id'], machine.uuid)
        medium = [medium for medium in self.real.client.list_media()
                  if medium.parent is None]
        self.assertIn('76fa36fc', medium[0].path)
        self._boots(server)


class RebuildByWebServiceTest(RebuildTest):
    backend = 'webservice'
