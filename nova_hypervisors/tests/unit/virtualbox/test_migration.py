# SPDX-License-Identifier: Apache-2.0
"""Servers go to another host while they are off: two fakes, one process."""


import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import request
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import firmware
from nova_hypervisors.virtualbox import transfers

State = api.MachineState


@pytest.fixture
def there(make_other, parts, tmp_path):
    """The other host; it has folders of its own."""
    parts.transfers.start()
    yield make_other(instances_path=str(tmp_path / 'j'))
    parts.transfers.stop()


@pytest.fixture
def server(spawn, small_disk, parts):
    server = spawn()
    # The fake makes files without content, and sizes are looked at.
    parts.files.instance(server.uuid).root_disk.write_bytes(
        small_disk.read_bytes())
    return server


@pytest.fixture
def depart(parts, server):
    def depart():
        return parts.migrations.depart(server, server.flavor, False, 0, 0)
    return depart


@pytest.fixture
def arrive(there, server):
    def arrive(told):
        there.parts.migrations.arrive(request.SpawnRequest(
            builders.admin_context(), server, builders.image_meta(), [], {}),
            False, told)
    return arrive


def test_it_is_there_and_gone_here(parts, there, server, depart, arrive,
                                   vbox):
    arrive(depart())
    assert there.vbox.machines[server.uuid].state is State.RUNNING
    assert vbox.machines[server.uuid].state is State.OFF
    parts.migrations.confirm(server, False)
    assert vbox.machines == {}
    assert not parts.files.instance(server.uuid).folder.exists()
    assert there.parts.files.instance(server.uuid).root_disk.exists()


def test_it_comes_back(parts, there, server, depart, arrive, vbox):
    arrive(depart())
    there.parts.vms.destroy(server, destroy_disks=True)
    parts.migrations.revert(server, power_on=True)
    assert vbox.machines[server.uuid].state is State.RUNNING
    folder = parts.files.instance(server.uuid).folder
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        'root.vdi'}
    assert not there.parts.files.instance(server.uuid).folder.exists()


def test_what_is_not_seen_is_fetched(there, server, depart, arrive,
                                     monkeypatch):
    told = depart()
    monkeypatch.setattr(transfers, '_reads', lambda path: None)
    arrive(told)
    assert there.vbox.machines[server.uuid].state is State.RUNNING


# A machine that is off is so, whatever is said of its power-off.
@pytest.mark.parametrize(('name', 'after'), [
    ('power_off', False), ('clone_disk', False), ('clone_disk', True)])
def test_one_that_cannot_leave_goes_on(parts, there, server, depart, client,
                                       vbox, name, after):
    client.fail(name, after)
    with pytest.raises(exception.InstanceFaultRollback, match='injected'):
        depart()
    assert vbox.machines[server.uuid].state is State.RUNNING
    folder = parts.files.instance(server.uuid).folder
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        'root.vdi'}


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('name', ['create_machine', 'resize_disk',
                                  'attach_disk', 'start'])
def test_nothing_is_left_where_it_cannot_be(there, server, depart, arrive,
                                            parts, vbox, name, after):
    told = depart()
    there.client.fail(name, after)
    with pytest.raises(errors.ClientError, match='injected'):
        arrive(told)
    assert there.vbox.machines == {}
    assert not there.parts.files.instance(server.uuid).folder.exists()
    parts.migrations.revert(server, power_on=True)
    assert vbox.machines[server.uuid].state is State.RUNNING


def test_a_folder_that_is_there_is_not_touched(there, server, depart,
                                               arrive):
    told = depart()
    folder = there.parts.files.instance(server.uuid).folder
    folder.mkdir()
    (folder / 'root.vdi').write_text("somebody's")
    with pytest.raises(exception.DestinationDiskExists):
        arrive(told)
    assert (folder / 'root.vdi').read_text() == "somebody's"


@pytest.mark.parametrize('told', ['', '{}', '[1]', '{"folder": "/"}'])
def test_another_driver_tells_something_else(there, arrive, told):
    with pytest.raises(exception.MigrationError, match='another one'):
        arrive(told)


def test_the_token_is_not_shown(there, depart):
    departure = transfers.Departure.from_text(depart())
    assert departure.token not in repr(departure)


def test_one_that_was_deleted_before_it_was_there_leaves_nothing(
        parts, there, server, depart, arrive, vbox):
    """Nova has this host forget a deleted server whose move has failed."""
    there.client.fail('start')
    with pytest.raises(errors.ClientError, match='injected'):
        arrive(depart())
    there.parts.vms.destroy(server, destroy_disks=True)
    for _ in range(2):
        parts.migrations.confirm(server, same_host=False)
    assert vbox.machines == {}
    assert not parts.files.instance(server.uuid).folder.exists()
    assert not parts.files.left(server.uuid).folder.exists()


class TestFirmware:
    """EFI's variables and the state of a TPM go with a server."""

    @pytest.fixture
    def kept(self, server):
        def kept(parts):
            return firmware.path(parts.client.machine_settings(server.uuid))
        return kept

    def test_it_has_them_where_it_goes_to(self, parts, there, server, depart,
                                          arrive, kept):
        kept(parts).write_bytes(b'sealed')
        arrive(depart())
        assert kept(there.parts).read_bytes() == b'sealed'
        assert kept(there.parts).stat().st_mode & 0o777 == 0o600
        assert not [path for path in there.parts.files.instance(
            server.uuid).folder.glob('*.nvram')]

    def test_it_keeps_them_where_it_stays(self, parts, server, depart, kept):
        kept(parts).write_bytes(b'sealed')
        depart()
        parts.migrations.revert(server, power_on=True)
        assert kept(parts).read_bytes() == b'sealed'
        assert not [path for path in parts.files.instance(
            server.uuid).folder.glob('*.nvram')]

    def test_most_servers_have_none(self, there, depart, arrive, kept):
        arrive(depart())
        assert not kept(there.parts).exists()
