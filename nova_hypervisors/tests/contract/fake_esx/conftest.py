# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx


@pytest.fixture
def host(tmp_path):
    with esx.running(tmp_path / 'host') as made:
        yield made


@pytest.fixture
def peer(host):
    with esxpeers.Peer(host) as made:
        yield made


@pytest.fixture
def raw(host):
    with esxpeers.Raw(host) as made:
        made.login()
        yield made


@pytest.fixture
def one(peer):
    return peer.create('one', deviceChange=[
        esxpeers.controller(), esxpeers.disk(create=True), esxpeers.nic()])
