# SPDX-License-Identifier: Apache-2.0
"""What a request leaves that fails at the hypervisor."""

import pytest
from nova.tests.functional.api import client

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import replaying
from nova_hypervisors.tests import incidents
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base


class IncidentsTest(base.Base):
    def _configure(self):
        self.flags(group='incidents', directory=str(self.folder / 'left'))

    def _left(self):
        return list((self.folder / 'left').glob('incident-*-power_on-*'))

    # The driver's own tests show the same, and sooner.
    @pytest.mark.long
    def test_a_server_whose_machine_is_gone_cannot_be_started(self):
        server = self._create_server(networks='none')
        self.real.manage('controlvm', server['id'], 'poweroff')
        self._wait_for_state_change(server, 'SHUTOFF')
        self.real.manage('unregistervm', server['id'])
        with self.assertRaises(client.OpenStackApiException):
            self.api.post_server_action(server['id'], {'os-start': None})
        peers.wait_until(self._left, timeout_s=60)
        path, = self._left()
        made = replaying.replay(bundles.load(path))
        incidents.is_reproduced(made, errors.MachineNotFound, 'vboxmanage')
        self.assertEqual(server['id'], made.bundle.server)
        self.assertEqual('VirtualBox', made.bundle.hypervisor['kind'])
