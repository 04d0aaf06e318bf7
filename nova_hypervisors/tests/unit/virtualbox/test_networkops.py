# SPDX-License-Identifier: Apache-2.0
"""Adapters of servers; that frames go through is for functional tests."""

import dataclasses

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import networkops
from nova_hypervisors.virtualbox import networks
from nova_hypervisors.virtualbox import spec

State = api.MachineState


class Ports:
    """Neutron's ports.

    :ivar taken: addresses that other ports have
    """

    def __init__(self):
        self.taken = set()

    def take_address(self, context, instance, vif, address):
        if address in self.taken:
            return False
        vif['address'] = address
        return True


@pytest.fixture
def ports():
    return Ports()


@pytest.fixture
def make_networks(vbox, ports):
    def make_networks(entry='physnet1:nat', spares=0):
        return networkops.NetworkOps(
            vbox, machines.Machines(vbox),
            lambda: [networks.parse(entry)], ports, spares=spares)
    return make_networks


class TestAttaching:
    @pytest.fixture
    def attach(self, make_networks, vbox):
        def attach(uuid, entry='physnet1:nat', others=(), **vif):
            attached = builders.vif(address='fa:16:3e:00:00:09', **vif)
            make_networks(entry).attach(
                builders.admin_context(), builders.instance(uuid=uuid),
                builders.image_meta(), attached, others)
            nics = vbox.machines[uuid].nics
            assert attached['address'] in {nic.mac for nic in nics.values()}
            return nics
        return attach

    def test_the_first_free_slot_is_used(self, attach, machine, nic):
        third = dataclasses.replace(nic, slot=3)
        nics = attach(machine(nics=(nic, third)))
        assert sorted(nics) == [1, 2, 3]
        assert nics[2].mac == 'fa:16:3e:00:00:09'

    @pytest.mark.parametrize('state', [State.RUNNING, State.PAUSED])
    def test_what_runs_has_a_spare_one_plugged_in(self, attach, machine, nic,
                                                  unplugged, state):
        nics = attach(machine(state, nics=(nic, unplugged)))
        assert nics == {1: nic, 2: dataclasses.replace(
            unplugged, attachment=nic.attachment)}

    @pytest.mark.parametrize('state', [State.RUNNING, State.PAUSED])
    def test_without_a_spare_one_it_is_refused(self, attach, machine, nic,
                                               vbox, state):
        uuid = machine(state, nics=(nic,))
        with pytest.raises(exception.InterfaceAttachFailed):
            attach(uuid)
        assert vbox.machines[uuid].nics == {1: nic}

    def test_one_whose_address_is_in_use_is_passed_over(
            self, attach, machine, nic, unplugged, ports):
        other = dataclasses.replace(unplugged, slot=3,
                                    mac='fa:16:3e:00:00:03')
        ports.taken = {unplugged.mac}
        nics = attach(machine(State.RUNNING, nics=(nic, unplugged, other)))
        assert nics[2] == unplugged
        assert nics[3].attachment == nic.attachment

    def test_if_all_of_them_are_it_is_refused(self, attach, machine,
                                              unplugged, vbox, ports):
        ports.taken = {unplugged.mac}
        uuid = machine(State.RUNNING, nics=(unplugged,))
        with pytest.raises(exception.InterfaceAttachFailed):
            attach(uuid)
        assert vbox.machines[uuid].nics == {2: unplugged}

    def test_what_is_saved_gets_none(self, attach, machine, unplugged, vbox):
        uuid = machine(State.SAVED, nics=(unplugged,))
        with pytest.raises(exception.InterfaceAttachFailed):
            attach(uuid)
        assert vbox.machines[uuid].nics == {2: unplugged}

    def test_what_is_off_uses_a_spare_one_s_slot(self, attach, machine, nic,
                                                 unplugged):
        nics = attach(machine(nics=(nic, unplugged)))
        assert sorted(nics) == [1, 2]
        assert nics[2].mac == 'fa:16:3e:00:00:09'

    @pytest.mark.parametrize(('chipset', 'most'), [('piix3', 8),
                                                   ('ich9', 29)])
    def test_only_as_many_as_the_machine_s_chipset_has(
            self, attach, machine, nic, vbox, chipset, most):
        nics = [dataclasses.replace(nic, slot=slot)
                for slot in range(1, most + 1)]
        fits = machine(nics=tuple(nics[1:]), chipset=chipset)
        assert len(attach(fits)) == most
        full = machine(nics=tuple(nics), chipset=chipset)
        with pytest.raises(exception.InterfaceAttachFailed):
            attach(full)
        assert len(vbox.machines[full].nics) == most

    def test_other_machines_tunnels_are_not_taken(self, attach, machine, nic,
                                                  vbox):
        entry = 'physnet1:udptunnel:switch:7000:100-109'
        first, second = machine(), machine()
        attach(first, entry)
        nics = attach(second, entry, [vbox.machine_settings(first)])
        assert nics[1].attachment.properties['sport'] == '101'

    def test_a_network_that_is_not_mapped_is_named(self, attach, machine):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match='physnet9'):
            attach(machine(), physical_network='physnet9')


class TestDetaching:
    @pytest.fixture
    def detach(self, make_networks, vbox):
        def detach(uuid, address='FA:16:3E:00:00:01'):
            make_networks().detach(builders.instance(uuid=uuid),
                                   builders.vif(address=address))
            return vbox.machines[uuid].nics
        return detach

    @pytest.mark.parametrize('state', [State.OFF, State.ABORTED])
    def test_from_what_is_off_it_is_taken_out(self, detach, machine, nic,
                                              state):
        assert detach(machine(state, nics=(nic,))) == {}

    @pytest.mark.parametrize('state', [State.RUNNING, State.PAUSED])
    def test_from_what_runs_it_is_unplugged(self, detach, machine, nic,
                                            state):
        nics = detach(machine(state, nics=(nic,)))
        assert nics[1].attachment == api.UNPLUGGED

    def test_others_stay(self, detach, machine, nic):
        other = dataclasses.replace(nic, slot=2, mac='fa:16:3e:00:00:02')
        assert detach(machine(nics=(nic, other))) == {2: other}

    def test_one_that_is_not_there_is_no_error(self, detach, machine, nic):
        uuid = machine(nics=(nic,))
        assert detach(uuid, 'fa:16:3e:00:00:99') == {1: nic}


class TestSpares:
    @pytest.fixture
    def renew(self, make_networks, vbox):
        def renew(uuid, spares, **properties):
            make_networks(spares=spares).renew_spares(
                builders.instance(uuid=uuid, **properties))
            nics = vbox.machines[uuid].nics
            return {slot: nics[slot].mac for slot in sorted(nics)}
        return renew

    def test_what_was_unplugged_is_taken_out(self, renew, machine, nic,
                                             unplugged):
        assert renew(machine(nics=(nic, unplugged)), 0) == {1: nic.mac}

    def test_there_are_as_many_as_wanted_with_new_addresses(
            self, renew, machine, nic, unplugged):
        third = dataclasses.replace(nic, slot=3)
        found = renew(machine(nics=(nic, unplugged, third)), 2)
        assert list(found) == [1, 2, 3, 4]
        assert found[1] == found[3] == nic.mac
        assert found[2] != unplugged.mac
        assert len({found[2], found[4]}) == 2

    def test_a_flavor_may_want_another_number(self, renew, machine):
        found = renew(machine(), 1,
                      extra_specs={'virtualbox:spare_adapters': '3'})
        assert len(found) == 3

    def test_there_are_no_more_than_fit(self, renew, machine, nic):
        assert len(renew(machine(nics=(nic,)), 20)) == 8

    def test_a_new_machine_has_them_after_its_own(self, make_networks):
        instance, meta = builders.instance(), builders.image_meta()
        nics = make_networks(spares=2).plan(
            instance, [builders.vif()], meta, spec.boot_plan(instance), [])
        assert [networkops.is_spare(nic) for nic in nics] == [
            False, True, True]
        assert [nic.slot for nic in nics] == [1, 2, 3]

    def test_they_count_when_the_chipset_is_chosen(self, make_networks):
        instance, meta = builders.instance(), builders.image_meta()
        nics = make_networks(spares=9).plan(
            instance, [], meta, spec.boot_plan(instance), [])
        assert len(nics) == 9
