# SPDX-License-Identifier: Apache-2.0
"""A whole deploy, until the deployed system says something.

The machine is QEMU, which fetches its virtual media as a BMC does and runs
the deploy ramdisk; the callback, the writing and the boot are ours.
"""

import hashlib

import pytest

from lab.baremetal import guests
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests.functional.baremetal import conftest

SPOKEN_S = 300


@pytest.mark.parametrize(('controller', 'publisher', 'mode'), [
    ('ilo4', 'swift', 'bios'), ('redfish', 'http', 'uefi')],
    indirect=['controller', 'publisher'])
def test_an_image_of_a_whole_disk(site, controller, mode):
    """By the protocols of real controllers, with TLS and passwords."""
    image = site.images.add('qcow2', site.built / f'{mode}.qcow2')
    node = site.make_node(**controller.driver_info)
    machine = site.machine.qemu
    machine.uefi = mode == 'uefi'
    task = site.task(node, controller=controller, image_source=image,
                     root_gb=1)
    conftest.deploy(task)
    written = (site.built / f'{mode}.raw').read_bytes()
    with machine.disk.open('rb') as disk:
        assert (hashlib.sha256(disk.read(len(written))).digest()
                == hashlib.sha256(written).digest())
    # It is off, and nothing is left of the deploy.
    assert not machine.on
    assert controller.inserted() == []
    assert all(name.startswith('glance-') for name in site.objects())
    task.interfaces.power.set_power(node, api.Power.ON)
    machine.wait_for(guests.HELLO, SPOKEN_S)
    assert f'image={mode}' in machine.console()
    machine.wait_off(SPOKEN_S)
    assert site.steps(node) == [
        'cache the image', 'boot the ramdisk', 'wait for the ramdisk',
        'log in to the disk', 'write the image', 'end the ramdisk']


def add_partition_image(site, **properties):
    kernel, ramdisk = (site.images.add('raw', site.built / name) for name in (
        'deploy.kernel', 'guest.ramdisk'))
    return site.images.add(
        'raw', site.built / 'root.raw', kernel_id=kernel, ramdisk_id=ramdisk,
        **properties)


@pytest.mark.long
@pytest.mark.parametrize('mode', ['bios', 'uefi'])
def test_an_image_of_a_partition(site, mode, config_drive):
    """By its own boot partition, and with all that a flavor can ask for."""
    node = site.make_node()
    task = site.task(
        node, image_source=add_partition_image(site), root_gb=1,
        swap_mb=16, configdrive=config_drive,
        capabilities={'boot_mode': mode})
    site.machine.qemu.resize(1400)
    conftest.deploy(task)
    assert task.node.instance_info['root_uuid'] == guests.ROOT_UUID
    task.interfaces.power.machine(node).power_on()
    site.machine.qemu.wait_for(guests.HELLO, SPOKEN_S)
    said = site.machine.qemu.console()
    assert 'ROOT partition-image' in said
    assert 'FOUND swap1' in said
    assert 'CONFIG {"uuid": "my own"}' in said
    site.machine.qemu.wait_off(SPOKEN_S)


def test_a_server_that_boots_from_a_disc(site):
    """As the specification has it: the disc is made, counted, put in."""
    image = add_partition_image(site)
    node = site.make_node()
    site.machine.qemu.resize(1400)
    task = site.task(node, image_source=image, root_gb=1,
                     capabilities={'boot_option': 'netboot'})
    conftest.deploy(task)
    name = task.node.instance_info['boot_iso']
    found = site.publisher.get_object('ironic_ilo_container', name)
    assert found.notes == {'usage-count': '1'}
    task.interfaces.power.machine(node).power_on()
    site.machine.qemu.wait_for(guests.HELLO, SPOKEN_S)
    assert 'ROOT partition-image' in site.machine.qemu.console()
    site.machine.qemu.wait_off(SPOKEN_S)
    task.interfaces.deploy.clean_up(task)
    task.interfaces.boot.clean_up_instance(task)
    assert name not in site.objects()
    assert 'boot_iso' not in task.node.instance_info
