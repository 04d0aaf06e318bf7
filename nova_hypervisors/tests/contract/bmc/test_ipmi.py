# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with IPMI."""

import socket
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ipmi


def access(port, **changes):
    return ipmi.Access(**{'host': '127.0.0.1', 'user': 'admin',
                          'password': 'secret', 'port': port,
                          'timeout_s': 20.0, **changes})


def test_a_wrong_password(simulator):
    with pytest.raises(errors.AuthenticationFailed) as caught:
        ipmi.IpmiMachine(access(simulator.port, password='wr0ng')).power()
    assert 'wr0ng' not in str(caught.value)


def test_a_user_that_is_not_there(simulator):
    with pytest.raises(errors.AuthenticationFailed):
        ipmi.IpmiMachine(access(simulator.port, user='other')).power()


@pytest.fixture
def nobody():
    """A port on which something listens that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(('127.0.0.1', 0))
        yield silent.getsockname()[1]


def test_one_that_does_not_answer(nobody):
    with pytest.raises(errors.Unreachable, match='does not answer'):
        ipmi.IpmiMachine(access(nobody)).power()


def test_no_call_is_without_a_limit(nobody):
    begun = time.monotonic()
    with pytest.raises(errors.TimedOut):
        ipmi.IpmiMachine(access(nobody, timeout_s=1.0)).power()
    assert time.monotonic() - begun < 5


def test_no_secret_is_in_a_command_line(simulator):
    argv = []

    def run(words, timeout_s, env=None, interrupt=None):
        argv.extend(words)
        return execute.run(words, timeout_s, env, interrupt)

    machine = ipmi.IpmiMachine(access(simulator.port), run)
    assert machine.power() is api.Power.OFF
    assert argv
    assert not any('secret' in word for word in argv)
    assert 'secret' not in repr(machine._access)
