# SPDX-License-Identifier: Apache-2.0
"""What a host, its storage or its users do in the middle of an operation."""

import contextlib
import io
import itertools

import pytest
from nova import exception
from nova.compute import power_state

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes.esx import storage

CONTEXT = builders.admin_context()
MIB = 2 ** 20


@pytest.fixture
def cached(files):
    """Return the files of cached images; half ones too."""
    return lambda: [name for name in files('nova-images')
                    if not name.startswith('scratch')]


@pytest.fixture
def runs(driver, spawn, image):
    """Spawn, see that it runs, and take it away."""

    def runs(**arguments):
        instance = builders.instance(image, root_gb=0)
        spawn(instance, **arguments)
        assert driver.get_info(instance).state == power_state.RUNNING
        driver.destroy(CONTEXT, instance, [])

    return runs


@pytest.fixture
def fails(driver, spawn, image, files):
    """Spawn in vain; return what was told."""

    def fails(image=image, **arguments):
        with pytest.raises(exception.NovaException) as caught:
            spawn(builders.instance(image, root_gb=0), **arguments)
        assert driver.list_instances() == []
        assert files() == []
        return str(caught.value)

    return fails


@pytest.mark.parametrize('name', ['PUT /folder', 'CreateVirtualDisk_Task',
                                  'CopyVirtualDisk_Task', 'PowerOnVM_Task'])
def test_a_datastore_that_becomes_full(host, fails, runs, cached, name):
    host.before_next(name, host.fill_datastore)
    fails()
    assert not any('part' in path for path in cached())
    host.fill_datastore(8 << 30)
    runs()


def test_a_datastore_that_becomes_full_while_bytes_come(
        host, fails, runs, cached):
    host.cut_next_upload(MIB)
    fails()
    assert cached() == []
    runs()


def test_an_image_that_is_cut_on_its_way(driver, image_api, image, fails,
                                         runs, guest, cached):
    whole = guest.read_bytes()
    guest.write_bytes(whole[:2 * MIB])
    assert f'{2 * MIB} of its {4 * MIB} bytes' in fails()
    assert cached() == []
    guest.write_bytes(whole)
    runs()


def test_a_port_group_that_goes_between_the_look_and_the_use(
        host, fails, runs, client):
    vifs = [builders.vif()]
    runs(vifs=vifs)
    host.before_next('CreateVM_Task',
                     lambda: client.remove_port_group('VM Network'))
    assert 'InvalidDeviceBacking' in fails(vifs=vifs)
    # The next one looks.
    assert 'no port group VM Network' in fails(vifs=vifs)
    client.add_port_group(api.PortGroup('VM Network', 'vSwitch0', 0))
    runs(vifs=vifs)


@pytest.mark.parametrize('name', ['PowerOffVM_Task', 'UnregisterVM'])
def test_a_machine_that_somebody_registers_anew(driver, spawn, host, client,
                                                details, files, name):
    """It is another object then, for the host."""
    instance = spawn()
    driver.power_off(instance)
    found = details(instance).machine

    def anew():
        client.unregister_machine(found.ref)
        assert client.register_machine(found.path, found.name) != found.ref

    if name == 'PowerOffVM_Task':
        driver.power_on(CONTEXT, instance, [])
        client.power_off(found.ref)
        anew()
        driver.power_on(CONTEXT, instance, [])
        driver.power_off(instance)
        assert driver.get_info(instance).state == power_state.SHUTDOWN
    else:
        host.before_next(name, anew)
        with contextlib.suppress(exception.NovaException):
            driver.destroy(CONTEXT, instance, [])
    driver.destroy(CONTEXT, instance, [])
    driver.cleanup(CONTEXT, instance, [])
    assert driver.list_instances() == []
    assert files() == []


def test_another_service_is_faster_with_an_image(driver, spawn, host, client,
                                                 image, cached):
    """Both upload it; what is there first stays, and nothing beside it."""
    theirs = b'what the other one has published'.ljust(4 * MIB, b'.')

    def publish():
        folder = next(path for path in (
            host.datastore.folder / 'nova-images').iterdir()
            if any(path.glob('part-*'))).name
        base = api.DatastorePath('datastore1',
                                 f'nova-images/{folder}/base.vmdk')
        client.create_disk(base, len(theirs), api.Provisioning.THICK,
                           api.DiskBus.LSI_LOGIC)
        flat = base.parent / 'base-flat.vmdk'
        client.delete_file(flat)
        client.upload(flat, io.BytesIO(theirs), len(theirs))

    host.before_next('MoveVirtualDisk_Task', publish)
    instance = builders.instance(image, root_gb=0)
    spawn(instance)
    root = host.datastore.folder / 'nova' / instance.uuid / 'root-flat.vmdk'
    assert root.read_bytes() == theirs
    assert sorted(name.rpartition('/')[2] for name in cached()) == [
        'base-flat.vmdk', 'base.vmdk']


@pytest.fixture
def volume(host):
    host.luns.append(storage.Lun('iqn.2026-11.org.example:v', 2 ** 30, 1))
    return {'driver_volume_type': 'iscsi', 'data': {
        'target_portal': '127.0.0.1:3260',
        'target_iqn': 'iqn.2026-11.org.example:v', 'target_lun': 1}}


# That a client notices is proven by its own, shorter tests.
@pytest.mark.long
@pytest.mark.parametrize('what', [
    'spawn', 'power', 'suspend', 'volume', 'interface', 'resize'])
def test_a_session_that_the_host_ends_at_every_call(driver, spawn, host,
                                                    image, volume, files,
                                                    what):
    instance = builders.instance(image, root_gb=0)
    spawn(instance)
    larger = builders.instance(image, root_gb=0, memory_mb=128).flavor
    vif = builders.vif()

    def anew():
        driver.destroy(CONTEXT, instance, [])
        spawn(instance)

    def power():
        driver.power_off(instance)
        driver.power_on(CONTEXT, instance, [])

    def suspend():
        driver.suspend(CONTEXT, instance)
        driver.resume(CONTEXT, instance, [])

    def with_volume():
        driver.attach_volume(CONTEXT, volume, instance, '/dev/sdb')
        driver.detach_volume(CONTEXT, volume, instance, '/dev/sdb')

    def interface():
        driver.attach_interface(CONTEXT, instance, builders.image_meta(),
                                vif)
        driver.detach_interface(CONTEXT, instance, vif)

    def resize():
        driver._parts.resizes.keep(instance, larger, 0)
        driver._parts.resizes.confirm(instance)
        driver.power_on(CONTEXT, instance, [])

    act = {'spawn': anew, 'power': power, 'suspend': suspend,
           'volume': with_volume, 'interface': interface,
           'resize': resize}[what]
    for number in itertools.count():
        host.calls.clear()
        host.before_next('*', host.expire_sessions, after=number)
        act()
        host.forget_troubles()
        assert driver.get_info(instance).state == power_state.RUNNING
        # Each session that has ended costs one more.
        assert host.names().count('Login') <= 2
        if number > len(host.names()):
            break
    assert number > 3
    driver.destroy(CONTEXT, instance, [])
    assert files() == []
