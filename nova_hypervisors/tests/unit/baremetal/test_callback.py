# SPDX-License-Identifier: Apache-2.0
"""What machines say when they call, over HTTPS."""

import concurrent.futures
import http.client
import json
import socket
import ssl
import uuid

import pytest

from nova_hypervisors.baremetal import callback
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import certificates

NODE = '9d8a1a5e-5f0e-4a3d-8a52-3a1c5a0f7a11'
IQN = 'iqn-12345678-1234-1234-1234-1234567890abcxyz'


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp('ca') / 'x')


@pytest.fixture(scope='module')
def passthru():
    return callback.VendorPassthru()


@pytest.fixture(scope='module')
def server(passthru, authority):
    server = callback.CallbackServer('127.0.0.1', 0, passthru)
    server.start(authority.server())
    yield server
    server.stop()


@pytest.fixture
def ticket(passthru):
    with passthru.expect(NODE) as ticket:
        yield ticket


@pytest.fixture
def post(server, authority):
    """POST something; return the status and what is said of it."""
    def post(body, node=NODE, path=None, data=None):
        connection = http.client.HTTPSConnection(
            '127.0.0.1', server.port, context=authority.client(), timeout=10)
        connection.request(
            'POST', path or f'/v1/nodes/{node}/vendor_passthru/'
            'pass_deploy_info', json.dumps(body) if data is None else data)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        message = json.loads(text)['error_message'] if text else ''
        return answer.status, message
    return post


@pytest.fixture
def body(ticket):
    return {'address': '10.10.1.150', 'iqn': IQN, 'key': ticket.key,
            'error': ''}


def test_the_deploy_learns_where_the_disk_is(post, body, ticket):
    assert post(body) == (200, '')
    assert ticket.wait(0) == callback.DeployInfo('10.10.1.150', IQN)


def test_an_error_need_not_be_there(post, body, ticket):
    del body['error']
    assert post(body) == (200, '')
    assert ticket.wait(0).iqn == IQN


def test_all_that_can_be_said(post, body, ticket):
    post({**body, 'address': 'fd00::0:1', 'lun': '2', 'port': '3261',
          'thin': '1'})
    assert ticket.wait(0) == callback.DeployInfo('fd00::1', IQN, 2, 3261,
                                                 True)


@pytest.mark.parametrize('field', ['address', 'key', 'iqn'])
@pytest.mark.parametrize('value', [None, '', 7])
def test_a_field_that_is_missing_or_no_text(post, body, field, value):
    body[field] = value
    if value is None:
        del body[field]
    status, message = post(body)
    assert status == 400
    assert message.startswith(f'{field}: it ')


@pytest.mark.parametrize(('field', 'value'), [
    ('address', 'my.host'), ('address', '10.0.0.1,file.lun=2'),
    ('iqn', 'x'), ('iqn', 'iqn.2026-11.org:a,file.user=b'),
    ('iqn', 'iqn.' + 'a' * 300), ('lun', 'one'), ('lun', -1), ('lun', True),
    ('port', '0'), ('port', 65536), ('port', None), ('error', ['a'])])
def test_a_field_that_is_invalid(post, body, field, value):
    status, message = post({**body, field: value})
    assert status == 400
    assert message.startswith(f'{field}: ')


def test_after_a_fault_the_machine_may_say_it_right(post, body, ticket):
    assert post({**body, 'iqn': 'x'})[0] == 400
    assert post(body)[0] == 200
    assert ticket.wait(0).iqn == IQN


def test_a_node_of_which_no_call_is_waited_for(post, body):
    other = str(uuid.uuid4())
    assert post(body, node=other) == (
        400, f'node: no call of {other} is waited for')


def test_a_wrong_key(post, body, ticket):
    assert post({**body, 'key': body['key'][:-1] + 'x'}) == (
        400, 'key: it is not the key of this deploy')
    with pytest.raises(errors.TimedOut):
        ticket.wait(0)


def test_a_key_that_is_not_even_ascii(post, body):
    assert post({**body, 'key': 'ü'})[0] == 400


def test_a_key_is_good_for_one_call(post, body):
    assert post(body)[0] == 200
    status, message = post(body)
    assert (status, message.partition(':')[0]) == (400, 'node')


def test_of_many_calls_at_once_one_is_taken(post, body):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(body)[0], range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_keys_are_long_and_never_the_same(passthru):
    keys = set()
    for _ in range(50):
        with passthru.expect(NODE) as ticket:
            keys.add(ticket.key)
    assert len(keys) == 50
    assert {len(key) for key in keys} == {32}


def test_when_the_deploy_is_over_nobody_may_call(post, passthru):
    with passthru.expect(NODE) as ticket:
        pass
    assert post({'address': '10.0.0.1', 'iqn': IQN, 'key': ticket.key,
                 'error': ''})[0] == 400


def test_an_error_of_the_ramdisk_fails_the_deploy(post, body, ticket):
    assert post({**body, 'error': 'tgtd: no such disk'})[0] == 200
    with pytest.raises(errors.ClientError, match='tgtd: no such disk'):
        ticket.wait(0)


def test_an_error_can_be_all_that_there_is_to_say(post, ticket):
    assert post({'key': ticket.key, 'error': 'no link', 'address': '',
                 'iqn': ''})[0] == 200
    with pytest.raises(errors.ClientError, match='no link'):
        ticket.wait(0)


def test_a_deploy_can_be_given_up(ticket):
    def check():
        raise errors.Cancelled('stop')

    with pytest.raises(errors.Cancelled):
        ticket.wait(60, check)


@pytest.mark.parametrize(('data', 'field'), [
    (b'no json', 'body'), (b'[]', 'body'), (b'x' * 70000, 'body')])
def test_what_is_no_json_object(post, data, field):
    status, message = post(None, data=data)
    assert (status, message.partition(':')[0]) == (400, field)


@pytest.mark.parametrize('path', [
    '/', '/v1/nodes', f'/v1/nodes/{NODE}/vendor_passthru/expect',
    f'/v1/nodes/{NODE}/../{NODE}/vendor_passthru/pass_deploy_info'])
def test_there_is_nothing_else(post, path):
    assert post({}, path=path)[0] == 404


def test_nothing_is_said_without_tls(server, ticket):
    with socket.create_connection(('127.0.0.1', server.port), 10) as raw:
        raw.sendall(b'POST / HTTP/1.0\r\n\r\n')
        raw.settimeout(10)
        try:
            answer = raw.recv(100)
        except ConnectionResetError:
            answer = b''
        assert not answer.startswith(b'HTTP')


def test_the_certificate_is_that_of_the_server(server, tmp_path):
    other = certificates.Authority(tmp_path / 'other')
    with (socket.create_connection(('127.0.0.1', server.port), 10) as raw,
          pytest.raises(ssl.SSLCertVerificationError)):
        other.client().wrap_socket(raw, server_hostname='127.0.0.1')


def test_the_key_is_not_logged(post, body, caplog):
    caplog.set_level(0)
    post({**body, 'key': 'a-wrong-key'})
    post(body)
    assert 'Node' in caplog.text
    assert body['key'] not in caplog.text
    assert 'a-wrong-key' not in caplog.text
