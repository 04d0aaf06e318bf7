# SPDX-License-Identifier: Apache-2.0
"""Config drives of servers on the real VirtualBox."""

import io
import json

import pycdlib
import pytest

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


def read(path, name):
    image = pycdlib.PyCdlib()
    image.open(path)
    found = io.BytesIO()
    image.get_file_from_iso_fp(found, rr_path=f'/openstack/{name}')
    image.close()
    return found.getvalue()


@pytest.mark.feature('guest.setup.configdrive', 'guest.setup.inject.file',
                     'guest.setup.inject.networking')
def test_what_the_guest_is_to_know_is_attached(driver, image, real_virtualbox,
                                               hears):
    instance = builders.instance(image, config_drive='True',
                                 hostname='a-server')
    vif = builders.vif()
    driver.spawn(CONTEXT, instance, builders.image_meta(),
                 [('/etc/motd', b'injected')], 'a password', {},
                 network_info=[vif])
    hears(instance, 'guest up')
    disks = real_virtualbox.client.machine_settings(instance.uuid).disks
    drive, = (disk for disk in disks if disk.kind is api.DiskKind.DVD)
    data = json.loads(read(drive.path, 'latest/meta_data.json'))
    assert data['uuid'] == instance.uuid
    assert data['hostname'] == 'a-server'
    assert data['admin_pass'] == 'a password'
    injected, = data['files']
    assert injected['path'] == '/etc/motd'
    assert read(drive.path,
                injected['content_path'].lstrip('/')) == b'injected'
    links = json.loads(read(drive.path, 'latest/network_data.json'))['links']
    assert [link['ethernet_mac_address'] for link in links] == [
        vif['address']]


def test_nobody_else_may_read_it(spawn, image, folder):
    instance = spawn(builders.instance(image, config_drive='True'))
    path = folder / 'i' / instance.uuid / 'config-drive.iso'
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_goes_with_the_server(driver, spawn, image, real_virtualbox,
                                 folder):
    instance = spawn(builders.instance(image, config_drive='True'))
    driver.destroy(CONTEXT, instance, [])
    assert real_virtualbox.client.list_media() == []
    assert not (folder / 'i' / instance.uuid).exists()


def test_there_is_none_if_nobody_wants_one(spawn, real_virtualbox):
    instance = spawn()
    disks = real_virtualbox.client.machine_settings(instance.uuid).disks
    assert [disk.kind for disk in disks] == [api.DiskKind.DISK]
