# SPDX-License-Identifier: Apache-2.0
"""From Glance to a server's disk on the datastore."""

import subprocess

import pycdlib
import pytest
from nova import exception

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()
GIB = 2 ** 30


@pytest.fixture
def convert(tmp_path, guest):
    """Write the guest's disk in another format."""

    def convert(qemu_format, *options):
        path = tmp_path / f'guest.{qemu_format}'
        subprocess.run(
            ['qemu-img', 'convert', '-f', 'raw', '-O', qemu_format, *options,
             str(guest), str(path)], check=True)
        return path

    return convert


@pytest.fixture
def root(host):
    """Return what is on a server's disk, if it is no child."""

    def root(instance, size):
        flat = host.datastore.folder / f'nova/{instance.uuid}/root-flat.vmdk'
        with flat.open('rb') as file:
            return file.read(size)

    return root


def _format(disk_format, qemu_format, *options, **properties):
    return pytest.param(
        disk_format, qemu_format, options, properties, id=disk_format,
        marks=pytest.mark.feature(f'image.{disk_format}'))


@pytest.mark.parametrize(('disk_format', 'qemu_format', 'options',
                          'properties'), [
    _format('qcow2', 'qcow2'), _format('vdi', 'vdi'), _format('vhd', 'vpc'),
    _format('vhdx', 'vhdx'),
    _format('vmdk', 'vmdk', '-o', 'subformat=streamOptimized')])
def test_all_formats_come_out_the_same(
        spawn, image_api, convert, guest, root, disk_format, qemu_format,
        options, properties):
    image = image_api.add(disk_format, convert(qemu_format, *options),
                          **properties)
    instance = spawn(builders.instance(image))
    data = guest.read_bytes()
    assert root(instance, len(data)) == data


def test_a_stream_goes_there_as_a_stream(spawn, image_api, convert, guest,
                                         root, host):
    image = image_api.add('vmdk', convert('vmdk', '-o',
                                          'subformat=streamOptimized'))
    meta = builders.image_meta(vmware_disktype='streamOptimized')
    host.calls.clear()
    instance = spawn(builders.instance(image), image_meta=meta)
    data = guest.read_bytes()
    assert root(instance, len(data)) == data
    assert 'HttpNfcLeaseComplete' in host.names()


def test_thin_disks_are_thin(spawn, image, client, host):
    instance = spawn(builders.instance(image),
                     image_meta=builders.image_meta(vmware_disktype='thin'))
    descriptor = host.datastore.folder / f'nova/{instance.uuid}/root.vmdk'
    assert 'ddb.thinProvisioned = "1"' in descriptor.read_text()


@pytest.mark.feature('image.iso')
def test_an_iso_image_is_in_the_drive(spawn, image_api, tmp_path, details):
    path = tmp_path / 'install.iso'
    iso = pycdlib.PyCdlib()
    iso.new()
    iso.write(str(path))
    iso.close()
    instance = spawn(builders.instance(image_api.add('iso', path)))
    found = details(instance)
    assert found.cdrom.name == 'image.iso'
    assert [disk.size for disk in found.disks] == [GIB]


@pytest.mark.feature('image.inspection')
def test_an_image_that_is_not_what_it_says_is_refused(spawn, image_api, guest,
                                                      driver, files):
    image = image_api.add('qcow2', guest)
    with pytest.raises(exception.ImageUnacceptable, match='its content is'):
        spawn(builders.instance(image))
    assert driver.list_instances() == []
    assert files() == []
    assert files('nova-images') == []


def test_an_image_that_does_not_fit_is_refused(spawn, image_api, tmp_path,
                                               files):
    path = tmp_path / 'large.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(path),
                    '2G'], check=True)
    image = image_api.add('qcow2', path)
    with pytest.raises(exception.FlavorDiskSmallerThanImage):
        spawn(builders.instance(image))
    assert files('nova-images') == []


class TestCache:
    @pytest.mark.feature('operation.cache-images')
    def test_an_image_is_uploaded_once(self, driver, spawn, image, host):
        assert driver.cache_image(CONTEXT, image)
        assert not driver.cache_image(CONTEXT, image)
        host.calls.clear()
        spawn()
        assert not [name for name in host.names() if 'PUT' in name]
        driver.manage_image_cache(CONTEXT, [])

    def test_it_is_found_again_after_a_restart(self, make_driver, spawn,
                                               image, host, driver):
        driver.cache_image(CONTEXT, image)
        driver = make_driver()
        assert not driver.cache_image(CONTEXT, image)

    def test_what_nobody_uses_is_deleted_in_time(self, config, driver, spawn,
                                                 image, files):
        instance = spawn()
        driver.destroy(CONTEXT, instance, [])
        driver._parts.images.age(['datastore1'], 3600)
        assert files('nova-images') != []
        driver._parts.images.age(['datastore1'], -1)
        driver._parts.images.age(['datastore1'], -1)
        assert files('nova-images') == []
        spawn()

    def test_one_that_was_deleted_by_hand_is_fetched_again(
            self, driver, spawn, image, client):
        driver.cache_image(CONTEXT, image)
        client.delete_file(api.DatastorePath('datastore1', 'nova-images'))
        with pytest.raises(exception.NovaException):
            spawn()
        spawn()

    @pytest.mark.feature('operation.trusted-certs')
    def test_certificates_are_asked_for_again(self, spawn, image, image_api):
        from nova import objects
        spawn()
        spawn(builders.instance(
            image, trusted_certs=objects.TrustedCerts(ids=['a'])))
        assert [certs and certs.ids for _, certs in image_api.downloads] == [
            None, ['a']]


class TestLinked:
    @pytest.fixture
    def config(self, config):
        config.config(group='vmware', linked_clone=True)
        return config

    @pytest.mark.feature('disk.differencing')
    def test_a_disk_is_a_child(self, spawn, details, files, image, host):
        instance = spawn()
        disk, = details(instance).disks
        parent, = disk.parents
        assert parent.file.startswith(f'nova-images/here/{image}/')
        assert disk.size == GIB

    def test_what_children_need_stays(self, driver, spawn, files):
        instance = spawn()
        driver._parts.images.age(['datastore1'], -1)
        driver._parts.images.age(['datastore1'], -1)
        assert files('nova-images') != []
        driver.destroy(CONTEXT, instance, [])
        assert files('nova-images') != []
        assert files() == []
