# SPDX-License-Identifier: Apache-2.0
"""Every way to reach a bare machine, each with a peer to talk to."""

import dataclasses
import time
from typing import Any

import pytest

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake


@dataclasses.dataclass
class Peer:
    """A machine and what a test must know of its hardware.

    :param patience_s: how long a change may take to be seen
    :param image: a URL from which an image can be fetched
    :param once: whether a boot for once is told apart, and over
    """

    machine: Any
    image: str = 'http://192.0.2.1/image.iso'
    patience_s: float = 5
    drives: frozenset = frozenset(api.MediaKind)
    once: bool = True
    boot_modes: bool = True
    secure_boot: bool = True
    nmi: bool = True
    sensors: bool = True
    soft_reset: bool = True

    def wait_for(self, power):
        """Wait until a machine's power is as it is wanted."""
        end = time.monotonic() + self.patience_s
        while self.machine.power() is not power:
            assert time.monotonic() < end, f'power is not {power}'
            time.sleep(0.1)


@pytest.fixture(params=['fake'])
def peer(request):
    return request.getfixturevalue(f'{request.param}_peer')


@pytest.fixture
def machine(peer):
    return peer.machine


@pytest.fixture
def fake_peer():
    return Peer(fake.FakeMachine())
