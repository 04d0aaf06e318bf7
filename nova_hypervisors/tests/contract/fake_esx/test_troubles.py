# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: what a test may let go wrong, and console tickets."""

import socket
import ssl
import threading
import time

import pytest
import requests

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.tests.fakes.esx import controls

SERVICE = ('ServiceInstance', 'ServiceInstance')
FILES = ('FileManager', 'ha-nfc-file-manager')


@pytest.fixture
def host(tmp_path):
    with esx.running(tmp_path / 'host', machines=1) as made:
        yield made


def status(raw):
    return raw.call('CurrentTime', SERVICE).status_code


def test_next_call_fails_is_cut_or_hangs(host, raw):
    host.fail_next('CurrentTime', 'HostConnectFault')
    assert 'HostConnectFault' in raw.call('CurrentTime', SERVICE).text
    host.cut_next('CurrentTime')
    with pytest.raises(requests.ConnectionError):
        status(raw)
    go_on = host.hang_next('CurrentTime')
    threading.Timer(0.2, go_on.set).start()
    start = time.monotonic()
    assert status(raw) == 200
    assert time.monotonic() - start > 0.15


def test_answer_is_lost_though_it_is_done(host, raw):
    host.cut_next('MakeDirectory', done=True)
    with pytest.raises(requests.ConnectionError):
        raw.call('MakeDirectory', FILES, '<name>[datastore1] a</name>')
    assert (host.datastore.folder / 'a').is_dir()


def test_some_calls_are_left_alone_before(host, raw):
    host.fail_next('CurrentTime', 'HostConnectFault', after=2)
    assert [status(raw) for _ in range(4)] == [200, 200, 500, 200]
    host.fail_next(controls.ANY, 'HostConnectFault', after=1)
    assert status(raw) == 200
    assert raw.call('RetrieveServiceContent', SERVICE).status_code == 500
    host.fail_next(controls.ANY, 'HostConnectFault')
    host.forget_troubles()
    assert status(raw) == 200


def test_files_fail_too(host, raw):
    host.fail_next('PUT /folder', 'HostConnectFault')
    assert raw.file('PUT', 'a', data=b'a').status_code == 500
    assert not (host.datastore.folder / 'a').exists()


def test_something_happens_between_two_calls(host, raw):
    host.before_next('CurrentTime', host.expire_sessions)
    assert status(raw) == 500
    raw.login()
    assert status(raw) == 200


def test_all_connections_end(host, raw):
    go_on = host.hang_next('CurrentTime')
    threading.Timer(0.1, host.drop_connections).start()
    with pytest.raises(requests.ConnectionError):
        status(raw)
    go_on.set()
    assert status(raw) == 200


def test_wsdl_is_served_if_there_is_one(host, raw):
    url = f'{raw.base}/sdk/vimService.wsdl'
    assert raw.http.get(url, timeout=10).status_code == 404
    host.wsdl = b'<definitions/>'
    assert raw.http.get(url, timeout=10).content == b'<definitions/>'


class Screen:
    """Answers a request with its first line and path, and echoes."""

    def __init__(self):
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.place = self._listener.getsockname()
        self.asked = b''
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with self._listener, self._listener.accept()[0] as client:
            while not self.asked.endswith(b'\r\n\r\n'):
                self.asked += client.recv(1)
            client.sendall(b'HTTP/1.1 101 Switching Protocols\r\n\r\n')
            while data := client.recv(100):
                client.sendall(data.upper())


def open_ticket(host, url):
    context = ssl.create_default_context(cafile=host.ca_file)
    plain = socket.create_connection((host.address, host.port), timeout=10)
    secured = context.wrap_socket(plain, server_hostname=host.address)
    path = url.partition(str(host.port))[2]
    secured.sendall(f'GET {path} HTTP/1.1\r\nHost: esx\r\n'
                    'Sec-WebSocket-Protocol: binary\r\n\r\n'.encode())
    return secured


def test_ticket_opens_a_screen_once(host):
    screen = Screen()
    peer = esxpeers.Peer(host)
    [one] = peer.folder.childEntity
    peer.wait(one.PowerOnVM_Task())
    url = one.AcquireTicket('webmks').url
    host.screens[one._moId] = screen.place
    with open_ticket(host, url) as opened:
        assert opened.recv(100).startswith(b'HTTP/1.1 101')
        opened.sendall(b'hello')
        assert opened.recv(100) == b'HELLO'
    assert b'Sec-WebSocket-Protocol: binary\r\n' in screen.asked
    with open_ticket(host, url) as refused:
        assert refused.recv(100).startswith(b'HTTP/1.1 404')
