# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: its door, its sessions, its schema."""

import socket
import ssl
import threading
import time

import pytest
import requests
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx

SERVICE = ('ServiceInstance', 'ServiceInstance')
SESSIONS = ('SessionManager', 'ha-sessionmgr')
COLLECTOR = ('PropertyCollector', 'ha-property-collector')
FOLDER = ('Folder', 'ha-folder-vm')

NAME = '<name>[datastore1] a</name>'
READ_HOST = (
    '<specSet><propSet><type>HostSystem</type><pathSet>name</pathSet>'
    '</propSet><objectSet><obj type="HostSystem">ha-host</obj></objectSet>'
    '</specSet><options/>')


def test_certificate_is_its_authority_s(host):
    own = ssl.create_default_context(cafile=host.ca_file)
    with socket.create_connection((host.address, host.port)) as plain, \
            own.wrap_socket(plain, server_hostname=host.address) as secured:
        assert secured.getpeercert()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f'https://{host.address}:{host.port}/sdk', timeout=10)


def test_service_content_is_for_anybody(host):
    reply = esxpeers.Raw(host).call('RetrieveServiceContent', SERVICE)
    assert '<apiType>HostAgent</apiType>' in reply.text
    assert '<sessionManager type="SessionManager">ha-sessionmgr' in reply.text
    assert 'vmware_soap_session="' in reply.headers['Set-Cookie']


def test_everything_else_wants_a_session(host):
    reply = esxpeers.Raw(host).call('CurrentTime', SERVICE)
    assert reply.status_code == 500
    assert 'xsi:type="NotAuthenticated"' in reply.text
    assert '<object type="ServiceInstance">ServiceInstance</object>' in (
        reply.text)


def test_reading_without_a_session_is_no_fault_but_misses_all(host):
    raw = esxpeers.Raw(host)
    reply = raw.call('RetrievePropertiesEx', COLLECTOR, READ_HOST)
    assert reply.status_code == 200
    assert '<missingSet><path>name</path><fault>' in reply.text
    assert 'xsi:type="NotAuthenticated"' in reply.text
    host.anonymous_fault = True
    reply = raw.call('RetrievePropertiesEx', COLLECTOR, READ_HOST)
    assert reply.status_code == 500


def test_wrong_password_and_second_login_are_refused(host, raw):
    good = '<userName>root</userName><password>se cret</password>'
    bad = '<userName>root</userName><password>secret</password>'
    stranger = esxpeers.Raw(host)
    assert 'InvalidLogin' in stranger.call('Login', SESSIONS, bad).text
    assert stranger.call('Login', SESSIONS, good).status_code == 200
    assert 'InvalidLogin' in raw.call('Login', SESSIONS, good).text


def test_session_ends_by_logout_by_time_and_by_the_host(host, raw):
    assert raw.call('CurrentTime', SERVICE).status_code == 200
    host.expire_sessions()
    assert 'NotAuthenticated' in raw.call('CurrentTime', SERVICE).text
    raw.login()
    host.session_seconds = 0.05
    time.sleep(0.1)
    assert 'NotAuthenticated' in raw.call('CurrentTime', SERVICE).text
    host.session_seconds = 60
    raw.login()
    assert raw.call('Logout', SESSIONS).status_code == 200
    assert 'NotAuthenticated' in raw.call('CurrentTime', SERVICE).text


def test_session_is_active_is_not_implemented(host, peer):
    own = peer.content.sessionManager.currentSession
    assert own.userName == 'root'
    with pytest.raises(vmodl.fault.NotImplemented):
        peer.content.sessionManager.SessionIsActive(own.key, 'root')


def test_clone_ticket_logs_in_once(host, peer):
    ticket = peer.content.sessionManager.AcquireCloneTicket()
    body = f'<cloneTicket>{ticket}</cloneTicket>'
    first, second = esxpeers.Raw(host), esxpeers.Raw(host)
    assert first.call('CloneSession', SESSIONS, body).status_code == 200
    assert first.call('CurrentTime', SERVICE).status_code == 200
    assert 'InvalidLogin' in second.call('CloneSession', SESSIONS, body).text


@pytest.mark.parametrize(('body', 'words'), [
    ('<name>a</name><name>b</name>', 'Unexpected element tag "name"'),
    ('<nam>a</nam>', 'Unexpected element tag "nam"'),
    ('', 'Required property name is missing'),
    (f'{NAME}<createParentDirectories>yes</createParentDirectories>',
     'Invalid value'),
    (f'<createParentDirectories>true</createParentDirectories>{NAME}',
     'Unexpected element tag "name"'),
    (f'{NAME}<datacenter type="Folder">x</datacenter>',
     'A Folder is not wanted'),
    (f'{NAME}<datacenter>ha-datacenter</datacenter>', 'is no reference'),
    ('<name><b/></name>', 'may have no elements'),
])
def test_what_the_types_do_not_allow_is_refused(host, raw, body, words):
    reply = raw.call('MakeDirectory', ('FileManager', 'ha-nfc-file-manager'),
                     body)
    assert reply.status_code == 500
    assert 'xsi:type="InvalidRequest"' in reply.text
    assert words in reply.text.replace('&quot;', '"')
    assert not (host.datastore.folder / 'a').exists()


@pytest.mark.parametrize('device', [
    '<device xsi:type="OptionValue"><key>a</key></device>',
    '<device xsi:type="VirtualNothing"><key>-1</key></device>',
    '<device><key>-1</key><nothing/></device>',
    '<device xsi:type="VirtualDisk"><key>-1</key></device>',
    '<device xsi:type="VirtualDisk"><unitNumber>1</unitNumber></device>',
])
def test_data_objects_are_read_as_strictly(host, raw, device):
    reply = raw.call('CreateVM_Task', FOLDER, (
        '<config><name>a</name><deviceChange><operation>add</operation>'
        f'{device}</deviceChange></config>'
        '<pool type="ResourcePool">ha-root-pool</pool>'))
    assert 'xsi:type="InvalidRequest"' in reply.text
    assert not host.machines()


def test_untyped_values_and_newer_things_are_refused(raw):
    start = '<config><name>a</name>'
    end = '</config><pool type="ResourcePool">ha-root-pool</pool>'
    untyped = raw.call('CreateVM_Task', FOLDER, (
        f'{start}<extraConfig><key>a</key><value>b</value></extraConfig>'
        f'{end}'))
    assert 'has no xsi:type' in untyped.text
    newer = raw.call('CreateVM_Task', FOLDER, (
        f'{start}<tdxEnabled>true</tdxEnabled>{end}'))
    assert 'Unexpected element tag "tdxEnabled"' in newer.text


@pytest.mark.parametrize(('action', 'status'), [
    ('urn:vim25/6.5', 200), ('"urn:vim25/8.0.2.0"', 200), ('', 200),
    ('urn:vim25/9.0.0.0', 500), ('urn:other', 500)])
def test_newer_versions_than_the_host_s_are_refused(raw, action, status):
    call = ('<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">'
            'ServiceInstance</_this></CurrentTime>')
    assert raw.post(call, SOAPAction=action).status_code == status


@pytest.mark.parametrize('body', ['<Nothing xmlns="urn:vim25"/>', '', '<a'])
def test_what_is_no_call_is_refused(raw, body):
    assert 'xsi:type="InvalidRequest"' in raw.post(body).text


def test_method_of_something_else_is_refused(raw):
    reply = raw.call('PowerOnVM_Task', ('HostSystem', 'ha-host'))
    assert 'xsi:type="InvalidRequest"' in reply.text
    reply = raw.call('PowerOnVM_Task', ('VirtualMachine', 'gone'))
    assert 'xsi:type="ManagedObjectNotFound"' in reply.text


def test_denied_privileges_and_the_free_licence_refuse(host, peer):
    host.denied.add('Datastore.FileManagement')
    with pytest.raises(vim.fault.NoPermission) as caught:
        peer.files.MakeDirectory('[datastore1] a')
    assert caught.value.privilegeId == 'Datastore.FileManagement'
    manager = peer.content.authorizationManager
    session = peer.content.sessionManager.currentSession.key
    [answer] = manager.HasPrivilegeOnEntities(
        [peer.host], session, ['Datastore.FileManagement', 'System.View'])
    assert [one.isGranted for one in answer.privAvailability] == [False, True]
    [answer] = manager.FetchUserPrivilegeOnEntities([peer.host], 'root')
    assert 'Datastore.FileManagement' not in answer.privileges
    host.denied.clear()
    host.licenses.free = True
    [licence] = peer.content.licenseManager.licenses
    assert licence.name == 'vSphere 8 Hypervisor'
    with pytest.raises(vim.fault.RestrictedVersion):
        peer.files.MakeDirectory('[datastore1] a')
    assert not (host.datastore.folder / 'a').exists()


def test_fake_is_held_to_the_faults_that_a_method_declares(
        host, peer, monkeypatch):
    def full(**_):
        raise vim.fault.NoDiskSpace(file='a', datastore='datastore1')

    for thing, name in ((host.network, 'RemovePortGroup'),
                        (host.sessions, 'AcquireCloneTicket')):
        monkeypatch.setattr(thing, name, full, raising=False)
    with pytest.raises(vmodl.fault.SystemError, match='does not raise NoDisk'):
        peer.host.configManager.networkSystem.RemovePortGroup('VM Network')
    with pytest.raises(vmodl.fault.SystemError, match='does not raise NoDisk'):
        peer.content.sessionManager.AcquireCloneTicket()


def test_calls_are_counted_with_their_sizes(host, raw):
    before = len(host.calls)
    raw.call('CurrentTime', SERVICE)
    [call] = host.calls[before:]
    assert call.name == 'CurrentTime'
    assert call.sent > 100
    assert call.received > 100


def test_many_connections_at_once(host):
    peers = [esxpeers.Raw(host) for _ in range(8)]
    for peer in peers:
        peer.login()
    threads = [threading.Thread(target=peer.call,
                                args=('CurrentTime', SERVICE))
               for peer in peers]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert host.names().count('CurrentTime') == 8


def test_ends_though_somebody_waits(tmp_path):
    with esx.running(tmp_path / 'host') as host:
        peer = esxpeers.Peer(host)
        waiting = threading.Thread(target=_wait, args=(peer,), daemon=True)
        waiting.start()
        time.sleep(0.1)
    waiting.join(5)
    assert not waiting.is_alive()


def _wait(peer):
    with pytest.raises((OSError, vmodl.MethodFault, Exception)):
        peer.content.propertyCollector.WaitForUpdatesEx('')
