# SPDX-License-Identifier: Apache-2.0
"""What only Swift has: accounts, keys, and what goes wrong with them."""

import socket
import urllib.request
import uuid

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import swift
from nova_hypervisors.tests import swiftserver


@pytest.fixture
def make(swift_server):
    def make(changes=None, **settings):
        return swift.SwiftAPI(
            swift.Settings(**{'retries': 0, 'timeout_s': 5, **settings}),
            **{**swiftserver.credentials(swift_server), **(changes or {})})
    return make


@pytest.fixture
def upload(make, tmp_path):
    """Upload an object and return the name of its container."""
    def upload():
        (tmp_path / 'file').write_bytes(b'x')
        name = str(uuid.uuid4())
        make().upload_object(name, 'a', tmp_path / 'file',
                             create_container=True)
        return name
    return upload


@pytest.fixture
def account_key(make):
    """Read or write the account's key."""
    def account_key(*new):
        with make()._connection('test') as connection:
            for value in new:
                connection.post_account(
                    {'X-Account-Meta-Temp-URL-Key': value})
            return connection.head_account().get(
                'x-account-meta-temp-url-key')
    before = account_key()
    yield account_key
    account_key(before or '')


def test_without_a_key_it_is_said_what_to_do(make, upload, account_key):
    account_key('')
    with pytest.raises(errors.InvalidState,
                       match=r'Temp-URL-Key=.*set_temp_url_key'):
        make().get_tmp_url(upload(), 'a', 60)
    assert account_key() is None


def test_a_key_is_set_once_on_request(make, upload, account_key):
    container = upload()
    account_key('')
    make(set_temp_url_key=True).get_tmp_url(container, 'a', 60)
    key = account_key()
    assert len(key) == 64
    make(set_temp_url_key=True).get_tmp_url(container, 'a', 60)
    assert account_key() == key


def test_a_key_can_be_told(make, upload, account_key):
    container = upload()
    account_key('another key')
    url = make(temp_url_key='another key').get_tmp_url(container, 'a', 60)
    assert urllib.request.urlopen(url).read() == b'x'


def test_machines_may_reach_it_at_another_address(make, upload, swift_server,
                                                  account_key):
    container = upload()
    account_key('a key')
    elsewhere = swift_server.url.replace('127.0.0.1', '127.0.0.2')
    url = make(endpoint=elsewhere + '/').get_tmp_url(container, 'a', 60)
    assert url.startswith(elsewhere + '/v1/AUTH_')


def test_a_wrong_key_of_the_user(make):
    with pytest.raises(errors.AuthenticationFailed) as caught:
        make({'key': 'my-wrong-key'}).get_object('a', 'b')
    assert 'my-wrong-key' not in str(caught.value)


def test_nobody_answers(make):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{probe.getsockname()[1]}/auth/v1.0'
        with pytest.raises(errors.Unreachable) as caught:
            make({'authurl': url}).get_object('a', 'b')
    assert 'http' not in str(caught.value)


def test_somebody_accepts_and_says_nothing(make):
    with socket.create_server(('127.0.0.1', 0)) as server:
        url = f'http://127.0.0.1:{server.getsockname()[1]}/auth/v1.0'
        with pytest.raises(errors.TimedOut):
            make({'authurl': url}, timeout_s=1).get_object('a', 'b')


@pytest.mark.parametrize('missing', ['user', 'tenant_name', 'key',
                                     'authurl'])
def test_credentials_go_together(make, missing):
    with pytest.raises(errors.InvalidArgument, match='go together'):
        make({missing: None})


def test_no_credentials_at_all():
    with pytest.raises(errors.InvalidArgument, match='neither'):
        swift.SwiftAPI(swift.Settings())


def test_secrets_are_not_shown(make):
    shown = repr(swift.Settings(temp_url_key='se-cret'))
    assert 'se-cret' not in shown
