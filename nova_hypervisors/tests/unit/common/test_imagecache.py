# SPDX-License-Identifier: Apache-2.0
"""The cache of images, with the real qemu-img and a Glance in memory."""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from nova import exception
from nova import objects
from oslo_utils import units

from nova_hypervisors.common import imagecache
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()

CONTENT = b'something'.ljust(units.Mi, b'\0')

HOUR = 3600
AGES = imagecache.Ages(original_s=2 * HOUR, base_s=HOUR)


@pytest.fixture(scope='module')
def disks(tmp_path_factory):
    """The same disk in several formats, and an ISO image."""
    folder = tmp_path_factory.mktemp('disks')
    raw = folder / 'raw'
    raw.write_bytes(CONTENT)
    for name in ('qcow2', 'vdi'):
        subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', name,
                        str(raw), str(folder / name)], check=True)
    iso = folder / 'iso'
    iso.write_bytes(bytes(0x8000) + b'\x01CD001\x01'.ljust(0x8000, b'\0'))
    return folder


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / '_base'
    path.mkdir()
    return path


@pytest.fixture
def cache(folder):
    return imagecache.ImageCache(folder, 'vdi', 60)


@pytest.fixture
def image(image_api, disks):
    return image_api.add('raw', disks / 'raw')


def content(path, count=units.Mi):
    """Return the first bytes of a VDI."""
    target = path.with_suffix('.raw')
    subprocess.run(['qemu-img', 'convert', '-f', 'vdi', '-O', 'raw',
                    str(path), str(target)], check=True)
    with target.open('rb') as file:
        found = file.read(count)
    target.unlink()
    return found


def size(path):
    text = subprocess.run(
        ['qemu-img', 'info', '--output=human', '-f', 'vdi', str(path)],
        check=True, capture_output=True, text=True).stdout
    return int(text.split('(')[1].split()[0])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestOriginals:
    @pytest.mark.parametrize('disk_format', ['raw', 'qcow2'])
    def test_an_image_is_fetched_and_converted(self, cache, folder, image_api,
                                               disks, disk_format):
        image = image_api.add(disk_format, disks / disk_format)
        path, fetched = cache.ensure(CONTEXT, image)
        assert fetched
        assert path == folder / f'{image}.vdi'
        assert content(path) == CONTENT
        assert not imagecache.is_iso(path)
        assert names(folder) == [path.name]

    def test_it_is_fetched_once(self, cache, image, image_api):
        first, _ = cache.ensure(CONTEXT, image)
        again, fetched = cache.ensure(CONTEXT, image)
        assert (again, fetched) == (first, False)
        assert len(image_api.downloads) == 1

    def test_an_iso_stays_one(self, cache, folder, image_api, disks):
        image = image_api.add('iso', disks / 'iso')
        path, _ = cache.ensure(CONTEXT, image)
        assert imagecache.is_iso(path)
        assert path.read_bytes() == (disks / 'iso').read_bytes()
        again, fetched = cache.ensure(CONTEXT, image)
        assert (again, fetched) == (path, False)

    def test_a_reference_that_is_no_uuid_is_no_path_either(
            self, cache, folder, image_api, image):
        reference = 'http://glance/../../v2/images/x'
        image_api.images[reference] = image_api.images[image]
        image_api._files[reference] = image_api.path(image)
        path, _ = cache.ensure(CONTEXT, reference)
        assert path.parent == folder
        assert names(folder) == [path.name]

    def test_several_at_once_fetch_it_once(self, cache, folder, image,
                                           image_api):
        begin = threading.Barrier(6)
        found = []

        def ensure():
            begin.wait()
            found.append(cache.ensure(CONTEXT, image))

        _together([ensure] * 6)
        assert len(image_api.downloads) == 1
        assert sorted(fetched for _, fetched in found) == [False] * 5 + [True]
        assert {path for path, _ in found} == {folder / f'{image}.vdi'}

    def test_others_do_not_wait_for_it(self, cache, image_api, disks, image):
        other = image_api.add('raw', disks / 'raw')
        download = image_api.download
        other_is_there = threading.Event()
        waited = []

        def slow(context, image_id, **arguments):
            if image_id == image:
                waited.append(other_is_there.wait(10))
            download(context, image_id, **arguments)

        image_api.download = slow

        def fetch_other():
            cache.ensure(CONTEXT, other)
            other_is_there.set()

        _together([lambda: cache.ensure(CONTEXT, image), fetch_other])
        assert waited == [True]


def _together(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestRefused:
    def test_nothing_of_it_stays(self, cache, folder, image_api, disks):
        image = image_api.add('raw', disks / 'qcow2')
        with pytest.raises(exception.ImageUnacceptable):
            cache.ensure(CONTEXT, image)
        assert names(folder) == []

    def test_it_may_be_mended(self, cache, folder, image_api, disks):
        image = image_api.add('raw', disks / 'qcow2')
        with pytest.raises(exception.ImageUnacceptable):
            cache.ensure(CONTEXT, image)
        image_api.images[image]['disk_format'] = 'qcow2'
        assert cache.ensure(CONTEXT, image)[1] is True

    def test_nothing_of_one_that_breaks_off(self, cache, folder, image_api,
                                            image):
        def download(context, image_id, dest_path, **arguments):
            Path(dest_path).write_bytes(b'half of it')
            raise exception.ImageNotFound(image_id=image_id)

        image_api.download = download
        with pytest.raises(exception.ImageNotFound):
            cache.ensure(CONTEXT, image)
        assert names(folder) == []

    def test_nothing_of_one_that_is_too_large_for_the_format(
            self, cache, folder, image_api, tmp_path):
        path = tmp_path / 'huge'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(path),
                        '1P'], check=True)
        with pytest.raises(exception.ImageUnacceptable):
            cache.ensure(CONTEXT, image_api.add('qcow2', path))
        assert names(folder) == []


class TestCertificates:
    """An image that was checked is another one than one that was not."""

    def certs(self, *ids):
        return objects.TrustedCerts(ids=list(ids))

    def test_what_was_not_checked_is_fetched_again(self, cache, image,
                                                   image_api):
        unchecked, _ = cache.ensure(CONTEXT, image)
        checked, fetched = cache.ensure(CONTEXT, image, self.certs('a'))
        assert fetched
        assert checked != unchecked
        assert [certs and certs.ids for _, certs in image_api.downloads] == [
            None, ['a']]

    def test_so_is_what_was_checked_with_others(self, cache, image):
        paths = {cache.ensure(CONTEXT, image, certs)[0] for certs in (
            self.certs('a'), self.certs('a', 'b'), self.certs('ab'))}
        assert len(paths) == 3

    def test_their_order_does_not_matter(self, cache, image):
        first, _ = cache.ensure(CONTEXT, image, self.certs('a', 'b'))
        again, fetched = cache.ensure(CONTEXT, image, self.certs('b', 'a'))
        assert (again, fetched) == (first, False)


class TestBases:
    @pytest.fixture
    def original(self, folder, disks):
        return Path(shutil.copy(disks / 'vdi', folder / 'an-image.vdi'))

    def test_there_is_one_for_each_size(self, cache, original):
        paths = [cache.base(original, root_gb) for root_gb in (1, 2)]
        assert [size(path) for path in paths] == [units.Gi, 2 * units.Gi]
        assert set(cache.bases()) == set(paths)
        for path in paths:
            assert content(path) == CONTENT

    def test_its_rest_is_empty(self, cache, original):
        path = cache.base(original, 1)
        assert path.stat().st_size < 8 * units.Mi
        assert content(path, 2 * units.Mi)[units.Mi:] == bytes(units.Mi)

    def test_without_a_size_it_has_the_image_s(self, cache, original):
        path = cache.base(original, 0)
        assert path != original
        assert size(path) == units.Mi

    def test_it_is_made_once(self, cache, original):
        path = cache.base(original, 1)
        number = path.stat().st_ino
        assert cache.base(original, 1) == path
        assert path.stat().st_ino == number

    def test_several_at_once_make_it_once(self, cache, folder, original):
        found = []
        _together([lambda: found.append(cache.base(original, 1))] * 4)
        assert len(set(found)) == 1
        assert len(names(folder)) == 2

    def test_an_image_that_does_not_fit_is_not_converted(
            self, cache, folder, image_api, tmp_path):
        huge = tmp_path / 'huge.qcow2'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(huge),
                        '2G'], check=True)
        image = image_api.add('qcow2', huge)
        with pytest.raises(exception.FlavorDiskSmallerThanImage):
            cache.ensure(CONTEXT, image, root_gb=1)
        assert list(folder.iterdir()) == []

    def test_one_that_is_smaller_than_the_image_is_refused(
            self, cache, folder):
        original = folder / 'large.vdi'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'vdi',
                        str(original), '2G'], check=True)
        with pytest.raises(exception.FlavorDiskSmallerThanImage) as caught:
            cache.base(original, 1)
        for number in (units.Gi, 2 * units.Gi):
            assert str(number) in str(caught.value)
        assert names(folder) == [original.name]
        assert size(cache.base(original, 2)) == 2 * units.Gi

    def test_a_copy_is_another_disk(self, cache, original, tmp_path):
        base = cache.base(original, 1)
        copy = tmp_path / 'root.vdi'
        cache.copy(base, copy)
        assert size(copy) == units.Gi
        assert content(copy) == CONTENT
        # VirtualBox tells disks apart by a UUID that is in them.
        assert copy.read_bytes()[:512] != base.read_bytes()[:512]


class TestAgeing:
    @pytest.fixture
    def cached(self, folder):
        """Have a file in the cache that was used some time ago."""
        def cached(name, hours):
            path = folder / name
            path.touch()
            os.utime(path, (time.time() - hours * HOUR - 60,) * 2)
            return path
        return cached

    @pytest.mark.parametrize(('name', 'hours', 'stays'), [
        ('image.vdi', 1, True), ('image.vdi', 2, False),
        ('image.iso', 1, True), ('image.iso', 2, False),
        ('image_1.vdi', 0, True), ('image_1.vdi', 1, False),
        ('image-abc_0.vdi', 1, False)])
    def test_what_nobody_has_used_for_some_time_goes(
            self, cache, cached, name, hours, stays):
        path = cached(name, hours)
        cache.age((), AGES)
        assert path.exists() is stays

    def test_what_is_in_use_stays_and_is_young_again(self, cache, cached):
        used, unused = cached('a_1.vdi', 5), cached('b_1.vdi', 5)
        cache.age({used, Path('/elsewhere.vdi')}, AGES)
        assert used.exists()
        assert not unused.exists()
        # Its time begins when it was last in use.
        cache.age((), AGES)
        assert used.exists()

    def test_to_ask_for_it_is_to_use_it(self, cache, cached):
        original, base = cached('an-image.vdi', 5), cached('an-image_1.vdi', 5)
        image = '5d0e6a6e-0000-4000-8000-000000000001'
        iso = cached(f'{image}.iso', 5)
        assert cache.ensure(CONTEXT, image) == (iso, False)
        assert cache.base(original, 1) == base
        cache.age((), AGES)
        assert iso.exists()
        assert base.exists()
        assert not original.exists()

    def test_an_original_may_go_before_its_bases(self, cache, cached):
        original, base = cached('an-image.vdi', 5), cached('an-image_1.vdi', 5)
        cache.age({base}, AGES)
        assert base.exists()
        assert not original.exists()

    def test_a_download_that_was_interrupted_goes_in_time(self, cache,
                                                          cached):
        part = cached('5d0e6a6e-0000-4000-8000-000000000001.part', 2)
        cache.age((), AGES)
        assert not part.exists()
