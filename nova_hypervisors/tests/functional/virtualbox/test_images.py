# SPDX-License-Identifier: Apache-2.0
"""Images of every format, harmless and not, on the real VirtualBox."""

import struct
import subprocess

import pytest
from nova import exception
from nova import objects

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import guests

CONTEXT = builders.admin_context()


def feature(key):
    return pytest.mark.feature(key)


class TestFormats:
    @pytest.mark.parametrize(('disk_format', 'qemu_format', 'options'), [
        pytest.param('qcow2', 'qcow2', (), marks=feature('image.qcow2')),
        ('qcow2', 'qcow2', ('-c',)),
        ('qcow2', 'qcow2', ('-c', '-o', 'compression_type=zstd')),
        ('qcow2', 'qcow2', ('-o', 'compat=0.10')),
        ('qcow2', 'qcow2', ('-o', 'cluster_size=2M,lazy_refcounts=on')),
        pytest.param('vdi', 'vdi', (), marks=feature('image.vdi')),
        pytest.param('vmdk', 'vmdk', ('-o', 'subformat=monolithicSparse'),
                     marks=feature('image.vmdk')),
        pytest.param('vmdk', 'vmdk', ('-o', 'subformat=streamOptimized'),
                     marks=feature('image.vmdk')),
        pytest.param('vhd', 'vpc', (), marks=feature('image.vhd')),
        pytest.param('vhdx', 'vhdx', (), marks=feature('image.vhdx')),
    ])
    def test_the_guest_boots(self, spawn, hears, image_api, convert,
                             disk_format, qemu_format, options):
        path = convert(qemu_format, *options)
        instance = spawn(builders.instance(image_api.add(disk_format, path)))
        hears(instance, 'guest up')

    @feature('image.iso')
    def test_an_iso_boots_beside_an_empty_disk(
            self, driver, spawn, hears, image_api, folder, real_virtualbox):
        path = guests.write_cd(folder / 'boot.iso')
        instance = spawn(builders.instance(image_api.add('iso', path),
                                           root_gb=2))
        hears(instance, 'guest up')
        media = real_virtualbox.client.list_media()
        disk, = (medium for medium in media if medium.capacity_mb == 2048)
        assert disk.parent is None
        driver.destroy(CONTEXT, instance, [])
        assert real_virtualbox.client.list_media() == []
        assert len(list((folder / 'i/_base').glob('*.iso'))) == 1


class TestHarm:
    """Whatever could lead elsewhere is refused, with the reason."""

    @pytest.fixture
    def refused(self, spawn, image_api, driver, folder, real_virtualbox):
        def refused(disk_format, path, error=exception.ImageUnacceptable,
                    **flavor):
            image = image_api.add(disk_format, path)
            with pytest.raises(error) as caught:
                spawn(builders.instance(image, **flavor))
            assert driver.list_instances() == []
            assert real_virtualbox.client.list_media() == []
            assert list((folder / 'i/_base').glob('*.part')) == []
            return str(caught.value)
        return refused

    @feature('image.inspection')
    def test_a_backing_file(self, refused, folder):
        path = folder / 'backed'
        _create('qcow2', path, '-b', '/etc/passwd', '-F', 'raw')
        assert 'safety check' in refused('qcow2', path)

    def test_a_data_file(self, refused, folder):
        path = folder / 'elsewhere'
        _create('qcow2', path, '1M', '-o',
                f'data_file={folder}/data,data_file_raw=on')
        assert 'safety check' in refused('qcow2', path)

    def test_an_encrypted_disk(self, refused, folder):
        path = folder / 'encrypted'
        _create('qcow2', path, '1M', '--object', 'secret,id=k,data=password',
                '-o', 'encrypt.format=luks,encrypt.key-secret=k')
        assert 'encrypted' in refused('qcow2', path)

    def test_a_vmdk_with_a_parent(self, refused, convert):
        path = convert('vmdk', '-o', 'subformat=monolithicSparse')
        _edit_descriptor(path, b'parentCID=ffffffff', b'parentCID=12345678')
        assert 'parent' in refused('vmdk', path)

    def test_a_vmdk_with_the_name_of_a_parent(self, refused, convert):
        path = convert('vmdk', '-o', 'subformat=monolithicSparse')
        _edit_descriptor(path, b'# The Disk Data Base',
                         b'parentFileNameHint="/etc/passwd"')
        assert '/etc/passwd' in refused('vmdk', path)

    def test_a_vmdk_whose_extent_is_elsewhere(self, refused, convert):
        path = convert('vmdk', '-o', 'subformat=monolithicSparse')
        _edit_descriptor(path, f'"{path.name}"'.encode(),
                         b'"../../etc/passwd"')
        assert 'safety check' in refused('vmdk', path)

    def test_a_flat_vmdk(self, refused, convert):
        path = convert('vmdk', '-o', 'subformat=monolithicFlat')
        refused('vmdk', path)

    @pytest.mark.parametrize('claimed', ['raw', 'vdi', 'vmdk', 'iso'])
    def test_a_qcow2_under_another_name(self, refused, convert, claimed):
        assert 'its content is qcow2' in refused(claimed, convert('qcow2'))

    def test_a_format_that_is_none_of_ours(self, refused, folder):
        path = folder / 'disk.ploop'
        path.write_bytes(bytes(1024))
        assert 'ploop is not one of' in refused('ploop', path)

    def test_a_disk_that_is_larger_than_the_flavor(self, refused, folder):
        path = folder / 'large'
        _create('qcow2', path, '3G')
        refused('qcow2', path, exception.FlavorDiskSmallerThanImage,
                root_gb=2)

    def test_a_fixed_vhd(self, refused, convert):
        assert 'its content is gpt' in refused(
            'vhd', convert('vpc', '-o', 'subformat=fixed'))

    def test_a_file_that_is_cut_off(self, refused, convert):
        path = convert('qcow2')
        path.write_bytes(path.read_bytes()[:100])
        refused('qcow2', path)


def _create(qemu_format, path, *words):
    subprocess.run(['qemu-img', 'create', '-f', qemu_format, *words[1:],
                    str(path), words[0]] if not words[0].startswith('-')
                   else ['qemu-img', 'create', '-f', qemu_format, *words,
                         str(path), '1M'], check=True)


def _edit_descriptor(path, old, new):
    """Change the text inside a sparse VMDK."""
    data = bytearray(path.read_bytes())
    offset, size = struct.unpack_from('<QQ', data, 28)
    start, end = offset * 512, (offset + size) * 512
    text = bytes(data[start:end])
    assert old in text
    text = text.replace(old, new).rstrip(b'\0')
    data[start:end] = text.ljust(end - start, b'\0')
    path.write_bytes(data)


class TestCache:
    @pytest.mark.feature('operation.cache-images')
    def test_fetched_once_and_used(self, driver, spawn, image, image_api):
        assert driver.cache_image(CONTEXT, image) is True
        assert driver.cache_image(CONTEXT, image) is False
        spawn()
        assert len(image_api.downloads) == 1

    @pytest.mark.feature('operation.cache-images')
    def test_what_is_used_stays_and_what_is_not_goes(
            self, config, make_driver, spawn, folder):
        config.config(group='image_cache',
                      remove_unused_original_minimum_age_seconds=0,
                      remove_unused_resized_minimum_age_seconds=0)
        driver = make_driver()
        instance = spawn(driver=driver)
        cache = folder / 'i/_base'
        driver.manage_image_cache(CONTEXT, objects.InstanceList(objects=[]))
        base, = cache.iterdir()
        assert base.stem.endswith('_1')
        driver.destroy(CONTEXT, instance, [])
        driver.manage_image_cache(CONTEXT, objects.InstanceList(objects=[]))
        assert list(cache.iterdir()) == []

    def test_what_is_young_stays(self, driver, image, folder):
        driver.cache_image(CONTEXT, image)
        driver.manage_image_cache(CONTEXT, objects.InstanceList(objects=[]))
        assert len(list((folder / 'i/_base').iterdir())) == 1

    def test_a_base_for_each_size_of_root_disk(self, spawn, image, image_api,
                                               real_virtualbox):
        spawn(builders.instance(image, root_gb=1))
        spawn(builders.instance(image, root_gb=3))
        assert len(image_api.downloads) == 1
        capacities = sorted(medium.capacity_mb for medium
                            in real_virtualbox.client.list_media())
        assert capacities == [1024, 1024, 3072, 3072]

    def test_a_flavor_without_a_disk_takes_the_image_s_size(
            self, spawn, image, real_virtualbox):
        spawn(builders.instance(image, root_gb=0))
        assert {medium.capacity_mb for medium
                in real_virtualbox.client.list_media()} == {1}

    @pytest.mark.feature('operation.trusted-certs')
    def test_certificates_are_checked_in_spite_of_the_cache(
            self, spawn, image, image_api):
        certs = objects.TrustedCerts(ids=['one', 'two'])
        spawn(builders.instance(image))
        spawn(builders.instance(image, trusted_certs=certs))
        spawn(builders.instance(image, trusted_certs=certs))
        assert image_api.downloads == [(image, None), (image, certs)]
