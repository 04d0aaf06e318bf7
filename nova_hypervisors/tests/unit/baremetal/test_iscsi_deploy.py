# SPDX-License-Identifier: Apache-2.0
"""Deploys that do not come to their end, and what is asked of them."""

import subprocess
import threading

import pytest

from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal.boot import fake as fake_boot
from nova_hypervisors.baremetal.deploy import agent
from nova_hypervisors.baremetal.deploy import iscsi
from nova_hypervisors.baremetal.deploy import ramdiskiso
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import deployments
from nova_hypervisors.tests import ramdiskmachine


@pytest.fixture
def site(tmp_path, image_api):
    made = deployments.Site(
        tmp_path, image_api, deploy_timeout_s=20, callback_port=0,
        disk_devices=('sda', 'vda'))
    yield made
    made.common.stop()


@pytest.fixture
def images(image_api, tmp_path):
    for name in ('kernel', 'ramdisk'):
        (tmp_path / name).write_bytes(b'x' * 2048)
    media.create_iso_image(tmp_path / 'deploy.iso', tmp_path / 'kernel',
                           tmp_path / 'ramdisk', boot_modes=['bios'])
    (tmp_path / 'disk').write_bytes(bytes(2 << 20))
    return {'iso': image_api.add('iso', tmp_path / 'deploy.iso'),
            'disk': image_api.add('raw', tmp_path / 'disk')}


@pytest.fixture
def node(site, images):
    return site.service.add(driver_info={'deploy_iso': images['iso']})


@pytest.fixture
def machine(site, node, tmp_path):
    made = ramdiskmachine.RamdiskMachine(site.content, tmp_path)
    site.services.machines.get(('fake', node.uuid), lambda: made)
    return made


@pytest.fixture
def task(site, node, machine, images):
    return site.task(node, image_source=images['disk'], root_gb=1)


def left(site, machine):
    """Return what a deploy has left in drives and in the publisher."""
    return ([drive.kind for drive in machine.media() if drive.inserted],
            {name for name in site.objects()
             if not name.startswith('glance-')})


NOTHING = ([], set())


class TestRamdisk:
    def test_what_it_is_told(self, site, node, machine, task):
        seen = {}

        def says(parameters):
            seen.update(parameters)
            site.common.passthru.pass_deploy_info(
                node.uuid, {'key': parameters['deployment_key'],
                            'error': 'that is all'})

        machine.says = says
        with pytest.raises(errors.ClientError):
            task.interfaces.deploy.deploy(task)
        assert seen['deployment_id'] == node.uuid
        assert seen['iscsi_target_iqn'] == f'iqn-{node.uuid}'
        assert seen['ironic_api_url'] == site.common.callback_url()
        assert seen['ironic_api_url'].startswith('https://127.0.0.1:')
        assert seen['disk'] == 'sda,vda'
        assert len(seen['chap_secret']) == 16
        assert len({seen[name] for name in (
            'deployment_key', 'chap_secret', 'finish_key')}) == 3
        assert not [name for name in seen if 'token' in name]

    def test_its_error_is_that_of_the_deploy(self, site, node, machine,
                                             task):
        machine.says = lambda parameters: (
            site.common.passthru.pass_deploy_info(
                node.uuid, {'key': parameters['deployment_key'],
                            'error': 'no disk that can be written'}))
        with pytest.raises(errors.ClientError,
                           match='no disk that can be written'):
            task.interfaces.deploy.deploy(task)
        assert left(site, machine) == NOTHING

    def test_it_never_calls(self, tmp_path, image_api, images):
        (tmp_path / 'short').mkdir()
        site = deployments.Site(tmp_path / 'short', image_api,
                                deploy_timeout_s=0.3)
        node = site.service.add(driver_info={'deploy_iso': images['iso']})
        task = site.task(node, image_source=images['disk'], root_gb=1)
        with pytest.raises(errors.TimedOut, match='did not call back'):
            task.interfaces.deploy.deploy(task)
        assert left(site, site.machine(node)) == NOTHING
        site.common.stop()

    def test_the_server_is_deleted_in_the_meantime(self, site, machine,
                                                   task):
        machine.says = lambda parameters: task.cancel()
        with pytest.raises(errors.Cancelled):
            task.interfaces.deploy.deploy(task)
        assert left(site, machine) == NOTHING

    def test_it_calls_from_where_nobody_answers(self, site, node, machine,
                                                task):
        """The disk cannot be reached: a closed port of this host."""
        machine.says = lambda parameters: (
            site.common.passthru.pass_deploy_info(node.uuid, {
                'key': parameters['deployment_key'], 'address': '127.0.0.1',
                'iqn': parameters['iscsi_target_iqn'], 'port': 9}))
        with pytest.raises(errors.Unreachable):
            task.interfaces.deploy.deploy(task)
        assert left(site, machine) == NOTHING

    def test_a_disc_that_cannot_be_inserted(self, site, machine, task):
        machine.fail_next['insert_media'] = errors.Unreachable('silence')
        with pytest.raises(errors.Unreachable):
            task.interfaces.deploy.deploy(task)
        assert left(site, machine) == NOTHING

    def test_a_retry_has_other_keys(self, site, node, machine, task):
        keys = []

        def says(parameters):
            keys.append(parameters['deployment_key'])
            site.common.passthru.pass_deploy_info(
                node.uuid, {'key': keys[-1], 'error': 'again'})

        machine.says = says
        for _ in range(2):
            machine.power_off()
            with pytest.raises(errors.ClientError, match='again'):
                task.interfaces.deploy.deploy(task)
        assert len(set(keys)) == 2

    def test_what_is_cleaned_up_twice_is_no_error(self, site, machine, task):
        for _ in range(2):
            task.interfaces.deploy.tear_down(task)
            task.interfaces.deploy.clean_up(task)
        assert machine.power() is api.Power.OFF


class TestPrepare:
    def test_the_ramdisk_is_not_signed(self, machine, task):
        machine.set_secure_boot(True)
        machine.power_on()
        task.interfaces.deploy.prepare(task)
        assert machine.power() is api.Power.OFF
        assert machine.secure_boot() is False

    def test_the_boot_mode_is_that_of_the_server(self, site, node, machine,
                                                 images):
        task = site.task(node, image_source=images['disk'], root_gb=1,
                         capabilities={'boot_mode': 'uefi'})
        task.interfaces.deploy.prepare(task)
        assert machine.boot_mode() is api.BootMode.UEFI

    def test_a_boot_mode_that_there_is_not(self, site, node, machine):
        task = site.task(node, capabilities={'boot_mode': 'eufi'})
        with pytest.raises(errors.InvalidArgument, match="'eufi'"):
            task.interfaces.deploy.prepare(task)

    def test_signatures_are_checked_again(self, site, node, machine):
        task = site.task(node, capabilities={'secure_boot': 'true'})
        firmware.secure(task)
        assert machine.secure_boot() is True


class TestImages:
    def test_one_that_is_larger_than_the_root_disk(self, site, node, machine,
                                                   image_api, tmp_path):
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2',
                        tmp_path / 'large', '2G'], check=True)
        image = image_api.add('qcow2', tmp_path / 'large')
        task = site.task(node, image_source=image, root_gb=1)
        with pytest.raises(errors.InvalidArgument):
            task.interfaces.deploy.deploy(task)
        assert machine.boots == []

    def test_one_that_is_not_what_it_says(self, site, node, machine,
                                          image_api, tmp_path):
        (tmp_path / 'text').write_bytes(b'#!/bin/sh\n')
        image = image_api.add('qcow2', tmp_path / 'text')
        task = site.task(node, image_source=image, root_gb=1)
        with pytest.raises(errors.ClientError, match='content is raw'):
            task.interfaces.deploy.deploy(task)

    def test_a_whole_disk_has_no_swap(self, site, node, machine, images):
        task = site.task(node, image_source=images['disk'], root_gb=1,
                         swap_mb=10)
        with pytest.raises(errors.InvalidArgument,
                           match='Cannot deploy whole disk image with swap'):
            task.interfaces.deploy.deploy(task)

    def test_a_disc_is_not_written(self, site, node, machine, images):
        task = site.task(node, image_source=images['iso'], root_gb=1)
        with pytest.raises(errors.InvalidArgument, match='ramdisk-iso'):
            task.interfaces.deploy.deploy(task)

    def test_a_node_itself_writes_whole_disks(self, site, node, machine,
                                              image_api, tmp_path, images):
        image = image_api.add(
            'raw', tmp_path / 'disk', kernel_id=images['iso'],
            ramdisk_id=images['iso'])
        task = site.task(node, deploy=agent.AgentDeploy, image_source=image,
                         root_gb=1)
        with pytest.raises(errors.Unsupported, match='whole disks only'):
            task.interfaces.deploy.deploy(task)


@pytest.mark.parametrize(('info', 'faults'), [
    ({}, ['Cannot validate iSCSI deploy. Some parameters were missing',
          "in node's instance_info: image_source, root_gb"]),
    ({'root_gb': 1}, ['instance_info: image_source']),
    ({'root_gb': 'x', 'swap_mb': 'y', 'image_source': 'z'},
     ['Invalid parameter root_gb. Reason: ', "'y' is not an integer value"]),
    ({'root_gb': 1, 'image_source': 'z', 'preserve_ephemeral': 'perhaps'},
     ['Invalid parameter preserve_ephemeral'])])
def test_instance_info_that_is_not_sound(info, faults):
    node = baremetalnodes.make_node(instance_info=info)
    with pytest.raises(errors.InvalidArgument) as caught:
        iscsi.parse_instance_info(node)
    for fault in faults:
        assert fault in str(caught.value)


def test_instance_info_that_is_sound():
    node = baremetalnodes.make_node(instance_info={
        'image_source': 'z', 'root_gb': '2', 'ephemeral_gb': 3,
        'preserve_ephemeral': 'true', 'swap_mb': None})
    assert iscsi.parse_instance_info(node) == iscsi.InstanceInfo(
        'z', 2, 0, 3, 'ext4', True, '')


class TestValidation:
    def faults(self, task):
        return [str(fault) for fault in
                task.interfaces.deploy.validate(task)]

    def test_nothing_is_wrong(self, task):
        assert self.faults(task) == []

    def test_all_that_is_wrong(self, tmp_path, image_api):
        site = deployments.Site(tmp_path, image_api,
                                callback_certificate='/no/file')
        node = site.service.add(ports=(), boot_interface='fake')
        task = site.task(node, boot=fake_boot.FakeBoot, root_gb='x')
        text = '\n'.join(self.faults(task))
        for part in (f'Node {node.uuid} does not have any port associated',
                     'callback_private_key go together',
                     '/no/file cannot be read', 'image_source',
                     "'fake' boots by no virtual media"):
            assert part in text

    def test_a_node_by_itself_wants_nothing(self, site, node, machine):
        assert self.faults(site.task(node, asked=False)) == []

    def test_discs_need_drives(self, site, node, machine):
        task = site.task(node, deploy=ramdiskiso.RamdiskISODeploy,
                         boot=fake_boot.FakeBoot)
        assert 'puts in no discs' in self.faults(task)[0]

    def test_an_address_that_nobody_can_call(self, tmp_path, image_api):
        (tmp_path / 'x').mkdir()
        site = deployments.Site(tmp_path / 'x', image_api)
        common = site.common
        common.settings = type(common.settings)(
            tmp_path, callback_address='0.0.0.0')
        assert common.settings.faults() == [
            '[deploy] callback_url has to be set: nodes cannot call 0.0.0.0']


def test_the_callback_s_own_certificate_is_kept(tmp_path, image_api):
    site = deployments.Site(tmp_path, image_api)
    first = site.common.authority()
    assert site.common.authority() == first
    assert b'PRIVATE' not in first
    modes = {path.stat().st_mode & 0o777
             for path in tmp_path.glob('callback-*')}
    assert modes == {0o600}


def test_a_port_that_is_taken(tmp_path, image_api, site):
    url = site.common.callback_url()
    (tmp_path / 'other').mkdir()
    other = deployments.Site(tmp_path / 'other', image_api,
                             callback_port=int(url.rpartition(':')[2]))
    with pytest.raises(errors.InvalidArgument, match='cannot be heard'):
        other.common.callback_url()


def test_of_many_threads_one_begins_to_listen(site):
    urls = set()
    threads = [threading.Thread(
        target=lambda: urls.add(site.common.callback_url()))
        for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 1


class TestExpiry:
    def publish(self, site, tmp_path):
        (tmp_path / 'left').write_bytes(b'a key')
        site.publisher.upload_object(
            deployments.CONTAINER, 'image-x', tmp_path / 'left',
            delete_after_s=0, create_container=True)

    @pytest.mark.parametrize(('sweeps', 'left_over'), [
        (True, set()), (False, {'image-x'})])
    def test_what_a_killed_service_has_left(self, tmp_path, image_api,
                                            monkeypatch, sweeps, left_over):
        site = deployments.Site(tmp_path, image_api, sweeps=sweeps)
        # Swept at each upload, too: not here.
        with monkeypatch.context() as patch:
            patch.setattr(site.publisher, 'sweep', lambda: None)
            self.publish(site, tmp_path)
        site.common.sweep()
        assert site.objects() == left_over

    def test_a_folder_that_is_gone_is_a_warning(self, tmp_path, image_api,
                                                caplog):
        site = deployments.Site(tmp_path, image_api, sweeps=True)
        (tmp_path / 'served').rmdir()
        site.common.sweep()
        assert 'is not deleted' in caplog.text


def test_images_that_are_being_written_stay_in_the_cache(tmp_path, image_api):
    site = deployments.Site(tmp_path, image_api, image_ttl_s=-1.0)
    folder = site.common.settings.images
    folder.mkdir()
    for name in ('used.raw', 'old.raw'):
        (folder / name).touch()
    node = site.service.add(driver_info={'deploy_iso': 'http://a.test/x'})
    task = site.task(node)
    with site.common.using(folder / 'used.raw'):
        task.interfaces.deploy.clean_up(task)
        assert [path.name for path in folder.iterdir()] == ['used.raw']
    task.interfaces.deploy.clean_up(task)
    assert list(folder.iterdir()) == []
