# SPDX-License-Identifier: Apache-2.0
"""What an audit of a VirtualBox host finds, and what it leaves alone."""

import time
import uuid

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import audits
from nova_hypervisors.tests.fakes import servers as fake_servers
from nova_hypervisors.virtualbox import audit as auditing

State = api.MachineState

LATER_S = 2 * audits.YOUNG_S


@pytest.fixture
def servers():
    return fake_servers.FakeServers()


@pytest.fixture
def audit(parts, client, servers):
    """Make an audit, two hours after everything has happened."""
    def audit(later_s=LATER_S):
        return auditing.Audit(
            client, parts.machines, parts.files, parts.disks, parts.vms,
            audits.Nova(servers, lambda: time.time() + later_s)).findings()
    return audit


@pytest.fixture
def server(spawn, servers):
    """Have a server here that Nova knows, too; return its UUID."""
    found = spawn().uuid
    servers.has(found)
    return found


@pytest.fixture
def folder(parts):
    """Have a folder of a server, of which there is nothing else."""
    found = parts.files.instance(str(uuid.uuid4())).folder
    found.mkdir()
    (found / 'root.vdi').write_text('a disk')
    return found


def test_a_host_as_it_should_be_has_no_findings(server, audit):
    assert audit() == []


class TestMachines:
    def test_one_that_nova_never_had_is_deleted(self, spawn, vbox, parts,
                                                only):
        orphan = spawn().uuid
        found = only()
        assert found.kind == 'machine'
        assert orphan in found.what
        assert f'no server {orphan}' in found.why
        found.repair()
        assert not vbox.machines
        assert not vbox.media
        assert not vbox.extradata
        assert not parts.files.instance(orphan).folder.exists()

    def test_one_of_a_deleted_server_is_deleted(self, server, servers, vbox,
                                                only):
        servers.deletes(server)
        only().repair()
        assert not vbox.machines

    def test_what_it_does_not_have_any_more_goes_with_it(
            self, spawn, vbox, parts, audit, only):
        vbox.create_disk(parts.files.instance(spawn().uuid).folder / 'a.vdi',
                         1)
        only().repair()
        assert not vbox.media
        assert audit() == []

    def test_somebody_elses_is_none_of_ours(self, machine, audit):
        machine()
        assert audit() == []

    def test_one_whose_server_is_elsewhere_keeps_its_files(
            self, server, servers, vbox, parts, only):
        servers.has(server, host='there')
        vbox.power_off(server)
        found = only()
        assert 'on there' in found.why
        found.repair()
        assert not vbox.machines
        assert not vbox.extradata
        assert parts.files.instance(server).root_disk.exists()

    def test_one_that_runs_here_and_elsewhere_is_not_ended(
            self, server, servers, vbox, only):
        servers.has(server, host='there')
        found = only()
        assert found.repair is None
        assert 'by hand: it is running' in found.fix

    def test_one_that_was_started_meanwhile_is_not_ended(
            self, server, servers, vbox, only):
        servers.has(server, host='there')
        vbox.power_off(server)
        found = only()
        vbox.start(server)
        with pytest.raises(audits.Changed, match='running now'):
            found.repair()
        assert vbox.machines[server].state is State.RUNNING

    def test_one_whose_server_came_meanwhile_stays(self, spawn, servers,
                                                   vbox, only):
        orphan = spawn().uuid
        found = only()
        servers.has(orphan)
        with pytest.raises(audits.Changed):
            found.repair()
        assert orphan in vbox.machines

    @pytest.mark.parametrize(('changes', 'why'), [
        ({'task_state': 'migrating'}, 'migrating'),
        ({'vm_state': 'resized'}, 'not confirmed')])
    def test_one_whose_server_moves_is_left_alone(self, server, servers, only,
                                                  changes, why):
        servers.has(server, host='there', **changes)
        assert why in only().waits

    def test_one_that_is_being_made_is_left_alone(self, server, servers,
                                                  parts, only):
        servers.deletes(server)
        parts.files.instance(server).spawning.touch()
        assert only().waits == 'the server is being made'

    def test_a_young_one_is_left_alone(self, spawn, only):
        spawn()
        assert 'younger than an hour' in only(later_s=0).waits

    def test_one_whose_server_was_just_deleted_is_left_alone(
            self, server, servers, only):
        servers.deletes(server, changed=time.time() + LATER_S - 600)
        assert 'changed 10 minutes ago' in only().waits

    def test_files_that_stay_are_no_success(self, spawn, parts, only):
        orphan = spawn().uuid
        found = only()
        parts.files.instance(orphan).delete()
        # What cannot be deleted is passed over by shutil.
        parts.files.instance(orphan).folder.write_text('no folder')
        with pytest.raises(auditing.NotDeleted, match=orphan):
            found.repair()


class TestFolders:
    def test_one_of_a_deleted_server_is_deleted(self, folder, servers, vbox,
                                                parts, only):
        servers.deletes(folder.name)
        left = parts.files.left(folder.name).folder
        left.mkdir()
        vbox.create_disk(folder / 'swap.vdi', 1)
        found = only()
        assert (found.kind, found.what) == ('folder', f'{folder}, {left}')
        found.repair()
        assert not folder.exists()
        assert not left.exists()
        assert not vbox.media

    def test_one_of_another_host_is_no_finding(self, folder, servers, audit):
        servers.has(folder.name, host='there')
        assert audit() == []

    def test_one_that_nova_never_had_may_be_another_cells(self, folder, only):
        found = only()
        assert found.repair is None
        assert 'another cell' in found.fix

    def test_one_that_a_machine_uses_is_no_finding(self, folder, servers,
                                                   machine, vbox, audit):
        servers.deletes(folder.name)
        vbox.attach_disk(machine(), 0, folder / 'root.vdi')
        assert audit() == []

    def test_one_that_has_a_machine_in_it_is_no_finding(
            self, folder, servers, machine, audit):
        servers.deletes(folder.name)
        machine(folder=folder)
        assert audit() == []

    def test_one_that_is_not_named_by_a_server_is_no_finding(self, parts,
                                                             audit):
        (parts.files.instances / 'mine').mkdir()
        assert audit() == []

    def test_one_of_a_server_that_is_shelved_is_no_finding(
            self, folder, servers, audit):
        servers.has(folder.name, host=None, vm_state='shelved_offloaded')
        assert audit() == []

    def test_a_young_one_is_left_alone(self, folder, servers, only):
        servers.deletes(folder.name)
        assert 'younger than an hour' in only(later_s=0).waits

    def test_one_whose_server_is_back_stays(self, folder, servers, only):
        servers.deletes(folder.name)
        found = only()
        servers.has(folder.name, host='there')
        with pytest.raises(audits.Changed):
            found.repair()
        assert folder.exists()


class TestMarkers:
    def test_one_without_machine_or_server_is_forgotten(self, parts, vbox,
                                                        only):
        parts.machines.claim(str(uuid.uuid4()))
        found = only()
        assert found.kind == 'marker'
        found.repair()
        assert not vbox.extradata

    def test_one_of_a_server_that_arrives_is_left_alone(self, parts, servers,
                                                        only):
        arriving = str(uuid.uuid4())
        servers.has(arriving, host='there', task_state='migrating')
        parts.machines.claim(arriving)
        assert 'migrating' in only().waits


class TestMedia:
    def test_one_that_nobody_has_is_forgotten_and_stays(self, server, vbox,
                                                        parts, only):
        path = parts.files.instance(server).folder / 'idle.vdi'
        vbox.create_disk(path, 1)
        found = only()
        assert (found.kind, found.what) == ('medium', str(path))
        found.repair()
        assert str(path) not in vbox.media
        assert path.exists()

    def test_one_outside_our_folders_is_none_of_ours(self, vbox, tmp_path,
                                                     audit):
        vbox.create_disk(tmp_path / 'mine.vdi', 1)
        assert audit() == []

    def test_a_parent_is_in_use(self, server, vbox, audit):
        # The image in the cache, which is attached to nothing.
        assert any(medium.parent for medium in vbox.list_media())
        assert audit() == []

    def test_what_a_snapshot_may_have_is_in_use(self, server, vbox, parts,
                                                audit):
        vbox.power_off(server)
        vbox.take_snapshot(server, 'before', live=False)
        path = parts.files.instance(server).folder / 'root.before-resize.vdi'
        vbox.create_disk(path, 1)
        assert audit() == []

    def test_one_of_a_server_with_a_task_is_left_alone(self, server, servers,
                                                       vbox, parts, only):
        vbox.create_disk(parts.files.instance(server).folder / 'a.vdi', 1)
        servers.changes(server, task_state='rescuing')
        assert 'rescuing' in only().waits

    def test_a_young_one_is_left_alone(self, server, vbox, parts, only):
        vbox.create_disk(parts.files.instance(server).folder / 'a.vdi', 1)
        assert 'younger than an hour' in only(later_s=0).waits

    def test_one_of_a_machine_that_cannot_be_read_is_left_alone(
            self, server, vbox, parts, audit):
        vbox.lose_settings(server)
        waits = [found.waits for found in audit() if found.kind == 'medium']
        assert waits
        assert all('cannot be read' in why for why in waits)

    def test_one_that_is_used_meanwhile_stays(self, server, vbox, parts,
                                              only):
        path = parts.files.instance(server).folder / 'a.vdi'
        vbox.create_disk(path, 1)
        found = only()
        vbox.attach_disk(server, 5, path)
        with pytest.raises(errors.InUse):
            found.repair()


class TestServers:
    def test_one_without_a_machine_is_not_for_us_to_mend(self, server, vbox,
                                                         parts, only):
        vbox.power_off(server)
        parts.vms.forget(server)
        found = only()
        assert found.kind == 'server'
        assert found.repair is None
        assert 'no machine' in found.why

    def test_one_whose_machine_has_lost_its_settings(self, server, vbox,
                                                     audit):
        vbox.lose_settings(server)
        assert ['cannot read the settings' in found.why for found in audit()
                if found.kind == 'server'] == [True]

    @pytest.mark.parametrize('values', [
        {'vm_state': 'error', 'launched': None},
        {'vm_state': 'shelved_offloaded'}])
    def test_one_that_is_to_have_none_is_no_finding(self, servers, audit,
                                                    values):
        servers.has(str(uuid.uuid4()), **values)
        assert audit() == []

    @pytest.mark.parametrize('values', [
        {'vm_state': 'building', 'launched': None},
        {'task_state': 'rebuilding'},
        {'launched': time.time() + LATER_S}])
    def test_one_that_may_get_one_is_left_alone(self, servers, only, values):
        servers.has(str(uuid.uuid4()), **values)
        assert only().waits
