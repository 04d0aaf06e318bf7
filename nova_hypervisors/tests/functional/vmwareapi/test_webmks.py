# SPDX-License-Identifier: Apache-2.0
"""Screens by WebMKS, through the relay and Nova's own proxy.

The host is a stand-in that knows tickets; the machine with its screen, its
keyboard and its web socket is QEMU's.
"""

import types

import pytest

from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import webmks
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import novaproxy
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webmkshost

UUID = '5d0e6a6e-0000-4000-8000-000000000001'


@pytest.fixture
def machine(tmp_path):
    made = webmkshost.Qemu(tmp_path)
    yield made
    made.close()


@pytest.fixture
def authority(tmp_path):
    return certificates.Authority(tmp_path / 'authority')


@pytest.fixture
def host(authority, machine):
    made = webmkshost.TicketHost(authority, machine.serve)
    yield made
    made.close()


@pytest.fixture
def console(host, authority):
    """Where Nova's proxies find the machine's screen."""
    def opener(uuid):
        return webmks.connect('127.0.0.1', host.port, host.new_ticket(),
                              authority.client())

    made = relay.Relay(0, lambda purpose: purpose.encode()[:32], lambda: None)
    made.start(['127.0.0.1'], {relay.Kind.SCREEN: opener})
    yield types.SimpleNamespace(
        host='127.0.0.1', port=made.port,
        internal_access_path=made.path(relay.Kind.SCREEN, UUID))
    made.stop()


def test_the_screen_is_the_machine_s(console, machine):
    with novaproxy.through_proxy(console) as connection:
        screen = novaproxy.Screen(connection)

        def is_the_same():
            # The cursor blinks.
            return (screen.size, screen.picture()) == machine.picture()

        peers.wait_until(is_the_same, timeout_s=20)
        assert len(set(screen.picture())) > 1


def test_what_is_typed_gets_there(console, machine):
    with novaproxy.through_proxy(console) as connection:
        screen = novaproxy.Screen(connection)
        peers.wait_until(lambda: b'x' in typed(screen, 'x', machine),
                         timeout_s=20)
        before = screen.picture()
        screen.type('plugh')
        peers.wait_until(lambda: machine.said.read_bytes().endswith(b'plugh'),
                         timeout_s=20)
        assert screen.picture() != before


def typed(screen, text, machine):
    """Type; return what the machine has said by then."""
    screen.type(text)
    return machine.said.read_bytes()


def test_each_connection_has_a_ticket_of_its_own(console, host):
    for _ in range(3):
        with novaproxy.through_proxy(console) as connection:
            novaproxy.Screen(connection).picture()
    assert len(host.requests) == 3
    assert host.refused == 0
