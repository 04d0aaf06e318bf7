# SPDX-License-Identifier: Apache-2.0
import pathlib

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers

Bus = api.DiskBus
DISK, DVD = api.DiskKind.DISK, api.DiskKind.DVD

AHCI = 'VBoxInternal/Devices/ahci/0/LUN#5/Config'
IDE = 'VBoxInternal/Devices/piix3ide/0/LUN#1/Config'


SPEC = api.MachineSpec('a uuid', 'a name', pathlib.PurePath('/f'), 1, 64)


class TestPlaces:
    @pytest.mark.parametrize('bus', Bus)
    def test_a_disk_is_found_where_it_was_put(self, bus):
        known = controllers.CONTROLLERS[bus].places
        for port in known or range(api.DISK_PORTS):
            place = controllers.place(bus, DISK, port)
            assert controllers.port_of(
                place.controller, place.port, place.device) == port

    @pytest.mark.parametrize('bus', Bus)
    def test_no_two_are_at_one_place(self, bus):
        places = controllers.CONTROLLERS[bus].places or {}
        assert len(set(places.values())) == len(places)

    @pytest.mark.parametrize('bus', Bus)
    def test_dvds_are_on_sata(self, bus):
        assert controllers.place(
            bus, DVD, api.CONFIG_DRIVE_PORT) == controllers.Place(
                'SATA', 2, 0)

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(errors.InvalidArgument, match='IDE: it has 4'):
            controllers.place(Bus.IDE, DISK, 5)

    def test_a_stranger_s_controller_has_no_ports(self):
        assert controllers.port_of('Floppy', 0, 0) is None


class TestPorts:
    """The BIOS waits for each that is empty."""

    def test_there_are_no_more_than_there_are_to_be(self):
        assert controllers.sata_ports(SPEC) == 8

    def test_those_that_are_used_stay(self):
        disks = [api.AttachedDisk(port, DISK, 'x') for port in (0, 12)]
        assert controllers.sata_ports(SPEC, disks) == 15

    @pytest.mark.parametrize(('port', 'expected'), [(8, 13), (27, 30)])
    def test_one_that_is_lacking_brings_others(self, port, expected):
        assert controllers.more_ports(
            controllers.Place('SATA', port, 0)) == expected


class TestBus:
    @pytest.mark.parametrize('bus', Bus)
    def test_it_is_known_by_its_controller(self, bus):
        names = {'SATA', controllers.CONTROLLERS[bus].name}
        assert controllers.bus_of(names) is bus


class TestFlushes:
    @pytest.mark.parametrize(('bus', 'port', 'unsafe', 'expected'), [
        (Bus.SATA, 3, None, {}),
        (Bus.SATA, 3, True, {f'{AHCI}/IgnoreFlush': '1',
                             f'{AHCI}/IgnoreFlushAsync': '1'}),
        (Bus.SATA, 3, False, {f'{AHCI}/IgnoreFlush': '0',
                              f'{AHCI}/IgnoreFlushAsync': '0'}),
        # VirtualBox ignores those of IDE if nobody says otherwise.
        (Bus.IDE, 2, None, {f'{IDE}/IgnoreFlush': '0'}),
    ])
    def test_it_is_said_for_the_disk(self, bus, port, unsafe, expected):
        assert controllers.flush_settings(bus, port, unsafe) == expected
