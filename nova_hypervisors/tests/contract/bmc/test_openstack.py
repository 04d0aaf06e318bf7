# SPDX-License-Identifier: Apache-2.0
"""What is a server's alone, and what it boots from."""

import openstack.exceptions
import pytest
from keystoneauth1 import exceptions as auth_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import openstack as client

CDROM = api.MediaKind.CDROM
Device = api.BootDevice
IPXE = '6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f11'


@pytest.fixture
def server(cloud):
    return cloud.compute.add('one')


@pytest.fixture
def machine(cloud, server):
    return client.OpenStackMachine(cloud, 'one', IPXE, sleep=lambda _: None)


class TestBoots:
    def test_the_network_once_and_the_disk_again(self, machine, server):
        machine.set_boot(Device.PXE)
        machine.power_on()
        machine.reset()
        assert server.boots == [IPXE, None]

    def test_the_network_always(self, machine, server):
        machine.set_boot(Device.PXE, persistent=True)
        machine.power_on()
        machine.reset()
        # In between it was let go, which boots it from its disk.
        assert server.boots == [IPXE, None, IPXE]

    def test_an_image_by_its_name(self, cloud, server, tmp_path):
        (tmp_path / 'ipxe').write_bytes(b'x')
        image = cloud.image.create_image('ipxe', str(tmp_path / 'ipxe'))
        machine = client.OpenStackMachine(cloud, 'one', 'ipxe')
        machine.set_boot(Device.PXE)
        machine.power_on()
        assert server.boots == [image.id]

    def test_no_image_of_that_name(self, cloud, server):
        machine = client.OpenStackMachine(cloud, 'one', 'ipxe')
        machine.set_boot(Device.PXE)
        with pytest.raises(errors.NotFound, match='ipxe'):
            machine.power_on()
        assert server.boots == []

    def test_what_was_for_once_is_so_if_it_fails(self, cloud, machine,
                                                 server):
        machine.set_boot(Device.PXE)
        cloud.compute.fail_next['rescue_server'] = (
            openstack.exceptions.ConflictException('no'))
        with pytest.raises(errors.InvalidState):
            machine.power_on()
        assert machine.boot() == api.Boot(Device.PXE, False)

    def test_off_while_it_is_rescued(self, machine, server):
        machine.set_boot(Device.PXE)
        machine.power_on()
        machine.power_off()
        assert server.status == 'SHUTOFF'

    def test_a_cd(self, cloud, machine, server, image_server):
        machine.insert_media(CDROM, image_server.url('image.iso'))
        machine.set_boot(Device.CDROM)
        machine.power_on()
        image, = cloud.image.all.values()
        assert server.boots == [image.id]
        assert image.properties['hw_rescue_device'] == 'cdrom'
        assert image.data == (image_server.folder / 'image.iso').read_bytes()

    def test_an_empty_drive(self, machine, server):
        machine.set_boot(Device.CDROM)
        with pytest.raises(errors.InvalidState, match='empty'):
            machine.power_on()
        assert server.boots == []

    def test_what_is_no_image(self, cloud, machine, image_server):
        (image_server.folder / 'text').write_text('x' * 100)
        with pytest.raises(errors.InvalidArgument):
            machine.insert_media(CDROM, image_server.url('text'))
        assert cloud.image.all == {}

    def test_it_waits_for_what_is_being_done(self, cloud, server):
        server.task_state = 'powering-off'

        def sleep(_):
            server.task_state = None

        machine = client.OpenStackMachine(cloud, 'one', sleep=sleep)
        machine.power_on()
        assert server.boots == [None]

    def test_and_not_for_ever(self, cloud, server):
        server.task_state = 'powering-off'
        machine = client.OpenStackMachine(cloud, 'one', timeout_s=0.01)
        with pytest.raises(errors.TimedOut, match='powering-off'):
            machine.power_on()


class TestServers:
    def test_two_of_one_name(self, cloud, server):
        cloud.compute.add('one')
        machine = client.OpenStackMachine(cloud, 'one')
        with pytest.raises(errors.MachineNotFound, match='2 servers'):
            machine.power()

    def test_all_in_one_listing(self, cloud, server):
        twins = [cloud.compute.add('two') for _ in 'ab']
        server.on('ACTIVE')
        assert client.Cloud(cloud).powers() == {
            server.id: api.Power.ON, 'one': api.Power.ON,
            twins[0].id: api.Power.OFF, twins[1].id: api.Power.OFF}

    @pytest.mark.parametrize(('status', 'number', 'power'), [
        ('ERROR', 0, api.Power.ERROR), ('PAUSED', 3, api.Power.ON),
        ('SHUTOFF', 0, api.Power.OFF), ('SUSPENDED', 7, api.Power.OFF),
        ('RESCUE', 6, api.Power.OFF)])
    def test_states(self, machine, server, status, number, power):
        server.status, server.power_state = status, number
        assert machine.power() is power

    @pytest.mark.parametrize(('raised', 'kind'), [
        (auth_errors.ConnectFailure('x'), errors.Unreachable),
        (auth_errors.Unauthorized('x'), errors.AuthenticationFailed),
        (auth_errors.SSLError('x'), errors.CertificateRefused),
        (auth_errors.ConnectTimeout('x'), errors.TimedOut),
        (openstack.exceptions.ForbiddenException('x'), errors.Forbidden),
        (openstack.exceptions.HttpException('x', http_status=503),
         errors.Busy),
        (openstack.exceptions.SDKException('x'), errors.ClientError)])
    def test_what_goes_wrong(self, cloud, machine, raised, kind):
        cloud.compute.fail_next['start_server'] = raised
        with pytest.raises(errors.ClientError) as caught:
            machine.power_on()
        assert type(caught.value) is kind
