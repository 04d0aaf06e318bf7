# SPDX-License-Identifier: Apache-2.0
"""What is in a node's drives, before and after."""

import concurrent.futures
import dataclasses
import io
import subprocess
import time
import uuid

import pycdlib
import pytest

from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal.boot import virtualmedia
from nova_hypervisors.baremetal.deploy import volume
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import iscsi
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import deployments

CDROM, FLOPPY = api.MediaKind.CDROM, api.MediaKind.FLOPPY
PARAMETERS = {'deployment_id': 'x', 'deployment_key': 'se-cret'}
ROOT_UUID = str(uuid.uuid4())


@pytest.fixture
def site(tmp_path, image_api):
    return deployments.Site(tmp_path, image_api, media_ttl_s=600)


@pytest.fixture
def iso(tmp_path):
    """A bootable disc as an image in Glance has it."""
    for name in ('kernel', 'ramdisk'):
        (tmp_path / name).write_bytes(name.encode() * 100)
    path = tmp_path / 'made.iso'
    media.create_iso_image(path, tmp_path / 'kernel', tmp_path / 'ramdisk',
                           boot_modes=['bios'])
    return path


@pytest.fixture
def node(site, image_api, iso):
    return site.service.add(
        driver_info={'deploy_iso': image_api.add('iso', iso)})


@pytest.fixture
def machine(site, node):
    return site.machine(node)


def inserted(machine):
    return {drive.kind: drive.url for drive in machine.media()
            if drive.inserted}


def read_iso(data, name):
    image = pycdlib.PyCdlib()
    image.open_fp(io.BytesIO(data))
    found = io.BytesIO()
    image.get_file_from_iso_fp(found, rr_path=name)
    return found.getvalue()


class TestRamdisk:
    def test_what_is_in_the_drives(self, site, node, machine, iso, tmp_path):
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        urls = inserted(machine)
        assert site.content(urls[CDROM]) == iso.read_bytes()
        floppy = tmp_path / 'floppy'
        floppy.write_bytes(site.content(urls[FLOPPY]))
        said = b''.join(subprocess.run(
            ['mtype', '-i', floppy, f'::{name}'], check=True,
            capture_output=True).stdout for name in (
                'parameters.txt', 'ca.pem'))
        assert b'deployment_key=se-cret' in said
        assert site.common.authority() in said
        assert machine.boot() == api.Boot(api.BootDevice.CDROM, False)

    def test_the_floppy_ends_by_itself(self, site, node):
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        floppy = site.publisher.get_object(deployments.CONTAINER,
                                           f'image-{node.uuid}')
        assert abs(floppy.delete_at - time.time() - 600) < 60

    def test_without_a_licence_nothing_is_uploaded(self, site, node,
                                                   machine):
        machine.has_licence = False
        task = site.task(node)
        with pytest.raises(errors.Unsupported):
            task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        assert site.objects() == set()

    def test_nothing_of_it_is_left(self, site, node, machine):
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        floppy = inserted(machine)[FLOPPY]
        task.interfaces.boot.clean_up_ramdisk(task)
        assert inserted(machine) == {}
        assert {name.partition('-')[0] for name in site.objects()} == {
            'glance'}
        with pytest.raises(FileNotFoundError):
            site.content(floppy)
        # Once more is no error.
        task.interfaces.boot.clean_up_ramdisk(task)

    def test_all_is_taken_back_that_can_be(self, site, node, machine):
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        machine.fail_next['eject_media'] = errors.Unreachable('gone')
        with pytest.raises(errors.Unreachable):
            task.interfaces.boot.clean_up_ramdisk(task)
        assert len(inserted(machine)) == 1
        assert not any(name.startswith('image-') for name in site.objects())

    def test_without_a_floppy_drive_it_is_all_on_the_disc(
            self, site, node, machine):
        del machine._media[FLOPPY]
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        disc = site.content(inserted(machine)[CDROM])
        assert b'deployment_key=se-cret' in read_iso(disc, '/parameters.txt')
        assert read_iso(disc, '/vmlinuz') == b'kernel' * 100
        assert read_iso(disc, '/ca.pem') == site.common.authority()
        task.interfaces.boot.clean_up_ramdisk(task)
        assert f'iso-{node.uuid}' not in site.objects()

    def test_a_url_is_left_to_the_controller(self, site):
        node = site.service.add(
            'other', driver_info={'ilo_deploy_iso': 'https://a.test/x.iso'})
        task = site.task(node)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        assert inserted(site.machine(node))[CDROM] == 'https://a.test/x.iso'

    def test_an_image_that_is_no_disc(self, site, image_api, tmp_path):
        (tmp_path / 'raw').write_bytes(bytes(1 << 20))
        node = site.service.add('other', driver_info={
            'deploy_iso': image_api.add('raw', tmp_path / 'raw')})
        task = site.task(node)
        with pytest.raises(errors.InvalidArgument, match='no ISO image'):
            task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)

    @pytest.mark.parametrize(('given', 'message'), [
        ({}, 'driver_info deploy_iso: it is required and missing'),
        ({'deploy_iso': 'my.iso'},
         "driver_info deploy_iso: 'my.iso' is neither the UUID")])
    def test_a_disc_that_is_not_named(self, site, given, message):
        node = site.service.add('other', driver_info=given)
        task = site.task(node)
        faults = [str(fault) for fault in
                  task.interfaces.boot.validate(task)]
        assert len(faults) == 1
        assert faults[0].startswith(message)


@pytest.fixture
def partition_image(image_api, tmp_path, iso):
    (tmp_path / 'root').write_bytes(bytes(1 << 20))

    def add(**properties):
        return image_api.add('raw', tmp_path / 'root', **{
            'kernel_id': image_api.add('raw', tmp_path / 'kernel'),
            'ramdisk_id': image_api.add('raw', tmp_path / 'ramdisk'),
            **properties})
    return add


class TestInstance:
    @pytest.fixture
    def boot(self, site, node):
        """Let a node boot its server; return its task."""
        def boot(image, on=node, option='netboot'):
            task = site.task(on, image_source=image, root_uuid=ROOT_UUID,
                             capabilities={'boot_option': option})
            task.interfaces.boot.prepare_instance(task)
            return task
        return boot

    def test_it_boots_from_its_disk(self, boot, machine, partition_image,
                                    site):
        boot(partition_image(), option='local')
        assert machine.boot() == api.Boot(api.BootDevice.DISK, True)
        assert site.objects() == set()

    def test_a_disc_is_made_and_counted(self, boot, machine, partition_image,
                                        site):
        task = boot(partition_image())
        name = task.node.instance_info['boot_iso']
        disc = site.content(inserted(machine)[CDROM])
        assert f'root=UUID={ROOT_UUID}'.encode() in read_iso(
            disc, '/isolinux/isolinux.cfg')
        assert read_iso(disc, '/vmlinuz') == b'kernel' * 100
        found = site.publisher.get_object(deployments.CONTAINER, name)
        assert found.notes == {'usage-count': '1'}
        assert machine.boot().device is api.BootDevice.CDROM

    def test_the_image_s_own_comes_first(self, boot, machine, site,
                                         partition_image, image_api, iso):
        own = image_api.add('iso', iso)
        task = boot(partition_image(boot_iso=f'glance://{own}'))
        assert site.content(inserted(machine)[CDROM]) == iso.read_bytes()
        # It is a user's, and is never deleted.
        task.interfaces.boot.clean_up_instance(task)
        assert own in image_api.images
        assert 'boot_iso' not in task.node.instance_info

    def test_two_nodes_share_one(self, boot, partition_image, site, node):
        image = partition_image()
        first = boot(image)
        second = boot(image, on=site.service.add(
            'second', driver_info=node.driver_info))
        name = first.node.instance_info['boot_iso']
        assert second.node.instance_info['boot_iso'] == name

        def count():
            return site.publisher.get_object(
                deployments.CONTAINER, name).notes['usage-count']

        assert count() == '2'
        first.interfaces.boot.clean_up_instance(first)
        assert count() == '1'
        second.interfaces.boot.clean_up_instance(second)
        assert name not in site.objects()

    def test_the_count_is_right_however_many_come(
            self, partition_image, site, node):
        image = partition_image()
        found = [site.service.add(f'many-{number}',
                                  driver_info=node.driver_info)
                 for number in range(8)]
        made = [site.task(one, image_source=image, root_uuid=ROOT_UUID,
                          capabilities={'boot_option': 'netboot'})
                for one in found]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(
                lambda task: task.interfaces.boot.prepare_instance(task),
                made))
        names = {task.node.instance_info['boot_iso'] for task in made}
        assert len(names) == 1
        assert site.service.images.count(names.pop()) == 8
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(
                lambda task: task.interfaces.boot.clean_up_instance(task),
                made))
        assert not any(name.startswith('boot-') for name in site.objects())

    def test_one_that_somebody_deleted_is_made_again(
            self, boot, partition_image, site, machine):
        image = partition_image()
        name = boot(image).node.instance_info['boot_iso']
        site.publisher.delete_object(deployments.CONTAINER, name)
        second = site.service.add('second', driver_info={
            'deploy_iso': 'https://a.test/x'})
        assert boot(image, on=second).node.instance_info['boot_iso'] == name
        assert name in site.objects()

    def test_a_reboot_puts_it_in_again(self, boot, partition_image, machine):
        task = boot(partition_image())
        machine.power_on()
        assert machine.boots[-1][0] is api.BootDevice.CDROM
        machine.eject_media(CDROM)
        task.interfaces.boot.prepare_instance(task)
        assert CDROM in inserted(machine)
        assert machine.boot() == api.Boot(api.BootDevice.CDROM, False)

    def test_an_image_without_a_kernel(self, boot, partition_image):
        with pytest.raises(errors.InvalidArgument, match='kernel_id'):
            boot(partition_image(kernel_id=''))


def test_a_machine_without_drives(site, node, machine):
    machine._media.clear()
    task = site.task(node)
    with pytest.raises(errors.Unsupported, match='no virtual CD drive'):
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
    assert site.objects() == set()


def test_a_rescue_image_is_put_in_and_taken_out(site, node, machine,
                                                image_api, iso):
    task = site.task(node)
    task.interfaces.boot.prepare_rescue(task, image_api.add('iso', iso))
    assert site.content(inserted(machine)[CDROM]) == iso.read_bytes()
    task.interfaces.boot.clean_up_rescue(task)
    assert inserted(machine) == {}


def test_who_deploys_nothing_says_so(tmp_path):
    service = baremetalnodes.make_service(tmp_path)
    boot = virtualmedia.VirtualMediaBoot(service.services)
    with pytest.raises(errors.InvalidState, match='deploys no nodes'):
        assert boot.common


class TestVolumes:
    VOLUME = iscsi.Connection('v', '192.0.2.7', 3260, 'iqn.x:y', 1, 'a-user',
                              'se cret')

    @pytest.fixture
    def ipxe(self, site, tmp_path):
        path = tmp_path / 'ipxe.lkrn'
        path.write_bytes(b'iPXE')
        site.common.settings = dataclasses.replace(site.common.settings,
                                                   ipxe=path)
        return path

    def test_a_disc_boots_it(self, site, node, machine, ipxe):
        task = site.task(node, deploy=volume.VolumeDeploy)
        task.interfaces.boot.prepare_volume(task, self.VOLUME)
        disc = site.content(inserted(machine)[CDROM])
        assert read_iso(disc, '/vmlinuz') == b'iPXE'
        lines = read_iso(disc, '/initrd').decode().splitlines()
        # It is not by network that iPXE was started.
        assert lines[:2] == ['#!ipxe', 'dhcp || shell']
        assert lines[-1].startswith('sanboot iscsi:192.0.2.7:6:3260:1:')
        assert machine.boot() == api.Boot(api.BootDevice.CDROM, False)
        task.interfaces.boot.clean_up_instance(task)
        assert inserted(machine) == {}
        assert site.objects() == set()

    def test_without_ipxe_it_says_so(self, site, node, ipxe):
        ipxe.unlink()
        task = site.task(node, deploy=volume.VolumeDeploy, asked=False)
        fault, = task.interfaces.deploy.validate(task)
        assert 'ipxe_kernel: there is no' in str(fault)
