# SPDX-License-Identifier: Apache-2.0
"""What nova-compute says of itself, over real HTTP."""

import contextlib
import datetime
import http.client
import http.server
import json
import socket
import threading
import types

import pytest
from nova import exception

from nova_hypervisors.common import availability
from nova_hypervisors.common import checks
from nova_hypervisors.common import health
from nova_hypervisors.common import metrics
from nova_hypervisors.conf import health as options
from nova_hypervisors.tests import peers

OK, WARNING, FAILED = checks.Outcome

NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)

State = availability.State


class Hypervisor:
    """What is known of one."""

    def __init__(self):
        self.state, self.reason = State.ANSWERS, None

    def standing(self):
        return availability.Standing(self.state, NOON, self.reason)


@pytest.fixture
def hypervisor():
    return Hypervisor()


@pytest.fixture
def configuration():
    """Return a configuration with these options of [health].

    One of oslo.config shares what is set with all others.
    """
    def configuration(**values):
        return types.SimpleNamespace(health=types.SimpleNamespace(**{
            **{option.dest: option.default for option in options.OPTS},
            **values}))
    return configuration


@pytest.fixture
def served(configuration, hypervisor):
    """The configuration of an endpoint that is there."""
    conf = configuration(listen_port=peers.free_port())
    endpoint = health.Endpoint.of(
        conf, hypervisor, health.measured(conf, 'virtualbox-vboxmanage'))
    endpoint.start()
    yield conf
    endpoint.stop()


@pytest.fixture
def get(served):
    """Ask; return the status, the headers and what was said."""
    def get(path, method='GET'):
        with contextlib.closing(http.client.HTTPConnection(
                '127.0.0.1', served.health.listen_port, timeout=5)) as asked:
            asked.request(method, path)
            answer = asked.getresponse()
            return types.SimpleNamespace(
                status=answer.status, kind=answer.headers['Content-Type'],
                size=int(answer.headers['Content-Length']),
                text=answer.read().decode())
    return get


class TestHealth:
    def test_a_hypervisor_that_answers_is_200(self, get):
        answer = get('/healthz')
        assert (answer.status, answer.kind) == (200, 'application/json')
        assert json.loads(answer.text) == {
            'process': 'alive', 'hypervisor': 'answers',
            'since': '2026-11-25T12:00:00+00:00', 'reason': None}

    def test_one_that_is_gone_is_503(self, get, hypervisor):
        hypervisor.state, hypervisor.reason = State.GONE, 'refused'
        answer = get('/healthz')
        assert answer.status == 503
        assert json.loads(answer.text) == {
            'process': 'alive', 'hypervisor': 'gone',
            'since': '2026-11-25T12:00:00+00:00', 'reason': 'refused'}

    def test_one_that_is_not_known_is_no_reason_to_worry(self, get,
                                                         hypervisor):
        hypervisor.state = State.UNKNOWN
        answer = get('/healthz?verbose')
        assert answer.status == 200
        assert json.loads(answer.text)['hypervisor'] == 'unknown'


class TestPages:
    def test_metrics_are_text_for_prometheus(self, get):
        answer = get('/metrics')
        assert answer.status == 200
        assert answer.kind == metrics.CONTENT_TYPE
        assert ('nova_hypervisors_hypervisor_up'
                '{hypervisor="virtualbox-vboxmanage"} 1.0\n') in answer.text

    @pytest.mark.parametrize('path', ['/', '/health', '/../etc/passwd'])
    def test_there_is_nothing_else(self, get, path):
        assert get(path).status == 404

    def test_who_asks_for_headers_gets_nothing_else(self, get, served):
        with socket.create_connection(
                ('127.0.0.1', served.health.listen_port), 5) as asked:
            asked.sendall(b'HEAD /healthz HTTP/1.0\r\n\r\n')
            with asked.makefile() as answer:
                lines = answer.read().splitlines()
        assert lines[0] == 'HTTP/1.0 200 OK'
        assert f'Content-Length: {get("/healthz").size}' in lines
        assert lines[-1] == ''

    def test_nothing_can_be_changed(self, get):
        assert get('/healthz', 'POST').status == 501


class TestListening:
    def test_0_is_none(self, configuration, hypervisor):
        conf = configuration()
        assert health.measured(conf, 'x') is None
        endpoint = health.Endpoint.of(conf, hypervisor, None)
        threads = threading.active_count()
        endpoint.start()
        assert threading.active_count() == threads
        endpoint.stop()

    def test_a_port_that_is_taken_is_one_clear_error(self, configuration,
                                                     hypervisor):
        with socket.create_server(('127.0.0.1', 0)) as other:
            port = other.getsockname()[1]
            conf = configuration(listen_port=port)
            endpoint = health.Endpoint.of(conf, hypervisor, None)
            with pytest.raises(exception.InvalidConfiguration) as caught:
                endpoint.start()
        assert str(caught.value).startswith(
            f'[health] listen_port: http://127.0.0.1:{port} cannot be '
            'listened on (Address already in use): choose a port')

    def test_after_its_end_the_port_is_free(self, configuration, hypervisor):
        conf = configuration(listen_port=peers.free_port())
        for _ in range(2):
            endpoint = health.Endpoint.of(conf, hypervisor, None)
            endpoint.start()
            endpoint.stop()

    @pytest.mark.parametrize('address', [
        '0.0.0.0', '::', '192.0.2.1', '2001:db8::1', '128.0.0.1'])
    def test_an_address_that_others_reach_is_refused(self, configuration,
                                                     address):
        found, = health.findings(configuration(listen_address=address))
        assert found.fatal
        assert str(found).startswith(f'[health] listen_address: {address} ')
        assert 'set 127.0.0.1 or ::1' in found.message

    @pytest.mark.parametrize('address', ['127.0.0.1', '127.1.2.3', '::1'])
    def test_those_of_the_loopback_are_fine(self, configuration, address):
        assert not list(health.findings(configuration(
            listen_address=address)))

    def test_a_url_has_brackets_around_colons(self):
        assert health.url('::1', 80) == 'http://[::1]:80'


@pytest.fixture
def check(served):
    """Ask as the command does; return outcomes and details by their names."""
    def check(conf=served):
        results = checks.Results()
        health.check(conf, results)
        return {result.name: (result.outcome, result.details)
                for result in results}
    return check


@pytest.fixture
def stranger():
    """Have somebody else answer; return the port."""
    with contextlib.ExitStack() as stack:
        def stranger(body):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.wfile.write(body)

                def log_message(self, *words):
                    pass

            server = stack.enter_context(http.server.HTTPServer(
                ('127.0.0.1', 0), Handler))
            threading.Thread(target=server.serve_forever, args=(0.02,),
                             daemon=True).start()
            stack.callback(server.shutdown)
            return server.server_address[1]
        yield stranger


class TestCheck:
    def test_what_is_well_is_fine(self, check, served):
        port = served.health.listen_port
        assert check() == {
            'process': (OK, f'it answers at http://127.0.0.1:{port}'),
            'hypervisor': (OK, 'it answers since 2026-11-25T12:00:00+00:00')}

    @pytest.mark.parametrize('state', [State.GONE, State.UNKNOWN])
    def test_a_hypervisor_that_is_not_fails(self, check, hypervisor, state):
        hypervisor.state, hypervisor.reason = state, 'refused'
        found = check()
        assert found['process'][0] is OK
        since = NOON.isoformat()
        assert found['hypervisor'] == (
            FAILED, f'it is {state.value} since {since}: refused')

    def test_nobody_there_fails(self, check, configuration):
        port = peers.free_port()
        found = check(configuration(listen_port=port))
        outcome, details = found.pop('process')
        assert not found
        assert outcome is FAILED
        assert details.startswith('nova-compute does not answer at '
                                  f'http://127.0.0.1:{port} ')
        assert 'Connection refused' in details

    def test_without_a_port_there_is_nobody_to_ask(self, check,
                                                   configuration):
        outcome, details = check(configuration())['process']
        assert outcome is FAILED
        assert details.startswith('[health] listen_port is 0')

    def test_nobody_elsewhere_is_asked(self, check, configuration):
        found = check(configuration(listen_address='192.0.2.1',
                                    listen_port=1))
        assert list(found) == ['options']

    @pytest.mark.parametrize('body', [
        b'SSH-2.0-OpenSSH_9.2\r\n', b'', b'HTTP/1.0 200 OK\r\n\r\n',
        b'HTTP/1.0 200 OK\r\n\r\n[]', b'HTTP/1.0 200 OK\r\n\r\n{}',
        b'HTTP/1.0 200 OK\r\n\r\n\xff\xfe\x00'])
    def test_somebody_else_is_not_taken_for_it(self, check, configuration,
                                               stranger, body):
        found = check(configuration(listen_port=stranger(body)))
        assert [outcome for outcome, _ in found.values()] == [FAILED]
