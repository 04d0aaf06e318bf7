# SPDX-License-Identifier: Apache-2.0
"""An ESX host itself, and who is refused."""

import datetime
import logging

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import vsphere_peers
from nova_hypervisors.tests.fakes import esx as fake_esx


def test_it_says_what_it_is(client):
    host = client.host()
    assert host.api_type == 'HostAgent'
    assert host.version.split('.')[0] in ('6', '8')
    assert (host.sockets, host.cores >= host.sockets,
            host.threads >= host.cores) == (host.sockets, True, True)
    assert host.sockets >= 1
    assert host.memory > 1 << 30
    assert host.cpu_mhz > 100
    assert len(host.uuid) == 36
    assert host.managed_by is None
    assert host.booted_at.tzinfo is not None


def test_it_says_what_it_gives_now(client, peer):
    usage = client.usage()
    assert usage.connected
    assert not usage.in_maintenance
    assert usage.memory_used > 0
    assert peer.datastore in {one.name for one in usage.datastores}
    assert list(usage.datastores) == client.datastores()
    for one in usage.datastores:
        assert one.accessible
        assert not one.maintenance
        assert 0 < one.free <= one.capacity


def test_it_has_a_clock(client):
    now = datetime.datetime.now(datetime.UTC)
    assert abs(client.host_time() - now) < datetime.timedelta(minutes=1)


def test_it_has_licences(client):
    assert client.licenses()
    assert all(one.name for one in client.licenses())


def test_privileges_that_are_there_are_not_missing(client):
    assert client.missing_privileges(
        ['VirtualMachine.Interact.PowerOn', 'Datastore.FileManagement']) == []


@pytest.mark.needs('privileges')
def test_a_privilege_that_is_missing_is_named(client, peer):
    peer.own.denied = {'Datastore.FileManagement'}
    try:
        assert client.missing_privileges(
            ['VirtualMachine.Interact.PowerOn',
             'Datastore.FileManagement']) == ['Datastore.FileManagement']
    finally:
        peer.own.denied = set()


def test_maintenance_is_entered_and_left(client):
    client.set_maintenance(True, 30)
    try:
        assert client.usage().in_maintenance
    finally:
        client.set_maintenance(False, 30)
    assert not client.usage().in_maintenance


def test_connecting_again_does_nothing(client):
    client.connect()
    assert client.host().name


def test_without_a_connection_that_is_said(peer):
    made = peer.make_client()
    for ask in (made.host, made.usage, made.list_machines):
        with pytest.raises(errors.Unreachable):
            ask()


def test_a_closed_client_can_connect_again(peer):
    made = peer.make_client()
    made.connect()
    made.close()
    with pytest.raises(errors.Unreachable):
        made.list_machines()
    made.connect()
    assert made.list_machines()
    made.close()


def test_a_wrong_password_is_refused_and_not_told(peer, caplog):
    made = peer.make_client(password=lambda: 'not the pass word')
    with caplog.at_level(logging.DEBUG), pytest.raises(
            errors.AuthenticationFailed) as caught:
        made.connect()
    assert 'not the pass word' not in f'{caught.value!r}{caplog.text}'
    assert caught.value.fault == 'InvalidLogin'


def test_the_right_one_is_not_told_either(peer, caplog):
    made = peer.make_client()
    with caplog.at_level(logging.DEBUG):
        made.connect()
        made.close()
    assert caplog.text
    assert 'se cret' not in caplog.text
    assert 'se cret' not in f'{made!r}{vars(made)!r}'


def test_a_certificate_of_somebody_else_is_refused(peer, tmp_path):
    other = certificates.Authority(tmp_path / 'other')
    made = peer.make_client(ca_file=str(other.path))
    with pytest.raises(errors.CertificateRefused, match='ca_file'):
        made.connect()


def test_no_certificate_is_trusted_by_itself(peer):
    with pytest.raises(errors.CertificateRefused):
        peer.make_client(ca_file=None).connect()


def test_the_environment_does_not_say_whom_to_trust(peer, monkeypatch,
                                                    tmp_path):
    """requests lets REQUESTS_CA_BUNDLE win over what a session was told."""
    other = certificates.Authority(tmp_path / 'other')
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', str(other.path))
    for options in ({}, {'ca_file': None, 'insecure': True}):
        made = peer.make_client(**options)
        made.connect()
        assert made.host().name
        made.close()


def test_a_missing_file_of_certificates_is_named(peer):
    made = peer.make_client(ca_file='/no/such/ca.pem')
    with pytest.raises(errors.InvalidArgument, match='/no/such/ca'):
        made.connect()


def test_where_nobody_listens_nobody_is_reached(peer):
    made = peer.make_client(port=1)
    with pytest.raises(errors.Unreachable, match=r'127\.0\.0\.1:1'):
        made.connect()


def test_a_vcenter_is_refused(tmp_path):
    with vsphere_peers.simulator(tmp_path, '-vcenter') as peer, pytest.raises(
            errors.Unsupported, match='VMwareVCDriver'):
        peer.make_client().connect()


@pytest.fixture
def other(tmp_path):
    """A fake host of one's own, that may be what it likes."""
    with fake_esx.running(tmp_path / 'esx', user=vsphere_peers.USER,
                          password=vsphere_peers.PASSWORD) as host:
        yield host, vsphere_peers.Peer(
            'fake', host.address, host.port, host.ca_file, 'datastore1')


def test_a_host_that_a_vcenter_manages_is_refused(other):
    host, peer = other
    host.host_system.managed_by = '192.0.2.7'
    with pytest.raises(errors.Unsupported, match=r'192\.0\.2\.7'):
        peer.make_client().connect()


def test_a_host_whose_api_is_too_old_is_refused(other):
    host, peer = other
    host.service.version = '6.0'
    with pytest.raises(errors.Unsupported, match=r'6\.5 is the oldest'):
        peer.make_client().connect()


def test_a_licence_that_only_reads_is_refused(other):
    host, peer = other
    host.licenses.free = True
    with pytest.raises(errors.Unsupported, match='vSphere 8 Hypervisor'):
        peer.make_client().connect()


def test_a_licence_that_reads_only_from_now_on_is_said(other):
    host, peer = other
    client = peer.make_client()
    client.connect()
    host.licenses.free = True
    try:
        with pytest.raises(errors.Unsupported, match='evaluation') as caught:
            client.make_folder(api.DatastorePath('datastore1', 'x'))
        assert caught.value.fault == 'RestrictedVersion'
    finally:
        client.close()


def test_who_was_refused_is_not_logged_in(other):
    host, peer = other
    host.licenses.free = True
    client = peer.make_client()
    with pytest.raises(errors.Unsupported):
        client.connect()
    assert [call.name for call in host.calls][-1] == 'Logout'


def test_a_privilege_that_is_missing_is_said(other):
    host, peer = other
    client = peer.make_client()
    client.connect()
    host.denied = {'Datastore.FileManagement'}
    try:
        with pytest.raises(errors.Forbidden,
                           match=r'Datastore\.FileManagement'):
            client.make_folder(api.DatastorePath('datastore1', 'x'))
    finally:
        client.close()
