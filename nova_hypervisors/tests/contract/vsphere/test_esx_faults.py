# SPDX-License-Identifier: Apache-2.0
"""What an ESX client does when its session or its connection ends."""

import io
import threading
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import retry
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import tlsproxy
from nova_hypervisors.tests.contract.vsphere import conftest

NIC = api.Nic(conftest.MAC, 'VM Network')


@pytest.fixture
def own(peer, proxy):
    """A folder and machines of a client whose calls go through the proxy."""
    client = peer.make_client(port=proxy.port, ca_file=proxy.ca_file,
                              timeout_s=3)
    client.connect()
    made = conftest.Place(client, peer.datastore)
    yield made
    made.clear()
    client.close()


def test_an_ended_session_costs_a_login(own, proxy):
    own.client.usage()
    proxy.end_session()
    del proxy.calls[:]
    begun = time.monotonic()
    own.client.usage()
    assert time.monotonic() - begun < 0.5
    assert [name for name in proxy.of() if name in (
        'RetrievePropertiesEx', 'Login')] == [
            'RetrievePropertiesEx', 'Login', 'RetrievePropertiesEx']


def test_an_ended_session_is_noticed_by_each_operation(own, proxy):
    """The host ends it before every single call."""
    client = own.client
    disk = own.disk()
    spec = own.spec(nics=(NIC,))
    refs = []
    for operation in (
            lambda: client.make_folder(own.folder / 'x'),
            lambda: client.list_folder(own.folder),
            lambda: client.copy_disk(disk, own.folder / 'copy.vmdk'),
            lambda: refs.append(client.create_machine(spec)),
            lambda: client.machine_details(refs[0]),
            lambda: client.power_on(refs[0]),
            lambda: client.find_machine(spec.uuid),
            lambda: client.power_off(refs[0]),
            lambda: client.network(),
            lambda: client.host_time(),
            lambda: client.licenses(),
            lambda: client.missing_privileges(['System.View']),
            lambda: client.acquire_clone_ticket(),
            lambda: client.destroy_machine(refs[0])):
        proxy.end_session()
        operation()
    assert spec.uuid not in {
        one.instance_uuid for one in client.list_machines()}


@pytest.mark.needs('folder needs a session')
def test_an_ended_session_is_noticed_before_files_are_sent(own, proxy):
    data = b'x' * 100000
    proxy.end_session()
    own.upload('f', data)
    proxy.end_session()
    target = io.BytesIO()
    own.client.download(own.folder / 'f', target)
    assert target.getvalue() == data


def test_many_threads_log_in_once(own, proxy):
    proxy.end_session()
    del proxy.calls[:]
    failed = []

    def ask():
        try:
            own.client.usage()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    # The watch finds out by itself, before or after.
    assert proxy.of().count('Login') == 1


def test_the_watch_goes_on_in_a_new_session(own, proxy):
    heard = []
    own.client.on_change(lambda machine, ref: heard.append(ref))
    proxy.end_session()
    proxy.cut_all()
    ref = own.machine()
    own.client.power_on(ref)
    peers.wait_until(lambda: ref in heard)
    assert own.client.wait_for_state(ref, api.PowerState.ON, 10)


def test_what_happened_while_nobody_watched_is_known(own, proxy, client):
    ref = own.machine()
    client.wait_for_state(ref, api.PowerState.OFF, 5)
    proxy.cut_all()
    client.power_on(ref)
    assert own.client.wait_for_state(ref, api.PowerState.ON, 20)


def test_a_host_without_machines_has_not_ended_the_session(peer, proxy):
    """An empty answer is what an ended session gives, too."""
    client = peer.make_client(port=proxy.port, ca_file=proxy.ca_file)
    client.connect()
    del proxy.calls[:]
    for _ in range(3):
        client.list_machines()
        client.usage()
    assert 'Login' not in proxy.of()
    client.close()


@pytest.mark.parametrize('fate', [tlsproxy.LOSE, tlsproxy.CUT])
def test_reading_is_tried_again(own, proxy, fate):
    proxy.break_next('RetrievePropertiesEx', fate)
    assert own.client.usage().connected


def test_a_task_that_goes_on_is_waited_for(own, proxy):
    """The watch's connection breaks while a task runs."""
    disk = own.disk()
    for number in range(3):
        proxy.break_next('WaitForUpdatesEx', tlsproxy.CUT)
        own.client.copy_disk(disk, own.folder / f'{number}.vmdk')
    peers.wait_until(lambda: proxy.unmet() == [])
    assert {'0.vmdk', '1.vmdk', '2.vmdk'} <= set(own.names())


@pytest.mark.parametrize(('fate', 'error'), [
    (tlsproxy.LOSE, errors.ConnectionLost),
    (tlsproxy.CUT, errors.ConnectionLost),
    (tlsproxy.HANG, errors.TimedOut)])
@pytest.mark.parametrize('name', ['MakeDirectory', 'CreateVM_Task',
                                  'PowerOnVM_Task', 'Destroy_Task'])
def test_a_change_is_not_made_twice(own, proxy, fate, error, name):
    client = own.client
    ref = own.machine() if name != 'CreateVM_Task' else ''
    operation = {
        'MakeDirectory': lambda: client.make_folder(own.folder / 'x'),
        'CreateVM_Task': own.machine,
        'PowerOnVM_Task': lambda: client.power_on(ref),
        'Destroy_Task': lambda: client.destroy_machine(ref)}[name]
    proxy.break_next(name, fate)
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        operation()
    assert caught.value.operation == name
    assert time.monotonic() - begun < 6
    proxy.released.set()
    # The next one finds it as it is.
    assert client.usage().connected


def test_a_host_that_is_not_reached_is_tried_again(peer, proxy):
    slept = []
    made = peer.make_client(port=1, policy=retry.Policy(2, 3, slept.append))
    with pytest.raises(errors.Unreachable):
        made.connect()
    assert slept == [3, 3]


def test_an_upload_that_breaks_is_told(own, proxy):
    proxy.break_next('PUT', tlsproxy.CUT)
    with pytest.raises(errors.ConnectionLost):
        own.upload('f', b'x' * 100000)
    # What had arrived is deleted.
    assert own.names() == []


def test_an_upload_that_hangs_is_given_up(own, proxy):
    proxy.break_next('PUT', tlsproxy.HANG)
    begun = time.monotonic()
    with pytest.raises(errors.TimedOut):
        own.upload('f', b'x' * 100000)
    assert time.monotonic() - begun < 8


def test_a_source_that_hangs_is_given_up(own, monkeypatch):
    monkeypatch.setattr('nova_hypervisors.clients.vsphere.folder._SOURCE_S',
                        0.3)
    released = threading.Event()

    class Hanging(io.RawIOBase):
        def read(self, size=-1):
            released.wait(20)
            return b''

    with pytest.raises(errors.TimedOut, match='no data'):
        own.client.upload(own.folder / 'f', Hanging(), 10)
    released.set()
    assert own.names() == []


def test_connecting_breaks_at_every_call(peer, proxy):
    """Each call of a connection, one after another, meets each fate."""
    for fate in (tlsproxy.LOSE, tlsproxy.CUT):
        for number in range(12):
            client = peer.make_client(port=proxy.port, ca_file=proxy.ca_file,
                                      timeout_s=3)
            proxy.break_after(number, fate)
            try:
                client.connect()
            except errors.ConnectionLost:
                client.connect()
            assert client.usage().connected
            client.close()
            if proxy.is_armed:
                break
        else:
            pytest.fail('it goes on')
        proxy.break_after(1000, fate)
