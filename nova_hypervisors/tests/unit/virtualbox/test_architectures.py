# SPDX-License-Identifier: Apache-2.0
"""Machines for ARM hosts: made up, the lab has none."""

from pathlib import PurePosixPath

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import architectures

NAT = api.Attachment(api.AttachmentKind.NAT)


def machine(**changes):
    return api.MachineSpec(**{
        'uuid': 'a uuid', 'name': 'a name', 'folder': PurePosixPath('/f'),
        'vcpus': 1, 'memory_mb': 64, **changes})


def nics(count, model='virtio'):
    return tuple(api.Nic(slot, f'fa:16:3e:00:00:{slot:02x}', model, NAT)
                 for slot in range(1, count + 1))


class TestImages:
    @pytest.mark.parametrize(('image', 'host'), [
        (None, 'aarch64'), (None, 'x86_64'), ('aarch64', 'aarch64'),
        ('x86_64', 'x86_64'), ('i686', 'x86_64')])
    def test_one_that_can_run(self, image, host):
        properties = {'hw_architecture': image} if image else {}
        architectures.check(builders.image_meta(**properties), host)

    @pytest.mark.parametrize(('image', 'host'), [
        ('x86_64', 'aarch64'), ('aarch64', 'x86_64'), ('ppc64', 'x86_64')])
    def test_one_for_another_processor_is_refused(self, image, host):
        with pytest.raises(exception.ImageUnacceptable, match=image):
            architectures.check(builders.image_meta(hw_architecture=image),
                                host)


class TestMachines:
    def test_on_x86_they_are_as_they_were_planned(self):
        planned = machine(nics=nics(3, 'Am79C973'))
        assert architectures.adapted(planned, builders.image_meta(),
                                     'x86_64') is planned

    @pytest.mark.parametrize(('os_type', 'expected'), [
        ('linux', 'Linux_arm64'), ('windows', 'Windows11_arm64'),
        (None, 'Other_arm64')])
    def test_on_arm_they_are_arm_machines(self, os_type, expected):
        properties = {'os_type': os_type} if os_type else {}
        found = architectures.adapted(
            machine(nics=nics(8)), builders.image_meta(**properties),
            'aarch64')
        assert (found.architecture, found.chipset, found.os_type) == (
            'arm', 'armv8virtual', expected)
        assert len(found.nics) == 8

    @pytest.mark.parametrize('planned', [
        machine(boot_order=(api.BootDevice.NETWORK, api.BootDevice.DISK)),
        machine(nics=nics(1, 'Am79C973')),
        machine(nics=nics(9))])
    def test_what_there_is_not_is_refused(self, planned):
        with pytest.raises(exception.UnsupportedHardware, match='ARM'):
            architectures.adapted(planned, builders.image_meta(), 'aarch64')
