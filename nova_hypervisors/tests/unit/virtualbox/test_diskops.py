# SPDX-License-Identifier: Apache-2.0
"""What is left to say of disks beside how servers are made: test_vmops."""

import os
import time

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import imagecache
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import diskops

State = api.MachineState

NOW = imagecache.Ages(original_s=-1, base_s=-1)


def test_a_base_that_another_machine_starts_from_is_no_hindrance(
        parts, spawn, vbox):
    """VirtualBox said: it "is locked for reading by another task"."""
    instance = spawn()
    root = parts.files.instance(instance.uuid).root_disk
    machine = vbox.machines[instance.uuid]
    machine.state, machine.disks = State.OFF, {}
    close, closed = vbox.close_medium, []

    def close_medium(path, delete=False, kind=api.DiskKind.DISK):
        closed.append(path)
        if path != root:
            raise errors.Busy('locked for reading by another task')
        close(path, delete, kind)

    vbox.close_medium = close_medium
    parts.disks.delete(root)
    assert len(closed) == 2
    assert not root.exists()


class TestLostDisks:
    """VirtualBox loses all that differs from a base when the settings of one
    machine are gone."""

    @pytest.fixture
    def lose(self, vbox, parts):
        """Let a server's disks be lost until its base is opened again."""
        def lose(instance):
            uuid = instance.uuid
            machine = vbox.machines[uuid]
            base = parts.files.image_cache / f'{instance.image_ref}_1.vdi'
            machine.state = State.INACCESSIBLE
            settings = vbox.machine_settings
            opened = []

            def open_disk(path):
                opened.append(path)
                if {base, parts.files.instance(uuid).root_disk} <= {*opened}:
                    machine.state = State.OFF

            def machine_settings(asked):
                state, machine.state = machine.state, State.OFF
                try:
                    return settings(asked)
                finally:
                    machine.state = state

            vbox.open_disk = open_disk
            vbox.machine_settings = machine_settings
        return lose

    def test_they_are_attached_again(self, parts, spawn, vbox, lose):
        instance = spawn()
        root = vbox.machines[instance.uuid].disks[0]
        lose(instance)
        parts.disks.mend(files_of(parts, instance))
        machine = vbox.machines[instance.uuid]
        assert machine.state is State.OFF
        assert machine.disks[0] == root

    def test_strangers_are_left_alone(self, parts, spawn, vbox, lose):
        instance = spawn()
        lose(instance)
        parts.disks.mend({})
        assert vbox.machines[instance.uuid].state is State.INACCESSIBLE

    def test_one_whose_settings_are_really_gone_stays_so(self, parts, spawn,
                                                         vbox):
        instance = spawn()
        vbox.lose_settings(instance.uuid)
        parts.disks.mend(files_of(parts, instance))
        assert vbox.machines[instance.uuid].state is State.INACCESSIBLE

    def test_where_all_is_well_nothing_is_asked(self, parts, spawn, client):
        instance = spawn()
        client.arm(0)
        parts.disks.mend(files_of(parts, instance))
        assert client.calls == ['list_machines']


class TestAgeing:
    def test_what_machines_have_stays(self, parts, spawn, cached):
        instance, unused = spawn(), cached()
        for path in parts.files.image_cache.iterdir():
            os.utime(path, (time.time() - 100,) * 2)
        parts.disks.age_cache(NOW)
        names = {path.name for path in parts.files.image_cache.iterdir()}
        assert names == {f'{instance.image_ref}_1.vdi'}
        assert not any(name.startswith(unused) for name in names)


def files_of(parts, instance):
    return {instance.uuid: parts.files.instance(instance.uuid)}


class TestRootDisk:
    def settings(self, *ports):
        disks = tuple(api.AttachedDisk(port, api.DiskKind.DISK, f'/d/{port}')
                      for port in ports)
        return api.MachineSettings('a uuid', 'name', None, 1, 64,
                                   disks=disks)

    def test_it_is_the_one_at_the_first_port(self):
        found = diskops.root_disk(self.settings(2, 0, 1))
        assert str(found) == '/d/0'

    def test_a_machine_may_have_none(self):
        with pytest.raises(exception.DiskNotFound, match='a uuid'):
            diskops.root_disk(self.settings(1, 2))


class TestFetching:
    def test_an_image_is_fetched_once(self, parts, image_api, small_disk):
        image = image_api.add('vdi', small_disk)
        context = builders.admin_context()
        assert parts.disks.cache_image(context, image) is True
        assert parts.disks.cache_image(context, image) is False
        assert len(image_api.downloads) == 1
