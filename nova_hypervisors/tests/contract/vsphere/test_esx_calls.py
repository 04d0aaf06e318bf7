# SPDX-License-Identifier: Apache-2.0
"""How many calls there are on the wire, and how large they are."""

import dataclasses

import pytest

from nova_hypervisors.clients.vsphere import api


@pytest.fixture
def calls(watched, place, proxy):
    """Count what one thing costs."""
    def count(function, *words):
        del proxy.calls[:]
        function(*words)
        return proxy.of()
    return count


def test_to_connect(peer, proxy):
    client = peer.make_client(port=proxy.port, ca_file=proxy.ca_file)
    client.connect()
    client.close()
    assert proxy.of()[:3] == [
        'RetrieveServiceContent', 'Login', 'RetrievePropertiesEx']


def test_a_machine_with_a_copied_disk(watched, place, peer, calls):
    """Seven are allowed: with the watch, four are enough."""
    base = place.disk('base.vmdk')
    spec = place.spec()
    disk = spec.path.parent / 'root.vmdk'
    refs = []

    def spawn():
        watched.make_folder(disk.parent)
        watched.copy_disk(base, disk)
        refs.append(watched.create_machine(dataclasses.replace(
            spec, disks=(api.Disk(disk, size=1 << 20),),
            extra_config={'machine.id': 'x'})))
        watched.power_on(refs[0])

    assert calls(spawn) == ['MakeDirectory', 'CopyVirtualDisk_Task',
                            'CreateVM_Task', 'PowerOnVM_Task']
    assert calls(watched.power_off, refs[0]) == ['PowerOffVM_Task']
    assert calls(watched.destroy_machine, refs[0]) == ['Destroy_Task']


def test_a_machine_with_a_child_disk(watched, place, calls):
    """Four are allowed."""
    base = place.disk('base.vmdk')
    spec = place.spec()

    def spawn():
        watched.power_on(watched.create_machine(dataclasses.replace(
            spec, disks=(api.Disk(spec.path.parent / 'root.vmdk',
                                  size=1 << 20, parent=base),))))

    assert calls(spawn) == ['CreateVM_Task', 'PowerOnVM_Task']


def test_to_list_and_to_find(watched, place, calls):
    spec = place.spec()
    watched.create_machine(spec)
    assert calls(watched.list_machines) == []
    assert calls(watched.find_machine, spec.uuid) == []


def test_what_a_host_gives(watched, calls, proxy):
    assert calls(watched.usage) == ['RetrievePropertiesEx']
    [call] = [call for call in proxy.calls
              if call.operation != 'WaitForUpdatesEx']
    assert call.received < 4096


def test_what_a_host_is(watched, calls, proxy):
    """It is read again in a new session: the host may have been started."""
    before = watched.host()
    assert calls(watched.host) == []
    proxy.end_session()
    watched.usage()
    assert calls(watched.host) == ['RetrievePropertiesEx']
    assert calls(watched.host) == []
    assert watched.host() == before


def test_details(watched, place, calls, peer):
    ref = place.machine()
    assert calls(watched.machine_details, ref) == ['RetrievePropertiesEx']


def test_an_upload(watched, place, calls, tmp_path):
    path = tmp_path / 'f'
    path.write_bytes(b'abc')
    with path.open('rb') as data:
        assert calls(watched.upload, place.folder / 'f', data, 3) == [
            'HEAD', 'PUT', 'HEAD', 'MoveDatastoreFile_Task']


@pytest.mark.needs('paging')
def test_pages_are_followed(peer, proxy):
    peer.own.page_size = 1
    try:
        client = peer.make_client(port=proxy.port, ca_file=proxy.ca_file)
        client.connect()
        del proxy.calls[:]
        assert client.datastores()
        client.close()
    finally:
        peer.own.page_size = 1000
    assert proxy.of().count('ContinueRetrievePropertiesEx') >= 1
