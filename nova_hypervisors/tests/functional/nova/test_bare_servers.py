# SPDX-License-Identifier: Apache-2.0
"""A server as a bare machine, by Nova's own API.

openstacksdk talks to Nova's real API; the server runs on VirtualBox.
"""

import contextlib
import functools

import openstack
import pytest
import requests
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import openstack as client
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base

#: An image that stands for iPXE's: a guest that says that it runs.
IPXE = '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6'

Device, Power = api.BootDevice, api.Power


class BareServerTest(base.Base):
    def setUp(self):
        super().setUp()
        url = self.api.base_url
        # As Nova's own test client says who it is.
        requested = requests.Session()
        requested.headers.update({
            'X-Auth-User': self.api.auth_user,
            'X-User-Id': self.api.auth_user,
            'X-Roles': ','.join(self.api.roles),
            'X-Auth-Project-Id': self.api.project_id})
        self.connection = openstack.connection.Connection(
            session=session.Session(token_endpoint.Token(url, 'unused'),
                                    session=requested),
            compute_api_version='2.1', compute_endpoint_override=url)
        self.addCleanup(self.connection.close)
        self.server = self._create_server(networks='auto', name='bare.one')
        self.cloud = client.Cloud(self.connection)
        self.machine = self.cloud.machine('bare.one', IPXE)

    def _waits_for(self, power, status):
        def is_so():
            found = self.api.get_server(self.server['id'])
            return (self.machine.power() is power
                    and found['OS-EXT-STS:task_state'] is None
                    and found['status'] == status)
        peers.wait_until(is_so, timeout_s=60)

    def _disks(self):
        settings = self.real.client.machine_settings(self.server['id'])
        return [disk.path.rpartition('/')[2] for disk
                in sorted(settings.disks, key=lambda disk: disk.port)]

    @pytest.mark.long
    def test_it_is_switched(self):
        self.assertIs(Power.ON, self.machine.power())
        self.machine.power_on()
        self.machine.power_off()
        self._waits_for(Power.OFF, 'SHUTOFF')
        self.machine.power_off()
        with contextlib.suppress(errors.InvalidState):
            self.machine.nmi()
            self.fail('an NMI for what is off')
        self.assertEqual(
            {self.server['id']: Power.OFF, 'bare.one': Power.OFF},
            self.cloud.powers())
        self.machine.reset()
        self._waits_for(Power.ON, 'ACTIVE')
        self.machine.reset()
        self._waits_for(Power.ON, 'ACTIVE')
        self._boots(self.server)

    def test_it_boots_from_the_network_and_from_its_disk_again(self):
        self.machine.set_boot(Device.DISK, persistent=True)
        self.machine.power_off()
        self._waits_for(Power.OFF, 'SHUTOFF')
        self.machine.set_boot(Device.PXE)
        self.assertEqual(api.Boot(Device.PXE, False), self.machine.boot())
        self.machine.power_on()
        self._waits_for(Power.ON, 'RESCUE')
        self.assertEqual(['rescue.vdi', 'root.vdi'], self._disks())
        self._boots(self.server)
        self.assertIn('guest up', self.machine.console_output())
        # That was for once.
        self.assertEqual(api.Boot(Device.DISK, True), self.machine.boot())
        self.machine.reset()
        self._waits_for(Power.ON, 'ACTIVE')
        self.assertEqual(['root.vdi'], self._disks())
        self._boots(self.server)

    @pytest.mark.long
    def test_a_running_one_boots_from_the_network_and_is_switched_off(self):
        self.machine.set_boot(Device.PXE, persistent=True)
        self.machine.reset()
        self._waits_for(Power.ON, 'RESCUE')
        self.machine.reset()
        self._waits_for(Power.ON, 'RESCUE')
        self.machine.power_off()
        self._waits_for(Power.OFF, 'SHUTOFF')
        self.assertEqual(api.Boot(Device.PXE, True), self.machine.boot())

    def test_what_cannot_be(self):
        self.assertEqual({Device.DISK, Device.PXE, Device.CDROM},
                         self.machine.boot_devices())
        without = self.cloud.machine('bare.one')
        refused = functools.partial(self.assertRaises, errors.Unsupported)
        refused(without.set_boot, Device.PXE)
        refused(self.machine.set_boot, Device.FLOPPY)
        refused(self.machine.set_boot_mode, api.BootMode.UEFI)
        self.assertRaises(errors.MachineNotFound,
                          self.cloud.machine('bareXone').power)
        self.assertRaises(errors.MachineNotFound, self.cloud.machine(
            '6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f11').power)
