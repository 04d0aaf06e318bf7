# SPDX-License-Identifier: Apache-2.0
import contextlib
import subprocess
import uuid

import pytest
from nova import exception
from nova.virt import fake as nova_fake

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders

State = api.MachineState

BLANK = {'ephemerals': [{'size': 1, 'device_name': '/dev/sdb'}],
         'swap': {'device_name': '/dev/sdc', 'swap_size': 64}}

# What is asked of VirtualBox for a server with these, in order.
STEPS = ('host', 'set_extradata', 'create_machine', 'create_child_disk',
         'attach_disk', 'create_disk', 'attach_disk', 'create_disk',
         'attach_disk', 'start')

# The same for one that boots from an ISO image.
ISO_STEPS = ('host', 'set_extradata', 'create_machine', 'attach_disk',
             'create_disk', 'attach_disk', 'start')

# The same when it is destroyed.
DESTROY_STEPS = ('machine_state', 'power_off', 'machine_settings',
                 'delete_machine', 'close_medium', 'set_extradata')


def steps(names):
    return [pytest.param(number, id=f'{number}-{name}')
            for number, name in enumerate(names, start=1)]


@pytest.fixture
def left(vbox, parts):
    """Return what there is of servers."""
    def left():
        return {
            'machines': set(vbox.machines), 'media': set(vbox.media),
            'extradata': vbox.extradata,
            'files': {path.name for path in parts.files.instances.iterdir()
                      } - {'_base', 'snapshots'}}
    return left


NOTHING = {'machines': set(), 'media': set(), 'extradata': {},
           'files': set()}


class TestSpawn:
    def test_a_server_runs_from_a_child_of_its_image(self, spawn, vbox,
                                                     parts):
        instance = spawn(vifs=[builders.vif()], vcpus=2, memory_mb=96)
        machine = vbox.machines[instance.uuid]
        assert machine.state is State.RUNNING
        assert (machine.spec.vcpus, machine.spec.memory_mb) == (2, 96)
        assert int(machine.spec.remote_display.ports) in range(5910, 5951)
        assert machine.nics[1].mac == 'fa:16:3e:00:00:01'
        root = vbox.media[machine.disks[0].path]
        assert root.parent == str(
            parts.files.image_cache / f'{instance.image_ref}_1.vdi')

    def test_it_is_known_as_ours(self, spawn, vbox, parts):
        instance = spawn()
        assert parts.vms.exists(instance)
        assert parts.vms.list_uuids() == [instance.uuid]
        assert parts.vms.list_names() == [instance.name]

    def test_it_is_no_longer_being_made(self, spawn, parts):
        spawn()
        assert parts.files.interrupted() == []

    def test_ephemeral_and_swap_disks_follow_the_root_disk(self, spawn, vbox):
        instance = spawn(block_device_info=BLANK)
        disks = vbox.machines[instance.uuid].disks
        assert {port: vbox.media[disk.path].capacity_mb
                for port, disk in disks.items() if port} == {2: 1024, 3: 64}

    @pytest.mark.parametrize(('root_gb', 'size_mb'), [(0, 1024), (3, 3072)])
    def test_an_iso_comes_with_an_empty_root_disk(self, spawn, cached, vbox,
                                                  root_gb, size_mb):
        instance = spawn(builders.instance(cached('.iso'), root_gb=root_gb))
        disks = vbox.machines[instance.uuid].disks
        assert disks[1].kind is api.DiskKind.DVD
        assert disks[1].path.endswith(f'{instance.image_ref}.iso')
        root = vbox.media[disks[0].path]
        assert (root.capacity_mb, root.parent) == (size_mb, None)

    def test_a_full_copy_depends_on_nothing(self, config, make_parts, asked,
                                            vbox):
        config.config(use_cow_images=False)
        wanted = asked()
        make_parts().vms.spawn(wanted)
        path = vbox.machines[wanted.instance.uuid].disks[0].path
        assert vbox.media[path].parent is None
        assert len(vbox.media) == 1

    def test_one_that_is_there_is_not_touched(self, spawn, asked, parts, vbox,
                                              left):
        instance = spawn()
        vbox.pause(instance.uuid)
        before = left()
        with pytest.raises(exception.InstanceExists):
            parts.vms.spawn(asked(instance))
        assert vbox.machines[instance.uuid].state is State.PAUSED
        assert left() == before

    def test_a_stranger_with_its_uuid_is_not_touched(
            self, machine, cached, asked, parts, vbox, left):
        stranger = machine(state=State.RUNNING)
        wanted = asked(builders.instance(cached(), uuid=stranger))
        with pytest.raises(errors.AlreadyExists):
            parts.vms.spawn(wanted)
        assert vbox.machines[stranger].state is State.RUNNING
        assert left() == {**NOTHING, 'machines': {stranger}}

    def test_two_servers_share_neither_port_nor_tunnel(
            self, config, spawn, vbox):
        config.config(group='virtualbox', physical_network_mappings=[
            'physnet1:udptunnel:switch:7000:100-109'])
        for _ in range(2):
            spawn(vifs=[builders.vif()])
        first, second = vbox.machines.values()
        assert (first.spec.remote_display.ports
                != second.spec.remote_display.ports)
        assert [machine.nics[1].attachment.properties['sport']
                for machine in (first, second)] == ['100', '101']


class TestPoweringOn:
    def test_nova_may_not_want_it_yet(self, spawn, vbox, parts):
        instance = spawn(power_on=False)
        assert vbox.machines[instance.uuid].state is State.OFF
        parts.watcher.look()

    def test_neither_may_the_flavor_and_nova_is_told(self, spawn, vbox, parts,
                                                     events):
        instance = spawn(extra_specs={'virtualbox:power_on': 'false'})
        assert vbox.machines[instance.uuid].state is State.OFF
        parts.watcher.look()
        event, = events
        assert (event.get_instance_uuid(), event.get_name()) == (
            instance.uuid, 'Stopped')

    @pytest.mark.parametrize('power_on', ['true', 'false'])
    def test_a_boot_that_differs_is_the_first_one(self, spawn, vbox, parts,
                                                  power_on):
        instance = spawn(extra_specs={'virtualbox:boot_once': 'network',
                                      'virtualbox:power_on': power_on})
        found = vbox.machines[instance.uuid].spec.boot_order
        assert found[0] is api.BootDevice.NETWORK
        # Whether it is still to come.
        once = parts.files.instance(instance.uuid).boot_once
        assert once.exists() is (power_on == 'false')


class TestFailingSpawn:
    @pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
    @pytest.mark.parametrize('number', steps(STEPS))
    def test_nothing_is_left(self, parts, asked, client, left, number, after):
        """It fails at each call, before or after that was done."""
        wanted = asked(vifs=[builders.vif()], block_device_info=BLANK)
        client.arm(number, after)
        with pytest.raises(errors.ClientError, match='injected fault'):
            parts.vms.spawn(wanted)
        assert left() == NOTHING

    @pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
    @pytest.mark.parametrize('number', steps(ISO_STEPS))
    def test_nothing_is_left_of_an_iso(self, parts, cached, asked, client,
                                       left, number, after):
        wanted = asked(builders.instance(cached('.iso')))
        client.arm(number, after)
        with pytest.raises(errors.ClientError, match='injected fault'):
            parts.vms.spawn(wanted)
        assert left() == NOTHING

    @pytest.mark.parametrize(('suffix', 'info', 'expected'), [
        ('.vdi', BLANK, STEPS), ('.iso', {}, ISO_STEPS)])
    def test_these_steps_are_all(self, parts, cached, asked, client, suffix,
                                 info, expected):
        wanted = asked(builders.instance(cached(suffix)),
                       block_device_info=info)
        client.arm(0)
        parts.vms.spawn(wanted)
        assert tuple(client.calls) == expected

    def test_it_can_be_tried_again(self, parts, asked, client, vbox):
        wanted = asked()
        client.arm(3)
        with pytest.raises(errors.ClientError):
            parts.vms.spawn(wanted)
        client.arm(0)
        parts.vms.spawn(wanted)
        assert vbox.machines[wanted.instance.uuid].state is State.RUNNING

    def test_other_servers_are_not_touched(self, spawn, asked, parts, client,
                                           left):
        first = spawn()
        before = left()
        client.arm(4)
        with pytest.raises(errors.ClientError):
            parts.vms.spawn(asked(builders.instance(first.image_ref)))
        assert left() == before

    @pytest.mark.parametrize('properties', [
        {'extra_specs': {'virtualbox:boot': 'nonsense'}},
        {'extra_specs': {'virtualbox:power_on': 'nonsense'}}])
    def test_what_is_refused_is_not_begun(self, parts, asked, client, left,
                                          properties):
        wanted = asked(**properties)
        client.arm(0)
        with pytest.raises(exception.NovaException):
            parts.vms.spawn(wanted)
        assert client.calls == []
        assert left() == NOTHING

    def test_an_image_that_is_larger_than_the_root_disk(self, parts, cached,
                                                        asked, left):
        wanted = asked(builders.instance(cached(sizes_gb=()), root_gb=1))
        image = parts.files.image_cache / f'{wanted.instance.image_ref}.vdi'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'vdi', str(image),
                        '2G'], check=True)
        with pytest.raises(exception.FlavorDiskSmallerThanImage):
            parts.vms.spawn(wanted)
        assert left() == NOTHING

    def test_a_network_that_neutron_does_not_plug_in(self, make_parts, asked,
                                                     left):
        parts = make_parts(NoEvents())
        with pytest.raises(exception.VirtualInterfaceCreateException):
            parts.vms.spawn(asked(vifs=[builders.vif(active=False)]))
        assert left() == NOTHING


class NoEvents(nova_fake.FakeVirtAPI):
    """Neutron never says anything."""

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, seconds,
                                error_callback=None):
        yield
        if events:
            raise getattr(exception, 'InstanceEventTimeout', TimeoutError)


class TestDestroy:
    @pytest.mark.parametrize('state', [
        State.RUNNING, State.PAUSED, State.SAVED, State.OFF, State.ABORTED])
    def test_nothing_is_left(self, spawn, parts, vbox, left, state):
        instance = spawn(block_device_info=BLANK)
        vbox.machines[instance.uuid].state = state
        parts.vms.destroy(instance, destroy_disks=True)
        assert left() == NOTHING

    def test_the_image_stays_in_the_cache(self, spawn, parts):
        instance = spawn()
        parts.vms.destroy(instance, destroy_disks=True)
        assert {path.name for path in parts.files.image_cache.iterdir()} == {
            f'{instance.image_ref}.vdi', f'{instance.image_ref}_1.vdi'}

    def test_an_iso_is_forgotten_and_stays_in_the_cache(self, spawn, cached,
                                                        parts, left):
        instance = spawn(builders.instance(cached('.iso')))
        parts.vms.destroy(instance, destroy_disks=True)
        assert left() == NOTHING
        assert [path.name for path in parts.files.image_cache.iterdir()] == [
            f'{instance.image_ref}.iso']

    def test_an_iso_that_another_server_has_is_not_forgotten(
            self, spawn, cached, parts, vbox):
        image = cached('.iso')
        first, second = (spawn(builders.instance(image)) for _ in range(2))
        parts.vms.destroy(first, destroy_disks=True)
        assert vbox.machines[second.uuid].disks[1].path in vbox.media

    def test_other_servers_stay(self, spawn, parts, vbox):
        first = spawn()
        second = spawn(builders.instance(first.image_ref))
        parts.vms.destroy(first, destroy_disks=True)
        assert list(vbox.machines) == [second.uuid]
        assert vbox.machines[second.uuid].state is State.RUNNING
        assert parts.files.instance(second.uuid).root_disk.exists()

    def test_disks_are_kept_if_that_is_wanted(self, spawn, parts, left):
        instance = spawn()
        parts.vms.destroy(instance, destroy_disks=False)
        assert left() == {**NOTHING, 'files': {instance.uuid}}
        assert parts.files.instance(instance.uuid).root_disk.exists()
        parts.vms.delete_files(instance)
        assert left() == NOTHING

    @pytest.mark.parametrize('destroy_disks', [True, False])
    def test_one_that_is_gone_is_no_error(self, parts, left, destroy_disks):
        parts.vms.destroy(builders.instance(), destroy_disks)
        assert left() == NOTHING

    def test_one_whose_settings_are_gone(self, spawn, parts, vbox, left):
        instance = spawn()
        vbox.lose_settings(instance.uuid)
        parts.vms.destroy(instance, destroy_disks=True)
        assert left() == NOTHING

    @pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
    @pytest.mark.parametrize('number', steps(DESTROY_STEPS))
    def test_what_failed_half_way_can_be_tried_again(
            self, spawn, parts, client, left, number, after):
        instance = spawn()
        client.arm(number, after)
        with contextlib.suppress(errors.ClientError):
            parts.vms.destroy(instance, destroy_disks=True)
        client.arm(0)
        parts.vms.destroy(instance, destroy_disks=True)
        assert left() == NOTHING

    @pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
    @pytest.mark.parametrize('number', steps(DESTROY_STEPS))
    def test_an_iso_is_let_go_later_at_the_latest(
            self, spawn, cached, parts, client, left, number, after):
        """Nova lets the cache be looked after every 40 minutes."""
        instance = spawn(builders.instance(cached('.iso')))
        client.arm(number, after)
        with contextlib.suppress(errors.ClientError):
            parts.vms.destroy(instance, destroy_disks=True)
        client.arm(0)
        parts.vms.destroy(instance, destroy_disks=True)
        parts.disks.age_cache(parts.cache_ages)
        assert left() == NOTHING

    def test_these_steps_are_all(self, spawn, cached, parts, client):
        instance = spawn(builders.instance(cached('.iso')))
        client.arm(0)
        parts.vms.destroy(instance, destroy_disks=True)
        assert tuple(client.calls) == DESTROY_STEPS


class TestAfterARestart:
    def test_what_was_interrupted_is_undone(self, make_parts, spawn, parts,
                                            left):
        kept, interrupted = spawn(), spawn()
        parts.files.instance(interrupted.uuid).spawning.touch()
        restarted = make_parts()
        restarted.machines.load()
        restarted.vms.undo_interrupted()
        assert restarted.vms.list_uuids() == [kept.uuid]
        assert interrupted.uuid not in left()['files']

    def test_disks_that_belong_to_no_machine_yet_are_forgotten(
            self, parts, vbox, left, small_disk):
        instance_files = parts.files.instance(str(uuid.uuid4()))
        instance_files.make()
        base = parts.files.image_cache / 'image_1.vdi'
        base.write_bytes(small_disk.read_bytes())
        vbox.create_child_disk(instance_files.root_disk, base)
        parts.vms.undo_interrupted()
        assert left() == NOTHING
        assert base.exists()

    def test_every_machine_is_looked_after(self, spawn, parts):
        instances = [spawn() for _ in range(3)]
        seen = []
        parts.vms.catch_up(seen.append)
        assert seen == [instance.uuid for instance in instances]

    def test_one_that_cannot_be_read_does_not_stop_the_others(self, spawn,
                                                              parts):
        instances = [spawn() for _ in range(3)]
        seen = []

        def look_after(machine_uuid):
            seen.append(machine_uuid)
            if len(seen) == 1:
                raise errors.MachineNotFound('its settings are gone')

        parts.vms.catch_up(look_after)
        assert seen == [instance.uuid for instance in instances]


class TestExists:
    def test_a_stranger_does_not(self, machine, parts):
        assert not parts.vms.exists(builders.instance(uuid=machine()))

    def test_nor_does_one_that_somebody_has_deleted(self, spawn, parts, vbox):
        instance = spawn()
        vbox.power_off(instance.uuid)
        vbox.delete_machine(instance.uuid)
        assert not parts.vms.exists(instance)
        assert parts.vms.list_uuids() == []
