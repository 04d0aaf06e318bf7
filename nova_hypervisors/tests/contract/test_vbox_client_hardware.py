# SPDX-License-Identifier: Apache-2.0
"""Firmware, disk buses, limits and caches are alike by every client."""

import dataclasses
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.contract import machines

Bus = api.DiskBus
NIC = machines.NIC


def disks(client, spec):
    return [(disk.port, disk.kind, disk.path)
            for disk in client.machine_settings(spec.uuid).disks]


class TestFirmware:
    @pytest.mark.parametrize('firmware', [
        api.Firmware(), api.Firmware(efi=True), api.Firmware(tpm='1.2'),
        api.Firmware(efi=True, secure_boot=True, tpm='2.0')])
    def test_it_is_as_it_was_asked_for(self, make, client, firmware):
        found = client.machine_settings(make(firmware=firmware).uuid)
        assert (found.efi, found.tpm) == (firmware.efi, firmware.tpm)

    def test_it_is_changed(self, make, client):
        spec = make(firmware=api.Firmware(tpm='2.0'))
        client.configure_machine(dataclasses.replace(
            spec, firmware=api.Firmware()))
        assert client.machine_settings(spec.uuid).tpm == ''

    def test_the_guest_has_a_name(self, make, client):
        spec = make(os_type='Debian_64')
        assert client.machine_settings(spec.uuid).os_type == 'Debian_64'


class TestBuses:
    @pytest.mark.parametrize('bus', Bus)
    def test_disks_are_on_it_and_dvds_are_not(self, make, client, peer, bus):
        spec = make(disk_bus=bus)
        wanted = []
        for port in (0, 2, 3, api.RESCUED_PORT):
            path = peers.make_vdi(spec.folder / f'{port}.vdi')
            client.attach_disk(spec.uuid, port, path)
            wanted.append((port, api.DiskKind.DISK, str(path)))
        image = peer.folder / 'image.iso'
        image.write_bytes(bytes(1 << 20))
        for port in (1, api.DISK_PORTS - 1):
            client.attach_disk(spec.uuid, port, image, api.DiskKind.DVD)
            wanted.append((port, api.DiskKind.DVD, str(image)))
        assert client.machine_settings(spec.uuid).disk_bus is bus
        assert sorted(disks(client, spec), key=repr) == sorted(wanted,
                                                              key=repr)
        for port, _, _ in wanted:
            client.detach_disk(spec.uuid, port)
        assert disks(client, spec) == []

    @pytest.mark.parametrize(('bus', 'port'), [(Bus.IDE, 4), (Bus.SCSI, 15)])
    def test_there_is_room_for_so_many(self, make, client, bus, port):
        spec = make(disk_bus=bus)
        with pytest.raises(errors.InvalidArgument, match='no more room'):
            client.attach_disk(spec.uuid, port, peers.make_vdi(
                spec.folder / 'disk.vdi'))
        assert disks(client, spec) == []

    @pytest.mark.parametrize('bus', Bus)
    def test_the_guest_boots_from_it(self, make, client, bus):
        spec = make(disk=True, disk_bus=bus, nics=(NIC,))
        client.start(spec.uuid)
        end = time.monotonic() + 60
        # It answers when it has booted.
        while client.machine_state(spec.uuid) is api.MachineState.RUNNING:
            assert time.monotonic() < end
            try:
                client.press_power_button(spec.uuid)
            except errors.InvalidState:
                break
            time.sleep(1)
        assert client.machine_state(spec.uuid) is api.MachineState.OFF


    @pytest.mark.parametrize('bus', Bus)
    @pytest.mark.parametrize('unsafe', [False, True])
    def test_a_machine_starts_after_a_disk_has_gone(self, make, client, bus,
                                                    unsafe):
        spec = make(disk_bus=bus, unsafe_cache=unsafe)
        for port in (0, api.RESCUED_PORT):
            client.attach_disk(spec.uuid, port, peers.make_vdi(
                spec.folder / f'{port}.vdi'))
        client.detach_disk(spec.uuid, api.RESCUED_PORT)
        client.start(spec.uuid)
        assert client.machine_state(spec.uuid) is api.MachineState.RUNNING
        client.power_off(spec.uuid)


class TestLimits:
    @pytest.mark.parametrize('limits', [
        api.Limits(), api.Limits(100), api.Limits(0, 200),
        api.Limits(1, 1 << 20)])
    def test_they_are_as_they_were_asked_for(self, make, client, limits):
        spec = make(disk=True, limits=limits, nics=(NIC,))
        assert client.machine_settings(spec.uuid).limits == limits

    @pytest.mark.parametrize(('before', 'after'), [
        (api.Limits(), api.Limits(100, 200)),
        (api.Limits(100, 200), api.Limits(50, 0)),
        (api.Limits(100, 200), api.Limits())])
    def test_they_are_changed(self, make, client, before, after):
        spec = make(disk=True, limits=before, nics=(NIC,))
        client.configure_machine(dataclasses.replace(spec, limits=after))
        found = client.machine_settings(spec.uuid)
        assert found.limits == after
        assert len(found.disks) == 1
        client.start(spec.uuid)

    def test_what_is_added_later_is_limited_too(self, make, client):
        spec = make(disk=True, limits=api.Limits(100, 200))
        client.set_nic(spec.uuid, NIC)
        client.start(spec.uuid)
        assert client.machine_settings(spec.uuid).nics == (NIC,)


class TestCache:
    def test_it_is_safe_unless_asked_for(self, make, client):
        assert not client.machine_settings(make().uuid).unsafe_cache

    @pytest.mark.parametrize('bus', Bus)
    def test_an_unsafe_one_is_made_and_made_safe(self, make, client, bus):
        spec = make(disk=True, unsafe_cache=True, disk_bus=bus)
        assert client.machine_settings(spec.uuid).unsafe_cache
        client.start(spec.uuid)
        client.power_off(spec.uuid)
        client.configure_machine(dataclasses.replace(
            spec, unsafe_cache=False))
        assert not client.machine_settings(spec.uuid).unsafe_cache
        client.start(spec.uuid)
