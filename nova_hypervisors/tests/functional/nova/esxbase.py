# SPDX-License-Identifier: Apache-2.0
"""Nova whole, in one process, with the driver on the fake ESX host."""

import sys
from pathlib import Path

import fixtures
from nova import test
from nova.tests.functional import integrated_helpers
from urllib3 import connectionpool

from nova_hypervisors import conf as _registers_options  # noqa: F401
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import esx

_MIB = 2 ** 20

# Nova's tests put another one there, which goes to their own services by HTTP
# and knows nothing of TLS.
_HTTPS = connectionpool.HTTPSConnectionPool.ConnectionCls


def guest():
    """Return a small disk with a partition, as image inspectors want it."""
    data = bytearray(4 * _MIB)
    data[446:462] = bytes((0x80, 0, 2, 0, 0x83, 0, 0, 0, 1, 0, 0, 0,
                           0xff, 0x1f, 0, 0))
    data[510:512] = b'\x55\xaa'
    data[_MIB:_MIB + 5] = b'guest'
    return bytes(data)


class Base(novatest.RunsUnderPytest, novatest.LooksAtServers,
           integrated_helpers._IntegratedTestBase):
    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True

    def setUp(self):
        folder = Path(self.useFixture(test.fixtures.TempDir()).path)
        self.host = self.useFixture(novatest.Context(
            esx.running(folder / 'host'))).value
        image = folder / 'guest.img'
        image.write_bytes(guest())
        self.flags(compute_driver='nova_hypervisors.VMwareESXDriver',
                   state_path=str(folder / 'state'))
        self.flags(group='vmware', host_ip=self.host.address,
                   host_port=self.host.port, host_username=self.host.user,
                   host_password=self.host.password,
                   ca_file=str(self.host.ca_file), console_port=0,
                   transfer_address='127.0.0.1', transfer_port=0,
                   physical_network_mappings=['*:VM Network'],
                   wait_soft_reboot_seconds=1)
        self.flags(group='wsgi',
                   api_paste_config=f'{sys.prefix}/etc/nova/api-paste.ini')
        super().setUp()
        novatest.fill(self.glance, image)
        self.addCleanup(self.compute.manager.driver.cleanup_host, 'here')

    def _setup_compute_service(self):
        self._use_https()
        return self._start_compute('here')

    def _use_https(self):
        self.useFixture(fixtures.MonkeyPatch(
            'urllib3.connectionpool.HTTPSConnectionPool.ConnectionCls',
            _HTTPS))

    def _machine(self, server):
        """Return what the host has of a server; None if it has not."""
        found = [machine for machine in self.host.machines()
                 if machine.config.instanceUuid == server['id']]
        return found[0] if found else None

    def _state(self, server):
        return self._machine(server).runtime.powerState

    def _wait(self, is_so):
        peers.wait_until(is_so, timeout_s=30)
