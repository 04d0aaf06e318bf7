# SPDX-License-Identifier: Apache-2.0
"""Servers on a host that has no files in common with us.

The hosts are made up: a Windows one on ARM and a Mac, of which the lab has
none, and Linux.  That nothing here touches a path of theirs is certain,
because the fake keeps their files in memory.
"""

import subprocess
from pathlib import PurePath
from pathlib import PurePosixPath
from pathlib import PureWindowsPath

import pytest
from nova import exception
from oslo_utils import units

from nova_hypervisors import conf
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import audits
from nova_hypervisors.common import imagecache
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import remotevbox
from nova_hypervisors.tests.fakes import servers as fake_servers
from nova_hypervisors.virtualbox import audit as auditing
from nova_hypervisors.virtualbox import options

HOSTS = {
    'linux': ('/srv/openstack', PurePosixPath, {}),
    'windows': (r'D:\Open Stack', PureWindowsPath, {
        'operating_system': 'Windows 11 10.0.26100',
        'architecture': 'aarch64'}),
    'mac': ('/Users/openstack/servers', PurePosixPath, {
        'operating_system': 'Darwin 24.1.0', 'architecture': 'aarch64'}),
}


@pytest.fixture(params=HOSTS)
def top(request, config):
    """The folder on the host, as the operator has written it."""
    text, kind, _ = HOSTS[request.param]
    config.config(group='virtualbox', backend='webservice',
                  webservice_instances_path=text)
    return kind(text)


@pytest.fixture
def vbox(request, top):
    host = next((host for text, _, host in HOSTS.values()
                 if str(top) == text))
    fake = remotevbox.FakeRemoteVBox(**host)
    for name in ('disks', 'images', 'incoming', 'machines'):
        fake.make_folder(top / name)
    return fake


@pytest.fixture
def image(image_api, tmp_path):
    """An image in Glance; its ID."""
    path = tmp_path / 'image.raw'
    path.write_bytes(b'data'.ljust(units.Mi, b'\0'))
    vdi = tmp_path / 'image.vdi'
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'vdi',
                    str(path), str(vdi)], check=True)
    return image_api.add('vdi', vdi)


@pytest.fixture
def server(image, spawn):
    def server(**changes):
        return spawn(builders.instance(image, **changes))
    return server


def names(vbox, folder):
    return sorted(path.name for path in vbox.files if path.parent == folder)


class TestServers:
    def test_its_files_are_the_hosts(self, vbox, top, server, image):
        instance = server()
        uuid = instance.uuid
        assert names(vbox, top / 'images') == [
            f'{image}.vdi', f'{image}_1.vdi']
        assert names(vbox, top / 'disks') == [f'{uuid}_root.vdi']
        assert names(vbox, top / 'incoming') == []
        machine = vbox.machines[uuid]
        assert machine.spec.folder == top / 'machines'
        assert machine.disks[0].path == str(top / 'disks' / f'{uuid}_root.vdi')

    def test_it_is_a_machine_for_the_hosts_processor(self, vbox, server):
        spec = vbox.machines[server().uuid].spec
        assert (spec.architecture, spec.chipset) == (
            ('arm', 'armv8virtual')
            if vbox.host().architecture == 'aarch64' else ('x86', 'piix3'))

    def test_its_parent_is_the_cached_image(self, vbox, top, server, image):
        instance = server()
        root = top / 'disks' / f'{instance.uuid}_root.vdi'
        assert vbox.media[str(root)].parent == str(
            top / 'images' / f'{image}_1.vdi')

    def test_the_image_is_sent_once(self, vbox, server, client, image_api):
        server()
        server(root_gb=2)
        server(root_gb=2)
        assert client.calls.count('upload_disk') == 1
        assert len(image_api.downloads) == 1

    def test_nothing_of_the_image_stays_here(self, server, parts):
        server()
        assert list(parts.files.snapshots.iterdir()) == []
        assert all(path.stat().st_size == 0
                   for path in parts.files.image_cache.iterdir())

    def test_a_full_copy(self, vbox, top, server, config, image, make_parts,
                         asked):
        config.config(use_cow_images=False)
        parts = make_parts()
        instance = builders.instance(image)
        parts.vms.spawn(asked(instance))
        root = top / 'disks' / f'{instance.uuid}_root.vdi'
        assert vbox.media[str(root)].parent is None

    def test_when_it_is_destroyed_only_the_cache_stays(self, vbox, top,
                                                       server, parts):
        instance = server()
        drive = parts.files.instance(instance.uuid).config_drive
        parts.storage.write(drive, lambda path: path.write_bytes(bytes(2048)))
        assert vbox.files[drive] == bytes(2048)
        parts.vms.destroy(instance, destroy_disks=True)
        assert {path.parent for path in vbox.files} == {top / 'images'}
        assert vbox.machines == {}

    def test_another_servers_files_stay(self, vbox, top, server, parts):
        first, second = server(), server()
        parts.vms.destroy(first, destroy_disks=True)
        assert names(vbox, top / 'disks') == [f'{second.uuid}_root.vdi']

    @pytest.mark.parametrize('after', [False, True])
    def test_whatever_fails_nothing_is_left(self, vbox, top, asked, parts,
                                            client, image, after):
        """Each call fails in turn, before it was done and after."""
        at = 0
        while True:
            at += 1
            vbox.files.clear()
            client.arm(at, after)
            instance = builders.instance(image)
            try:
                parts.vms.spawn(asked(instance))
            except errors.ClientError:
                assert vbox.machines == {}, client.calls[-1]
                assert names(vbox, top / 'disks') == []
                assert names(vbox, top / 'incoming') == []
                assert vbox.media == {}
            else:
                if len(client.calls) < at:
                    break  # none was left to fail
                parts.vms.destroy(instance, destroy_disks=True)
                vbox.media.clear()
        assert {'upload_disk', 'move_medium', 'clone_disk',
                'attach_disk', 'start'} <= set(client.calls)

    def test_an_image_that_does_not_fit(self, image_api, spawn, vbox,
                                        tmp_path):
        large = tmp_path / 'large.vdi'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'vdi', str(large),
                        '3G'], check=True)
        image = image_api.add('vdi', large)
        spawn(builders.instance(image, root_gb=3))
        with pytest.raises(exception.FlavorDiskSmallerThanImage):
            spawn(builders.instance(image, root_gb=2))


class TestSnapshots:
    @pytest.mark.parametrize('disk_format', ['qcow2', 'raw', 'vdi', 'vmdk'])
    def test_they_come_down(self, server, config, make_parts, image_api,
                            disk_format, small_disk, tmp_path):
        config.config(group='virtualbox', snapshot_image_format=disk_format)
        instance = server()
        target = image_api.add('raw', small_disk)
        update, _ = builders.snapshot_states()
        parts = make_parts()
        parts.snapshots._images._image_api = image_api
        parts.snapshots.snapshot(builders.admin_context(), instance, target,
                                 update)
        assert image_api.get(None, target)['disk_format'] == disk_format
        raw = tmp_path / 'raw'
        peers.convert(image_api.path(target), disk_format, raw)
        assert raw.read_bytes().startswith(b'data\0')
        assert list(parts.files.snapshots.iterdir()) == []


class TestConsoles:
    def test_the_log_is_read_on_the_host(self, server, parts, vbox):
        instance = server()
        vbox.serial[instance.uuid] = b'guest up\xff\r\n'
        assert parts.consoles.output(instance) == 'guest up\xff\r\n'
        assert vbox.machines[instance.uuid].spec.serial_socket is None

    def test_screens_are_reached_at_its_address(self, config, make_parts):
        config.config(group='virtualbox',
                      webservice_url='https://192.0.2.8:18083/')
        config.config(group='vnc', server_listen='0.0.0.0')
        consoles = make_parts().consoles
        assert consoles.remote_display('a uuid', ()).ports == '5910'
        assert consoles._display.other_host == '192.0.2.8'


    def test_nobody_types_at_them(self, config, server, make_parts):
        config.config(group='serial_console', enabled=True)
        with pytest.raises(exception.ConsoleTypeUnavailable):
            make_parts().consoles.serial_console(server())


class TestStart:
    def test_what_was_interrupted_is_thrown_away(self, vbox, top, parts):
        vbox.files[top / 'incoming' / 'half.vdi'] = b'half'
        parts.storage.prepare()
        parts.storage.discard_interrupted()
        assert vbox.files == {}
        assert vbox.media == {}

    def test_what_was_interrupted_of_a_server_too(self, vbox, top, server,
                                                  parts):
        instance = server()
        parts.files.instance(instance.uuid).spawning.touch()
        parts.vms.undo_interrupted()
        assert names(vbox, top / 'disks') == []
        assert vbox.machines == {}


class TestRescue:
    def test_there_and_back(self, vbox, top, server, parts, image):
        instance = server()
        root = vbox.machines[instance.uuid].disks[0].path
        parts.rescues.rescue(builders.admin_context(), instance, image)
        disks = vbox.machines[instance.uuid].disks
        assert disks[0].path == str(
            top / 'disks' / f'{instance.uuid}_rescue.vdi')
        parts.rescues.unrescue(instance)
        assert vbox.machines[instance.uuid].disks[0].path == root
        assert names(vbox, top / 'disks') == [f'{instance.uuid}_root.vdi']


class TestAgeing:
    NOW = imagecache.Ages(original_s=-1, base_s=-1)

    def test_what_machines_have_stays(self, vbox, top, server, parts, image):
        server()
        parts.disks.age_cache(self.NOW)
        assert names(vbox, top / 'images') == [f'{image}_1.vdi']

    def test_what_nobody_has_goes(self, vbox, top, server, parts):
        parts.vms.destroy(server(), destroy_disks=True)
        parts.disks.age_cache(self.NOW)
        assert names(vbox, top / 'images') == []
        parts.disks.age_cache(self.NOW)
        assert list(parts.files.image_cache.iterdir()) == []

    def test_not_before_its_time(self, vbox, top, parts):
        vbox.files[top / 'images' / 'unknown.vdi'] = b''
        parts.disks.age_cache(imagecache.Ages(original_s=60, base_s=60))
        assert names(vbox, top / 'images') == ['unknown.vdi']


class TestSpace:
    def test_it_is_that_of_the_host(self, parts):
        inventory = parts.host.inventory(
            {'VCPU': 1.0, 'MEMORY_MB': 1.0, 'DISK_GB': 1.0})['DISK_GB']
        assert (inventory['total'], inventory['reserved']) == (100, 40)

    def test_or_what_the_operator_says(self, config, make_parts, vbox, top):
        config.config(group='virtualbox', webservice_disk_gb=10)
        vbox.files[top / 'disks' / 'x'] = bytes(units.Mi)
        where = make_parts().storage
        assert where.space() == api.DiskSpace(10 * units.Gi,
                                              10 * units.Gi - units.Mi)
        assert where.taken_by_others(lambda path: False) == 0

    def test_somebody_has_to_say(self, parts, vbox):
        vbox.disk_space = lambda folder: None
        with pytest.raises(exception.InvalidConfiguration,
                           match='webservice_disk_gb'):
            parts.storage.space()

    def test_its_uptime_is_not_told(self, parts):
        with pytest.raises(errors.Unsupported):
            parts.host.uptime()


class TestOptions:
    def messages(self):
        return [str(finding) for finding in options.findings(conf.CONF)]

    def test_they_go_together(self, top):
        assert not [text for text in self.messages() if 'webservice' in text]

    @pytest.mark.parametrize('path', ['servers', r'D:servers', r'a\b'])
    def test_a_path_begins_at_a_root(self, top, config, path):
        config.config(group='virtualbox', webservice_instances_path=path)
        assert any('does not begin at the root' in text
                   for text in self.messages())

    def test_it_is_for_the_web_service(self, top, config):
        config.config(group='virtualbox', backend='vboxmanage')
        assert any('backend = webservice only' in text
                   for text in self.messages())

    def test_transfers_leave_something(self, top, config):
        config.config(group='virtualbox', webservice_transfers=8)
        assert any('leave nothing' in text for text in self.messages())

    def test_screens_on_loopback_of_another_host(self, top, config):
        config.config(group='virtualbox',
                      webservice_url='https://192.0.2.8:18083/')
        assert any(text.startswith('[vnc] server_listen')
                   for text in self.messages())

    def test_folders_have_the_hosts_rules(self, top, parts):
        files = parts.files.instance('a-uuid')
        assert isinstance(files.root_disk, type(top))
        assert isinstance(files.root_disk, PurePath)
        if isinstance(top, PureWindowsPath):
            assert str(files.root_disk) == (
                r'D:\Open Stack\disks\a-uuid_root.vdi')


class TestAudit:
    @pytest.fixture
    def servers(self):
        return fake_servers.FakeServers()

    @pytest.fixture
    def audit(self, parts, client, servers):
        """Make an audit, long after everything has happened."""
        def audit():
            return auditing.Audit(
                client, parts.machines, parts.files, parts.disks, parts.vms,
                audits.Nova(servers, lambda: 1e10)).findings()
        return audit

    def test_a_host_as_it_should_be_has_no_findings(self, server, servers,
                                                    audit):
        servers.has(server().uuid)
        assert audit() == []

    def test_a_machine_of_nobody_goes_with_its_disks(self, vbox, top, server,
                                                     audit):
        server()
        found, = audit()
        found.repair()
        assert not vbox.machines
        assert names(vbox, top / 'disks') == []

    def test_disks_of_a_deleted_server_are_deleted(self, vbox, top, servers,
                                                   audit):
        uuid = '5d0e6a6e-0000-4000-8000-000000000001'
        path = top / 'disks' / f'{uuid}_root.vdi'
        vbox.create_disk(path, 1)
        servers.deletes(uuid)
        found, = audit()
        assert (found.kind, found.what) == ('folder', str(path))
        found.repair()
        assert names(vbox, top / 'disks') == []
        assert not vbox.media

    def test_disks_of_another_service_are_no_finding(self, vbox, top, servers,
                                                     audit):
        uuid = '5d0e6a6e-0000-4000-8000-000000000001'
        vbox.files[top / 'disks' / f'{uuid}_root.vdi'] = b''
        servers.has(uuid, host='there')
        assert audit() == []

    def test_a_medium_of_nobody_is_forgotten_and_stays(self, vbox, top,
                                                       server, servers,
                                                       audit):
        uuid = server().uuid
        servers.has(uuid)
        path = top / 'disks' / f'{uuid}_idle.vdi'
        vbox.create_disk(path, 1)
        found, = audit()
        assert (found.kind, found.what) == ('medium', str(path))
        found.repair()
        assert str(path) not in vbox.media
        assert path.name in names(vbox, top / 'disks')
