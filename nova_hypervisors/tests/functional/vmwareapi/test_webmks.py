# SPDX-License-Identifier: Apache-2.0
"""Screens by WebMKS, seen as Nova's own console proxy sees them.

The driver and its relay are real, so are the screen, the keyboard and the web
socket, which are QEMU's.  The host between them, which knows the tickets, is
the fake one.
"""

import pytest
from nova import exception

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import novaproxy
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webmkshost

CONTEXT = builders.admin_context()


@pytest.fixture
def machine(tmp_path):
    (tmp_path / 'qemu').mkdir()
    made = webmkshost.Qemu(tmp_path / 'qemu')
    yield made
    made.close()


@pytest.fixture
def instance(spawn, host, machine, details):
    """A server whose screen is QEMU's."""
    found = spawn()
    ref = details(found).machine.ref
    host.screens[ref] = machine.address
    return found


@pytest.fixture
def console(driver, instance):
    return driver.get_vnc_console(CONTEXT, instance)


@pytest.mark.feature('console.vnc')
def test_the_screen_is_the_machine_s(driver, instance, console, machine):
    assert driver.get_vnc_console(CONTEXT, instance).port == console.port
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


def test_asked_again_it_is_the_same_and_takes_no_ticket(driver, instance,
                                                        console, host):
    assert vars(driver.get_vnc_console(CONTEXT, instance)) == vars(console)
    assert tickets(host) == 0


def test_each_connection_takes_one_ticket(console, host):
    for _ in range(3):
        with novaproxy.through_proxy(console) as connection:
            novaproxy.Screen(connection).picture()
    assert tickets(host) == 3
    assert host.tickets == {}


def tickets(host):
    return sum(call.name == 'AcquireTicket' for call in host.calls)


def test_another_certificate_than_the_ticket_s_is_not_taken(console, host,
                                                            machine):
    host.thumbprint = 'AA:' * 19 + 'AA'
    with pytest.raises(ConnectionRefusedError, match='502'):
        novaproxy.through_proxy(console)


def test_one_can_do_without_screens(config, make_driver, instance):
    config.config(group='vmware', screen_protocol='none')
    with pytest.raises(exception.ConsoleTypeUnavailable):
        make_driver().get_vnc_console(CONTEXT, instance)
