# SPDX-License-Identifier: Apache-2.0
"""A real machine of VirtualBox boots from where its management says.

Each place has a guest of its own, which says on the serial line where it is
from.
"""

import pytest

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import redfish
from nova_hypervisors.redfish import systems
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import guests
from nova_hypervisors.tests import imageserver
from nova_hypervisors.tests import ironicservice
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import redfishfront

Device = api.BootDevice

# What each guest says, as long as what the lab's says.
_WORDS = {Device.DISK: b'the disk', Device.CDROM: b'from cd!',
          Device.FLOPPY: b'floppy..', Device.PXE: b'network!'}


@pytest.fixture
def images(tmp_path):
    server = imageserver.ImageServer(tmp_path)
    guests.write_cd(tmp_path / 'boot.iso', _WORDS[Device.CDROM])
    (tmp_path / 'boot.img').write_bytes(
        guests.saying(_WORDS[Device.FLOPPY]).ljust(1440 << 10, b'\0'))
    yield server
    server.close()


@pytest.fixture
def folder(registry_folder):
    return registry_folder


@pytest.fixture
def node(real_virtualbox, web_service, folder):
    """A machine with a disk, both drives, and a network to boot from."""
    name = f'bare-{folder.name}'
    manage = real_virtualbox.manage
    manage('createvm', '--name', name, '--register', '--basefolder',
           str(folder), '--ostype', 'Other_64')
    (folder / 'disk.raw').write_bytes(
        guests.saying(_WORDS[Device.DISK]).ljust(1 << 20, b'\0'))
    (folder / 'boot.pxe').write_bytes(guests.saying(_WORDS[Device.PXE]))
    disk = peers.make_vdi(folder / 'disk.vdi', folder / 'disk.raw')
    for controller, kind, port, drive, medium in (
            ('IDE', 'ide', '0', 'hdd', str(disk)),
            ('IDE', None, '1', 'dvddrive', 'emptydrive'),
            ('Floppy', 'floppy', '0', 'fdd', 'emptydrive')):
        if kind is not None:
            manage('storagectl', name, '--name', controller, '--add', kind)
        manage('storageattach', name, '--storagectl', controller, '--port',
               port, '--device', '0', '--type', drive, '--medium', medium)
    manage('modifyvm', name, '--memory', '64', '--uart1', '0x3f8', '4',
           '--uartmode1', 'file', str(folder / 'serial'),
           '--nic1', 'nat', '--nictype1', '82540EM',
           '--nat-enable-tftp1', 'on', '--nat-tftp-prefix1', str(folder),
           '--nat-tftp-file1', 'boot.pxe')
    return baremetalnodes.make_node(
        power_interface='virtualbox', management_interface='virtualbox',
        driver_info={'vbox_url': web_service.url, 'vbox_vmname': name})


@pytest.fixture
def here(tmp_path):
    made = baremetalnodes.make_service(tmp_path)
    yield made
    made.services.machines.close()
    made.database.close()


@pytest.fixture
def power(here):
    return here.registry.get('power', 'virtualbox')


@pytest.fixture
def management(here):
    return here.registry.get('management', 'virtualbox')


def wait_for(folder, word):
    """Wait until the guest says something; it is forgotten then."""
    serial = folder / 'serial'
    peers.wait_until(lambda: serial.exists() and word in serial.read_bytes(),
                     timeout_s=90)
    serial.unlink()


def test_each_device_is_booted(node, power, management, images, folder):
    machine = management.machine(node)
    machine.insert_media(api.MediaKind.CDROM, images.url('boot.iso'))
    machine.insert_media(api.MediaKind.FLOPPY, images.url('boot.img'))
    assert set(_WORDS) == management.boot_devices(node)
    for device, word in _WORDS.items():
        management.set_boot(node, device)
        power.set_power(node, api.Power.ON)
        wait_for(folder, word)
        power.set_power(node, api.Power.OFF)


@pytest.mark.long
def test_a_change_while_it_runs_counts_at_the_next_start(
        node, power, management, images, folder):
    management.machine(node).insert_media(api.MediaKind.CDROM,
                                          images.url('boot.iso'))
    management.set_boot(node, Device.DISK, persistent=True)
    power.set_power(node, api.Power.ON)
    wait_for(folder, _WORDS[Device.DISK])
    management.set_boot(node, Device.CDROM)
    power.reboot(node)
    wait_for(folder, _WORDS[Device.CDROM])
    # That was for once.
    power.reboot(node)
    wait_for(folder, _WORDS[Device.DISK])


@pytest.fixture
def authority(tmp_path):
    return certificates.Authority(tmp_path / 'authority')


@pytest.fixture
def front(node, management, authority):
    """The Redfish service, with the machine."""
    running = redfishfront.Front(authority.server())
    running.machines['node-1'] = systems.System(
        'node-1', lambda: management.machine(node), node.uuid)
    yield running
    running.close()


@pytest.mark.long
def test_by_a_client_of_redfish(front, authority, images, folder):
    client = redfish.RedfishMachine(redfish.Access(
        front.url, 'admin', 'se cret', 'node-1', verify=str(authority.path)))
    client.insert_media(api.MediaKind.CDROM, images.url('boot.iso'))
    client.set_boot(Device.CDROM)
    client.power_on()
    wait_for(folder, _WORDS[Device.CDROM])
    assert client.power() is api.Power.ON
    client.eject_media(api.MediaKind.CDROM)
    client.set_boot(Device.DISK, persistent=True)
    client.reset()
    wait_for(folder, _WORDS[Device.DISK])
    client.close()


@pytest.mark.long
def test_by_ironic_itself(front, authority, images, folder, tmp_path):
    """Ironic's own driver for Redfish boots a machine of VirtualBox."""
    ironic = ironicservice.Ironic(peers.lab(), tmp_path / 'ironic', images)
    try:
        ironic.call('POST', '/nodes', {
            'name': 'one', 'driver': 'redfish', 'driver_info': {
                'redfish_address': front.url,
                'redfish_system_id': '/redfish/v1/Systems/node-1',
                'redfish_username': 'admin', 'redfish_password': 'se cret',
                'redfish_verify_ca': str(authority.path)}})
        ironic.call('PUT', '/nodes/one/states/provision',
                    {'target': 'manage'})
        ironic.wait_for('/nodes/one', provision_state='manageable',
                        power_state='power off')
        ironic.call('POST', '/nodes/one/vmedia', {
            'device_type': 'cdrom', 'image_url': images.url('boot.iso'),
            'image_download_source': 'http'})
        peers.wait_until(lambda: any(
            media.inserted for media
            in front.systems.get('node-1').machine().media()), timeout_s=60)
        ironic.call('PUT', '/nodes/one/management/boot_device',
                    {'boot_device': 'cdrom', 'persistent': False})
        ironic_power(ironic, 'power on', 'power on')
        wait_for(folder, _WORDS[Device.CDROM])
        ironic.call('PUT', '/nodes/one/management/boot_device',
                    {'boot_device': 'disk', 'persistent': True})
        ironic_power(ironic, 'rebooting', 'power on')
        wait_for(folder, _WORDS[Device.DISK])
        ironic_power(ironic, 'soft power off', 'power off')
    finally:
        ironic.close()


def ironic_power(ironic, target, power):
    ironic.call('PUT', '/nodes/one/states/power', {'target': target})
    ironic.wait_for('/nodes/one', power_state=power, target_power_state=None)


def test_the_guest_ends_by_itself(node, power, folder):
    power.set_power(node, api.Power.ON)
    wait_for(folder, b'beat')
    power.set_power(node, api.Power.OFF, soft=True)
    assert power.power_of_all([node]) == {node.uuid: api.Power.OFF}
