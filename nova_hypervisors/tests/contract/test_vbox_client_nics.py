# SPDX-License-Identifier: Apache-2.0
"""Network adapters are alike by every client."""

import dataclasses

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.contract import machines

NAT = machines.NAT
NIC = machines.NIC
TUNNEL = machines.TUNNEL


class TestNics:
    def test_set_and_removed(self, make, client):
        spec = make(nics=(NIC,))
        second = api.Nic(2, 'fa:16:3e:00:00:02', 'virtio', TUNNEL)
        client.set_nic(spec.uuid, second)
        assert client.machine_settings(spec.uuid).nics == (NIC, second)
        client.remove_nic(spec.uuid, 1)
        assert client.machine_settings(spec.uuid).nics == (second,)

    def test_none_is_added_to_a_running_machine(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.set_nic(running, dataclasses.replace(NIC, slot=2))

    @pytest.mark.parametrize('attachment', [api.UNPLUGGED, TUNNEL, NAT])
    def test_replugged_while_the_machine_runs(self, client, running,
                                              attachment):
        client.plug_nic(running, 1, attachment)
        nic, = client.machine_settings(running).nics
        assert nic.attachment == attachment
        assert nic.mac == NIC.mac
