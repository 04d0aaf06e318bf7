# SPDX-License-Identifier: Apache-2.0
"""Disks of storages are alike by every client."""

import dataclasses
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import storage as storages
from nova_hypervisors.tests.fakes import vbox

State = api.MachineState


@pytest.fixture
def lun(request, client):
    """A disk of a storage, and all that one needs to log in to it."""
    if isinstance(client, vbox.FakeVBox):
        found = api.Lun(
            api.LunAddress('192.0.2.1:3260', 'iqn.2026-11.org.example:v', 1),
            'iqn.2026-11.org.example:here', 'a-user', 'a secret')
        client.luns.add(found)
        return found
    return request.getfixturevalue('storage').add().lun


def luns(client, uuid):
    return {disk.port: disk.lun
            for disk in client.machine_settings(uuid).disks if disk.lun}


class TestAttached:
    def test_it_is_told_where_it_is(self, client, make, lun):
        uuid = make().uuid
        client.attach_lun(uuid, 3, lun)
        disk, = client.machine_settings(uuid).disks
        assert (disk.port, disk.kind) == (3, api.DiskKind.DISK)
        assert disk.lun == lun.address
        assert lun.secret not in repr(disk)

    def test_it_is_no_file(self, client, make, lun):
        client.attach_lun(make().uuid, 3, lun)
        assert client.list_media() == []

    def test_a_running_machine_gets_it_and_loses_it(self, client, running,
                                                    lun):
        for _ in range(2):
            client.attach_lun(running, 2, lun)
            assert luns(client, running) == {2: lun.address}
            client.detach_lun(running, 2)
            assert luns(client, running) == {}
        assert client.machine_state(running) is State.RUNNING

    def test_a_machine_starts_with_it(self, client, make, lun):
        uuid = make(disk=True).uuid
        client.attach_lun(uuid, 2, lun)
        client.start(uuid)
        assert client.machine_state(uuid) is State.RUNNING
        assert luns(client, uuid) == {2: lun.address}
        client.detach_lun(uuid, 2)
        assert luns(client, uuid) == {}

    # Logical port 5 is the last of the eight, 6 is beyond them.

    def test_a_machine_that_is_off_gets_the_port_that_it_lacks(
            self, client, make, lun):
        uuid = make().uuid
        for port in (5, 6, api.RESCUED_PORT - 1):
            client.attach_lun(uuid, port, lun)
            assert luns(client, uuid) == {port: lun.address}
            client.detach_lun(uuid, port)

    def test_one_that_runs_does_not(self, client, running, lun):
        with pytest.raises(errors.NoSuchPort):
            client.attach_lun(running, 6, lun)
        assert luns(client, running) == {}
        client.attach_lun(running, 5, lun)
        assert luns(client, running) == {5: lun.address}

    def test_a_machine_keeps_the_ports_that_it_uses(self, client, make, lun):
        spec = make(disk=True)
        client.attach_lun(spec.uuid, 8, lun)
        client.configure_machine(spec)
        client.start(spec.uuid)
        assert luns(client, spec.uuid) == {8: lun.address}
        client.detach_lun(spec.uuid, 8)
        with pytest.raises(errors.NoSuchPort):
            client.attach_lun(spec.uuid, 9, lun)
        client.power_off(spec.uuid)
        client.configure_machine(dataclasses.replace(spec, disk_ports=12))
        client.start(spec.uuid)
        client.attach_lun(spec.uuid, 9, lun)

    @pytest.mark.parametrize('bus', [api.DiskBus.SCSI, api.DiskBus.IDE])
    def test_other_disks_may_be_on_another_bus(self, client, make, lun, bus):
        uuid = make(disk=True, disk_bus=bus).uuid
        for start in (False, True):
            if start:
                client.start(uuid)
            client.attach_lun(uuid, 2, lun)
            assert luns(client, uuid) == {2: lun.address}
            client.detach_lun(uuid, 2)
            assert luns(client, uuid) == {}
        assert len(client.machine_settings(uuid).disks) == 1

    def test_nobody_asks_for_a_secret(self, client, make, lun, request):
        if isinstance(client, vbox.FakeVBox):
            lun = dataclasses.replace(lun, user='', secret='')
            client.luns.add(lun)
        else:
            lun = request.getfixturevalue('storage').add(chap=False).lun
        uuid = make().uuid
        client.attach_lun(uuid, 2, lun)
        assert luns(client, uuid) == {2: lun.address}


class TestCopied:
    @pytest.fixture
    def pair(self, request, client):
        """Two disks, of which one holds something; what each holds."""
        if isinstance(client, vbox.FakeVBox):
            luns = [api.Lun(api.LunAddress('192.0.2.1:3260', name, 1), 'me')
                    for name in ('iqn.2026-11.org.example:one',
                                 'iqn.2026-11.org.example:other')]
            client.luns.update(luns)
            client.contents[luns[0].address] = 'content'
            return *luns, lambda: client.contents.get(luns[1].address)
        storage = request.getfixturevalue('storage')
        one, other = storage.add(), storage.add(size_mb=12)
        one.path.write_bytes((b'\0' * storages.SECTOR * 2 + b'content').ljust(
            8 << 20, b'\0'))
        return one.lun, other.lun, other.copied

    def test_the_other_one_holds_it_then(self, client, pair):
        one, other, copied = pair
        client.copy_lun(one, other)
        assert copied() == 'content'
        assert client.list_machines() == []
        client.copy_lun(one, other)

    def test_not_one_that_a_machine_has(self, client, make, pair):
        one, other, copied = pair
        uuid = make().uuid
        client.attach_lun(uuid, 2, one)
        with pytest.raises(errors.InUse):
            client.copy_lun(one, other)
        with pytest.raises(errors.InUse):
            client.copy_lun(other, one)
        assert copied() in ('', None)
        assert luns(client, uuid) == {2: one.address}

    def test_one_that_is_not_there(self, client, pair):
        one, other, _ = pair
        gone = dataclasses.replace(other, address=dataclasses.replace(
            other.address, target='iqn.2026-11.org.example:none'))
        with pytest.raises(errors.VolumeUnavailable):
            client.copy_lun(one, gone)
        client.copy_lun(one, other)


class TestDetached:
    def test_it_is_forgotten(self, client, make, lun, peer):
        uuid = make().uuid
        client.attach_lun(uuid, 2, lun)
        client.detach_lun(uuid, 2)
        assert client.machine_settings(uuid).disks == ()
        client.attach_lun(make().uuid, 2, lun)
        for path in peer.folder.rglob(f'{uuid}/**/*.vbox'):
            assert lun.address.target not in path.read_text()

    def test_another_machine_gets_it_after_the_first_is_gone(
            self, client, make, lun):
        first, second = make().uuid, make().uuid
        client.attach_lun(first, 2, lun)
        client.delete_machine(first)
        client.attach_lun(second, 2, lun)
        assert luns(client, second) == {2: lun.address}

    def test_one_that_is_unregistered_lets_it_go(self, client, make, lun):
        first, second = make().uuid, make().uuid
        client.attach_lun(first, 2, lun)
        client.unregister_machine(first)
        client.attach_lun(second, 2, lun)
        assert luns(client, second) == {2: lun.address}

    def test_a_port_that_has_none(self, client, make):
        with pytest.raises(errors.MediumNotFound):
            client.detach_lun(make().uuid, 2)

    def test_a_file_is_none(self, client, make):
        uuid = make(disk=True).uuid
        with pytest.raises(errors.MediumNotFound):
            client.detach_lun(uuid, 0)
        assert len(client.machine_settings(uuid).disks) == 1


class TestRefused:
    @pytest.fixture(params=['off', 'running'])
    def uuid(self, request, make):
        if request.param == 'off':
            return make().uuid
        return request.getfixturevalue('running')

    @pytest.mark.parametrize('change', [
        {'secret': 'wrong'}, {'lun': 7}, {'target': 'iqn.2026-11.x:none'},
        {'server': '127.0.0.1:1'}])
    def test_what_cannot_be_opened_is_not_attached(self, client, uuid, lun,
                                                   change):
        before = client.machine_settings(uuid).disks
        state = client.machine_state(uuid)
        for _ in range(2):
            with pytest.raises(errors.VolumeUnavailable) as raised:
                client.attach_lun(uuid, 2, _changed(lun, **change))
            assert lun.secret not in str(raised.value)
            assert client.machine_settings(uuid).disks == before
        client.attach_lun(uuid, 2, lun)
        assert luns(client, uuid) == {2: lun.address}
        assert client.machine_state(uuid) is state
        client.detach_lun(uuid, 2)
        assert luns(client, uuid) == {}

    def test_it_is_attached_once(self, client, uuid, make, lun):
        client.attach_lun(uuid, 2, lun)
        for other in (uuid, make().uuid):
            with pytest.raises(errors.InUse):
                client.attach_lun(other, 3, lun)
            assert 3 not in luns(client, other)
        assert luns(client, uuid) == {2: lun.address}

    def test_a_port_that_is_taken(self, client, make, lun):
        uuid = make(disk=True).uuid
        before = client.machine_settings(uuid).disks
        with pytest.raises(errors.InUse):
            client.attach_lun(uuid, 0, lun)
        assert client.machine_settings(uuid).disks == before

    def test_a_saved_machine_is_not_changed(self, client, running, lun):
        client.attach_lun(running, 2, lun)
        client.save_state(running)
        with pytest.raises(errors.InvalidState):
            client.detach_lun(running, 2)
        with pytest.raises(errors.InvalidState):
            client.attach_lun(running, 3, _another(client, lun))
        assert luns(client, running) == {2: lun.address}
        client.start(running)
        client.detach_lun(running, 2)

    def test_an_unknown_machine(self, client, lun):
        unknown = '00000000-0000-4000-8000-000000000000'
        with pytest.raises(errors.MachineNotFound):
            client.attach_lun(unknown, 2, lun)
        with pytest.raises(errors.MachineNotFound):
            client.detach_lun(unknown, 2)


class TestBesideOthers:
    def test_a_snapshot_leaves_it_out(self, client, running, lun, peer):
        client.attach_lun(running, 2, lun)
        before = client.machine_settings(running).disks
        client.take_snapshot(running, 'frozen')
        assert luns(client, running) == {2: lun.address}
        copy = peer.folder / 'copy.vdi'
        client.clone_disk(Path(before[0].path), copy)
        client.delete_snapshot(running, 'frozen')
        assert client.machine_settings(running).disks == before

    def test_it_is_counted(self, client, running, lun):
        client.attach_lun(running, 2, lun)
        peers.wait_until(lambda: 2 in client.statistics(running).disks)


def _changed(lun, /, **changes):
    if 'secret' in changes:
        return dataclasses.replace(lun, **changes)
    return dataclasses.replace(
        lun, address=dataclasses.replace(lun.address, **changes))


def _another(client, lun):
    if not isinstance(client, vbox.FakeVBox):
        # It is there, and its name is new to VirtualBox.
        return _changed(lun, server=lun.address.server.replace(
            '127.0.0.1', 'localhost'))
    found = _changed(lun, lun=2)
    client.luns.add(found)
    return found
