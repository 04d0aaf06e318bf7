# SPDX-License-Identifier: Apache-2.0
"""The SOAP client against an HTTP server on loopback."""

import http.server
import threading
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import soap

ANSWER = (
    '<?xml version="1.0"?><e:Envelope '
    'xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}'
    '</e:Body></e:Envelope>')
RETURNED = ANSWER.format('<r:opResponse xmlns:r="urn:x"><returnval>a&amp;b'
                         '</returnval></r:opResponse>')
FAULT = ANSWER.format(
    '<e:Fault><faultcode>x</faultcode><faultstring>it broke</faultstring>'
    '<detail><v:RuntimeFault xmlns:v="urn:x"><resultCode>-5</resultCode>'
    '</v:RuntimeFault></detail></e:Fault>')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        length = int(self.headers['Content-Length'])
        self.server.requests.append(self.rfile.read(length).decode())
        self.server.peers.add(self.client_address)
        status, text = self.server.answer
        self.send_response(status)
        self.send_header('Content-Length', str(len(text)))
        if self.server.closes:
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.requests, server.peers = [], set()
    server.answer, server.closes = (200, RETURNED), False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(server):
    service = soap.Service(f'http://127.0.0.1:{server.server_port}/', 'urn:x',
                           timeout_s=5)
    yield service
    service.close()


def test_arguments_are_elements(server, service):
    answer = service.call('op', {
        'text': '<&>', 'number': 5, 'yes': True, 'data': b'\0\1',
        'names': ['a', 'b'], 'none': []})
    assert answer.findtext('returnval') == 'a&b'
    request, = server.requests
    assert ('<s:op><text>&lt;&amp;&gt;</text><number>5</number>'
            '<yes>true</yes><data>AAE=</data><names>a</names><names>b</names>'
            '</s:op>') in request


def test_a_fault_has_its_details(server, service):
    server.answer = 500, FAULT
    with pytest.raises(soap.Fault, match='it broke') as caught:
        service.call('op', {})
    assert caught.value.kind == 'RuntimeFault'
    assert caught.value.details == {'resultCode': '-5'}


@pytest.mark.parametrize(('element', 'data'), [
    ('<returnval>AAEC/w==</returnval>', b'\0\1\2\xff'),
    ('<returnval></returnval>', b''), ('<returnval/>', b''), ('', b'')])
def test_bytes_are_given_as_such(server, service, element, data):
    server.answer = 200, ANSWER.format(f'<r:opResponse xmlns:r="urn:x">'
                                       f'{element}</r:opResponse>')
    assert service.data('op', {}) == data


def test_bytes_that_are_refused_have_a_reason(server, service):
    server.answer = 500, FAULT
    with pytest.raises(soap.Fault, match='it broke'):
        service.data('op', {})


def test_bytes_that_are_damaged(server, service):
    server.answer = 200, ANSWER.format('<op><returnval>A</returnval></op>')
    with pytest.raises(errors.ClientError, match='not answer with Base64'):
        service.data('op', {})


def test_a_connection_serves_many_calls(server, service):
    for _ in range(3):
        service.call('op', {})
    assert len(server.peers) == 1


def test_one_that_the_server_ends_is_replaced(server, service):
    server.closes = True
    for _ in range(3):
        service.call('op', {})
    assert len(server.requests) == 3


@pytest.mark.parametrize(('answer', 'error'), [
    ((200, 'no XML'), 'does not answer with SOAP'),
    ((200, ANSWER.format('')), 'answers with nothing'),
    ((404, ''), 'HTTP status 404')])
def test_an_answer_that_is_none(server, service, answer, error):
    server.answer = answer
    with pytest.raises(errors.ClientError, match=error):
        service.call('op', {})


def test_nobody_listens(server, service):
    server.shutdown()
    server.server_close()
    with pytest.raises(errors.Unreachable, match='cannot be reached'):
        service.call('op', {})


class TestGreeting:
    """vboxwebsrv keeps one of two new connections waiting."""

    @pytest.fixture
    def greeting(self, server):
        service = soap.Service(f'http://127.0.0.1:{server.server_port}/',
                               'urn:x', timeout_s=5, greeting='hello')
        yield service
        service.close()

    def test_it_comes_first_and_once(self, greeting, server):
        greeting.call('one', {})
        greeting.call('two', {})
        assert [name for request in server.requests
                for name in ('hello', 'one', 'two')
                if f'<s:{name}>' in request] == ['hello', 'one', 'two']

    def test_a_fault_is_as_good(self, greeting, server):
        server.answer = (500, FAULT)
        with pytest.raises(soap.Fault):
            greeting.call('one', {})
        assert len(server.requests) == 2

    def test_new_connections_come_one_by_one(self, greeting, server):
        inside, most = [], []

        class Door(list):
            def append(self, request):
                if '<s:hello>' in request:
                    inside.append(request)
                    most.append(len(inside))
                    time.sleep(0.02)
                    inside.pop()

        server.requests = Door()
        threads = [threading.Thread(target=greeting.call, args=('one', {}))
                   for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most
        assert set(most) == {1}
