# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception
from nova import objects

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import rescueops
from nova_hypervisors.virtualbox import spec

State = api.MachineState
Kind = api.DiskKind
CONTEXT = builders.admin_context()

# What is asked of VirtualBox for a rescue, in order.
STEPS = ('machine_state', 'power_off', 'machine_settings',
         'create_child_disk', 'detach_disk', 'attach_disk', 'attach_disk',
         'start')


@pytest.fixture
def server(spawn):
    return spawn()


@pytest.fixture
def rescue(parts, cached, server):
    def rescue(image=None):
        parts.rescues.rescue(CONTEXT, server, image or cached())
    return rescue


@pytest.fixture
def disks(vbox, server):
    """Return the names of a server's disks by their ports."""
    def disks():
        found = vbox.machine_settings(server.uuid).disks
        return {disk.port: disk.path.rpartition('/')[2] for disk in found}
    return disks


def test_it_boots_another_disk_with_its_own_beside_it(rescue, vbox, server,
                                                      disks):
    rescue()
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'rescue.vdi',
                       spec.RESCUED_PORT: 'root.vdi'}


def test_it_has_its_own_again(rescue, parts, vbox, server, disks):
    before = set(vbox.media)
    rescue()
    parts.rescues.unrescue(server)
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}
    assert not parts.files.instance(server.uuid).rescue_disk.exists()
    assert {path for path in set(vbox.media) - before
            if 'rescue' in path} == set()


def test_it_can_be_rescued_again(rescue, parts, server, disks):
    rescue()
    parts.rescues.unrescue(server)
    rescue()
    assert disks()[spec.RESCUED_PORT] == 'root.vdi'


def test_one_that_is_not_rescued_just_goes_on(parts, vbox, client, server):
    client.arm(0)
    parts.rescues.unrescue(server)
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert 'power_off' not in client.calls


# A machine that is off is so, whatever is said of its power-off.
@pytest.mark.parametrize(('number', 'after'), [
    (number, after) for number, name in enumerate(STEPS, 1)
    for after in (False, True) if (name, after) != ('power_off', True)])
def test_a_rescue_that_fails_gives_its_own_disk_back(
        rescue, vbox, client, parts, server, disks, cached, number, after):
    image = cached()
    client.arm(number, after)
    with pytest.raises(errors.ClientError, match='injected fault'):
        rescue(image)
    assert tuple(client.calls[:number]) == STEPS[:number]
    client.arm(0)
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}
    assert not parts.files.instance(server.uuid).rescue_disk.exists()
    rescue(image)
    assert disks()[spec.RESCUED_PORT] == 'root.vdi'


def test_a_rescued_server_can_be_destroyed(rescue, parts, vbox, server):
    rescue()
    parts.vms.destroy(server, destroy_disks=True)
    assert vbox.machines == {}
    assert not parts.files.instance(server.uuid).folder.exists()


def test_an_image_to_install_from_is_refused(rescue, cached, server, disks,
                                             vbox):
    with pytest.raises(exception.InstanceNotRescuable, match='ISO'):
        rescue(cached('.iso'))
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}


def _image(**properties):
    return objects.ImageMeta(
        properties=objects.ImageMetaProps(**properties))


class TestDevice:
    def test_a_disk_as_ever(self, server):
        assert rescueops.device(server, _image()) is Kind.DISK

    @pytest.mark.parametrize('properties', [
        {'hw_rescue_device': 'cdrom'}, {'hw_rescue_bus': 'sata'},
        {'hw_rescue_device': 'cdrom', 'hw_rescue_bus': 'sata'}])
    def test_a_dvd(self, server, properties):
        assert rescueops.device(server, _image(**properties)) is Kind.DVD

    @pytest.mark.parametrize(('name', 'value'), [
        ('hw_rescue_device', 'disk'), ('hw_rescue_bus', 'scsi')])
    def test_others_are_refused(self, server, name, value):
        with pytest.raises(exception.InstanceNotRescuable,
                           match=f"{name} is '{value}'.*=cdrom.*=sata"):
            rescueops.device(server, _image(**{name: value}))


class TestStableDevices:
    """The server boots a DVD, and its own disks stay where they are."""

    # What is asked of VirtualBox, for a server with and without a DVD.
    STEPS = {
        'disk': ('machine_state', 'power_off', 'machine_settings',
                 'attach_disk', 'set_boot_order', 'start'),
        'iso': ('machine_state', 'power_off', 'machine_settings',
                'detach_disk', 'attach_disk', 'attach_disk',
                'set_boot_order', 'start')}

    @pytest.fixture(params=STEPS)
    def server(self, spawn, cached, request):
        if request.param == 'disk':
            return spawn()
        server = builders.instance(cached('.iso'))
        server.system_metadata['image_disk_format'] = 'iso'
        return spawn(server)

    @pytest.fixture
    def machine(self, vbox, server):
        """Return a server's disks and what it boots."""
        def machine():
            settings = vbox.machine_settings(server.uuid)
            return ({disk.port: (disk.kind, disk.path)
                     for disk in settings.disks}, settings.boot_order)
        return machine

    @pytest.fixture
    def rescue(self, parts, server):
        def rescue(image):
            parts.rescues.rescue(CONTEXT, server, image, Kind.DVD)
        return rescue

    def test_its_disks_stay(self, rescue, parts, vbox, server, machine,
                            cached):
        disks, order = machine()
        image = cached('.iso')
        rescue(image)
        found, boots = machine()
        assert vbox.machines[server.uuid].state is State.RUNNING
        assert boots[0] is api.BootDevice.DVD
        assert image in found[spec.ISO_PORT][1]
        assert found[spec.ROOT_PORT] == disks[spec.ROOT_PORT]
        assert found.get(spec.RESCUED_PORT) == disks.get(spec.ISO_PORT)
        parts.rescues.unrescue(server)
        assert vbox.machines[server.uuid].state is State.RUNNING
        assert machine() == (disks, order)
        assert not any(image in path for path in vbox.media)

    # A machine that is off is so, whatever is said of its power-off.
    @pytest.mark.parametrize(('server', 'number', 'after'), [
        (kind, number, after) for kind, steps in STEPS.items()
        for number, name in enumerate(steps, 1) for after in (False, True)
        if (name, after) != ('power_off', True)], indirect=['server'])
    def test_one_that_fails_gives_all_back(self, rescue, client, machine,
                                           cached, number, after):
        before = machine()
        image = cached('.iso')
        client.arm(number, after)
        with pytest.raises(errors.ClientError, match='injected fault'):
            rescue(image)
        assert tuple(client.calls[:number]) in {
            steps[:number] for steps in self.STEPS.values()}
        client.arm(0)
        assert machine() == before
        rescue(image)
        assert image in machine()[0][spec.ISO_PORT][1]

    def test_a_disk_is_no_dvd(self, rescue, cached, machine):
        before = machine()
        with pytest.raises(exception.InstanceNotRescuable, match='cdrom'):
            rescue(cached())
        assert machine() == before

    def test_a_rescued_server_can_be_destroyed(self, rescue, parts, vbox,
                                               server, cached):
        rescue(cached('.iso'))
        parts.vms.destroy(server, destroy_disks=True)
        assert vbox.machines == {}
        assert not any('.iso' in path for path in vbox.media)
