# SPDX-License-Identifier: Apache-2.0
"""What is typed to a server, by the way that Nova's serial proxy goes."""

import contextlib
import os
import shutil
import socket

import pytest
from nova import exception

from nova_hypervisors.tests import builders
from nova_hypervisors.vmwareapi import options
from nova_hypervisors.vmwareapi import serialports

CONTEXT = builders.admin_context()


def free_ports(count):
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(socket.create_server(
            ('127.0.0.1', 0))).getsockname()[1] for _ in range(count)]


@pytest.fixture
def ports(config):
    found = free_ports(2)
    config.config(group='vmware',
                  serial_ports=','.join(str(port) for port in found))
    config.config(group='serial_console', enabled=True,
                  proxyclient_address='127.0.0.1')
    return found


@contextlib.contextmanager
def connected(console):
    """Connect as nova-serialproxy does."""
    with socket.create_connection((console.host, console.port), 10) as line:
        line.sendall(f'CONNECT {console.internal_access_path} '
                     'HTTP/1.1\r\n\r\n'.encode())
        yield line, line.recv(4096)


@pytest.mark.feature('console.serial.interactive')
def test_what_is_typed_is_answered(ports, driver, spawn, host, details):
    instance, other = spawn(), spawn()
    host.guest = lambda typed: b'you typed ' + typed
    console = driver.get_serial_console(CONTEXT, instance)
    assert console.internal_access_path != driver.get_serial_console(
        CONTEXT, other).internal_access_path
    for _ in range(2):
        with connected(console) as (line, answer):
            assert b' 200 ' in answer
            line.sendall(b'hello')
            assert line.recv(4096) == b'you typed hello'
    assert {details(one).serial_port for one in (instance, other)} == set(
        ports)
    # The log is that of the first port, as ever.
    assert details(instance).serial_file is not None
    assert driver.get_console_output(CONTEXT, instance) == ''


def test_who_does_not_know_the_path_gets_nothing(ports, driver, spawn):
    console = driver.get_serial_console(CONTEXT, spawn())
    console.internal_access_path = console.internal_access_path[:-1] + 'x'
    with connected(console) as (_, answer):
        assert b' 404 ' in answer


def test_a_port_is_a_server_s_until_it_is_deleted(ports, make_driver, spawn,
                                                  details, driver):
    first, second = spawn(), spawn()
    with pytest.raises(exception.NovaException, match='All 2 ports'):
        spawn()
    # What was remembered is lost; the host still knows.
    shutil.rmtree(driver._parts.layout.serial_ports)
    driver = make_driver()
    with pytest.raises(exception.NovaException, match='All 2 ports'):
        spawn(driver=driver)
    freed = details(first).serial_port
    driver.destroy(CONTEXT, first, [])
    assert details(spawn(driver=driver)).serial_port == freed
    assert details(second).serial_port != freed


def test_one_that_does_not_run_has_no_console(ports, driver, spawn):
    instance = spawn()
    console = driver.get_serial_console(CONTEXT, instance)
    driver.power_off(instance)
    with pytest.raises(exception.InstanceNotReady):
        driver.get_serial_console(CONTEXT, instance)
    with connected(console) as (_, answer):
        assert b' 502 ' in answer


def test_without_ports_there_is_none(driver, spawn, details):
    instance = spawn()
    assert details(instance).serial_port is None
    with pytest.raises(exception.ConsoleTypeUnavailable):
        driver.get_serial_console(CONTEXT, instance)


def test_claims_of_servers_that_are_gone_end(tmp_path):
    there = set()
    claims = serialports.SerialPorts(tmp_path / 'ports', [7000], lambda: there)
    assert claims.claim('a') == 7000
    # One that is being made is on no host yet.
    with pytest.raises(exception.NovaException):
        claims.claim('b')
    os.utime(tmp_path / 'ports/7000', (0, 0))
    assert claims.claim('b') == 7000
    there.add('b')
    os.utime(tmp_path / 'ports/7000', (0, 0))
    with pytest.raises(exception.NovaException):
        claims.claim('a')


@pytest.mark.parametrize(('text', 'name'), [
    ('7000-', '[vmware] serial_ports'), ('7000', '[serial_console] enabled')])
def test_the_options_are_looked_at(config, text, name):
    config.config(group='vmware', serial_ports=text)
    config.config(group='serial_console', enabled=False)
    found = options.findings(config.conf)
    assert name in [finding.option for finding in found]
