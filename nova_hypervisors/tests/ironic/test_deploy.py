# SPDX-License-Identifier: Apache-2.0
"""Ironic whole, with its API, puts a server on a machine with an iLO 4."""

import hashlib
import sys
from pathlib import Path

import pytest
import requests

from nova_hypervisors.tests import ironicservice
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.ironic import conftest


@pytest.fixture(scope='module')
def ironic(tmp_path_factory, images):
    running = ironicservice.Ironic(
        peers.lab(), tmp_path_factory.mktemp('service') / 'ironic', images,
        conftest.TYPES, Path(sys.prefix))
    yield running
    running.close()


@pytest.fixture
def enroll(ironic, ilo4_machine, images):
    """Tell Ironic of the machine; it is forgotten at the end."""
    made = []

    def enroll(fields=None, **driver_info):
        node = ironic.call('POST', '/nodes', {
            'driver': 'ilo4', 'deploy_interface': 'ramdisk',
            'driver_info': {**ilo4_machine.driver_info, **driver_info},
            'instance_info': {'boot_iso': images.url('image.iso')},
            **(fields or {})})
        made.append(f'/nodes/{node["uuid"]}')
        return node, made[-1]

    yield enroll
    for path in made:
        ironic.call('PUT', f'{path}/maintenance', {'reason': 'the end'})
        ironic.call('DELETE', path)


def provision(ironic, path, target, state):
    ironic.call('PUT', f'{path}/states/provision', {'target': target})
    ironic.wait_for(path, provision_state=state)


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def published(images):
    return list(images.folder.glob('virtual-media/*'))


def test_a_system_from_a_disc(ironic, enroll, ilo4_machine, ilo, images):
    ilo.machine.reads_media = True
    _, path = enroll()
    provision(ironic, path, 'manage', 'manageable')
    provision(ironic, path, 'provide', 'available')
    provision(ironic, path, 'active', 'active')
    assert ilo4_machine.is_on()
    assert ilo.machine.boots == [
        ('CDROM', (images.folder / 'image.iso').stat().st_size)]
    disc, = published(images)
    assert ilo.machine.drives['CDROM'].url == images.url(
        f'virtual-media/{disc.name}')
    provision(ironic, path, 'deleted', 'available')
    assert not ilo4_machine.is_on()
    assert ilo.machine.drives['CDROM'].url == ''
    assert published(images) == []


def test_the_ramdisk_of_a_deploy(ironic, enroll, ilo4_machine, ilo, images):
    """It is booted, and waited for; no agent is on this disc."""
    ilo.machine.reads_media = True
    _, path = enroll({
        'deploy_interface': 'direct', 'instance_info': {
            'image_source': images.url('image.img'),
            'image_checksum': _sha256(images.folder / 'image.img'),
            'image_disk_format': 'raw'}},
        deploy_iso=images.url('image.iso'))
    ironic.call('POST', '/ports', {
        'node_uuid': path.rpartition('/')[2],
        'address': '52:54:00:5e:ed:01'})
    provision(ironic, path, 'manage', 'manageable')
    provision(ironic, path, 'provide', 'available')
    provision(ironic, path, 'active', 'wait call-back')
    assert ilo.machine.boots == [
        ('CDROM', (images.folder / 'image.iso').stat().st_size)]
    # It was for once.
    assert ilo.machine.once == 'NORMAL'
    provision(ironic, path, 'deleted', 'available')
    assert not ilo4_machine.is_on()
    assert ilo.machine.drives['CDROM'].url == ''
    assert published(images) == []


def test_without_a_ramdisk_nothing_is_begun(ironic, enroll, ilo, images):
    _, path = enroll({'deploy_interface': 'direct'})
    found = ironic.call('GET', f'{path}/validate')['boot']
    assert found['result'] is False
    for field in ('deploy_iso', 'deploy_kernel', 'deploy_ramdisk'):
        assert field in found['reason']


def test_without_a_licence_nothing_is_published(ironic, enroll, ilo, images):
    ilo.machine.licence = 'iLO 4 Standard'
    _, path = enroll()
    provision(ironic, path, 'manage', 'manageable')
    provision(ironic, path, 'provide', 'available')
    provision(ironic, path, 'active', 'deploy failed')
    peers.wait_until(lambda: 'iLO Advanced' in str(
        ironic.call('GET', path)['last_error']))
    assert published(images) == []


def test_the_api_masks_the_password_and_shows_faults(ironic, enroll):
    node, path = enroll(client_port='many')
    assert node['driver_info']['ilo_password'] == '******'
    found = ironic.call('GET', f'{path}/validate')
    for interface in ('power', 'management', 'boot'):
        assert found[interface]['result'] is False
        assert 'client_port' in found[interface]['reason']
    with pytest.raises(requests.HTTPError, match='client_port'):
        ironic.call('PUT', f'{path}/states/power', {'target': 'power on'})
