# SPDX-License-Identifier: Apache-2.0
"""Nova whole, in one process, with the driver on the real VirtualBox.

Nova's REST API, scheduler, conductor, compute manager and Placement are the
real ones; Neutron, Glance and Cinder are Nova's own fixtures.  The driver is
loaded as ``compute_driver`` says it, by Nova's own loader.
"""

import contextlib
import sys

import pytest
from nova.tests.functional import integrated_helpers

from nova_hypervisors import conf as _registers_options  # noqa: F401
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers


@contextlib.contextmanager
def microversion(client, version):
    """Let a client of Nova's API speak an older version."""
    before, client.microversion = client.microversion, version
    yield
    client.microversion = before


@pytest.mark.usefixtures('virtualbox')
class Base(novatest.RunsUnderPytest, novatest.LooksAtServers,
           integrated_helpers._IntegratedTestBase):
    """:cvar backend: the way to VirtualBox"""

    backend = 'vboxmanage'
    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True

    def setUp(self):
        self.flags(compute_driver='nova_hypervisors.VirtualBoxDriver',
                   state_path=str(self.folder / 'state'),
                   instances_path=str(self.folder / 'i'))
        self.flags(group='virtualbox',
                   vboxmanage_cmd=str(self.real.lab.vboxmanage),
                   home=str(self.real.home), remote_display=True,
                   vrde_module='VNC',
                   vrde_port=peers.as_text(peers.DISPLAY_PORTS),
                   console_port=0, transfer_port=0,
                   teleport_ports=peers.as_text(peers.TELEPORT_PORTS),
                   physical_network_mappings=['*:nat'],
                   state_poll_interval=1, wait_soft_reboot_seconds=20,
                   backend=self.backend, webservice_url=self.service.url)
        self._configure()
        self.flags(group='wsgi',
                   api_paste_config=f'{sys.prefix}/etc/nova/api-paste.ini')
        super().setUp()
        self._fill()
        self.addCleanup(self.compute.manager.driver.cleanup_host, 'here')

    def _configure(self):
        """Set more options, before Nova starts."""

    def _fill(self):
        novatest.fill(self.glance, peers.lab().guest)

    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=None, **kwargs):
        # Nova's own waits five seconds: its guests are no guests.
        return super()._wait_for_server_parameter(
            server, expected_params, max_retries=240, **kwargs)

    def _setup_compute_service(self):
        return self._start_compute('here')

    def _boots(self, server):
        """Wait until the server's guest says something."""
        def said():
            output = self.api.post_server_action(
                server['id'], {'os-getConsoleOutput': {}})['output']
            return 'beat' in output
        peers.wait_until(said, timeout_s=60)

    def _states(self):
        return {state.value for state
                in self.real.client.machine_states().values()}

    def _act(self, server, action, status, state):
        self.api.post_server_action(server['id'], {action: None})
        self._wait_for_state_change(server, status)
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertEqual({state}, self._states())

    # Volumes

    def _luns(self, server):
        settings = self.real.client.machine_settings(server['id'])
        return {disk.lun for disk in settings.disks if disk.lun}

    def _boot_from_volume(self):
        return self.api.post_server({'server': {
            'name': 'from-volume', 'flavorRef': '1', 'networks': 'auto',
            'imageRef': '', 'block_device_mapping_v2': [{
                'boot_index': 0, 'uuid': self.cinder.IMAGE_BACKED_VOL,
                'source_type': 'volume', 'destination_type': 'volume'}]}})
