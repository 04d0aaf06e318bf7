# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.virtualbox import files

UUID = '5d0e6a6e-0000-4000-8000-000000000001'


@pytest.fixture
def host(tmp_path):
    return files.HostFiles(tmp_path / 'x/instances',
                           tmp_path / 'x/instances/_base',
                           tmp_path / 'x/private')


class TestHost:
    def test_its_folders_are_made(self, host):
        host.make()
        for folder in (host.instances, host.image_cache, host.snapshots,
                       host.private):
            assert folder.is_dir()

    def test_making_them_again_changes_nothing(self, host):
        host.make()
        host.secret.touch()
        kept = host.image_cache / 'image.vdi'
        kept.touch()
        host.instance(UUID).make()
        host.make()
        assert host.secret.exists()
        assert kept.exists()
        assert host.instance(UUID).folder.exists()

    def test_nobody_else_may_read_the_secret(self, host):
        host.make()
        assert host.secret.parent == host.private
        assert host.private.stat().st_mode & 0o777 == 0o700

    def test_not_even_if_the_folder_was_open_before(self, host):
        host.private.mkdir(parents=True)
        host.private.chmod(0o755)
        host.make()
        assert host.private.stat().st_mode & 0o777 == 0o700

    def test_what_snapshots_have_left_is_deleted(self, host):
        host.make()
        leftover = host.snapshots / 'leftover.vdi'
        leftover.touch()
        host.make()
        assert not leftover.exists()
        assert host.snapshots.is_dir()

    def test_a_folder_that_cannot_be_made_is_an_error(self, host):
        host.instances.parent.touch()
        with pytest.raises(OSError, match=r'instances|private'):
            host.make()


class TestInstance:
    @pytest.fixture
    def instance(self, host):
        host.make()
        return host.instance(UUID)

    def test_all_is_in_one_folder(self, instance, host):
        paths = [instance.root_disk, instance.swap_disk,
                 instance.ephemeral_disk(0), instance.ephemeral_disk(1),
                 instance.console_log, instance.boot_once]
        assert {path.parent for path in paths} == {host.instances / UUID}
        assert len(set(paths)) == len(paths)

    def test_but_for_what_another_host_must_not_have(self, instance, host):
        for path in (instance.serial_socket, instance.spawning):
            assert path.is_relative_to(host.private)

    def test_while_it_is_being_made_it_can_be_thrown_away(self, instance,
                                                          host):
        instance.make()
        host.instance('another').make()
        host.instance('another').spawning.unlink()
        assert host.interrupted() == [UUID]

    def test_making_it_again_is_no_error(self, instance):
        instance.make()
        instance.root_disk.touch()
        instance.make()
        assert instance.root_disk.exists()

    def test_deleted_it_is_gone_with_all_that_is_in_it(self, instance):
        instance.make()
        (instance.folder / 'machine/Logs').mkdir(parents=True)
        instance.root_disk.touch()
        instance.delete()
        assert not instance.folder.exists()
        instance.delete()
