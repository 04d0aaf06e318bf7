# SPDX-License-Identifier: Apache-2.0
"""A whole deploy, until the deployed system says something.

The machine is QEMU, which fetches its virtual media as a BMC does and runs
the deploy ramdisk; the callback, the writing and the boot are ours.
"""

import hashlib

import pytest

from lab.baremetal import guests
from nova_hypervisors.tests.functional.baremetal import conftest

CALLED_S = 90
SPOKEN_S = 90


@pytest.mark.parametrize('mode', ['bios', 'uefi'])
def test_an_image_of_a_whole_disk(site, mode):
    image = site.images.add('qcow2', site.built / f'{mode}.qcow2')
    node = site.make_node()
    task = site.task(node, image_source=image, root_gb=1,
                     capabilities={'boot_mode': mode})
    conftest.deploy(task)
    written = (site.built / f'{mode}.raw').read_bytes()
    with site.machine.qemu._disk.open('rb') as disk:
        assert (hashlib.sha256(disk.read(len(written))).digest()
                == hashlib.sha256(written).digest())
    # It is off, and nothing is left of the deploy.
    assert not site.machine.qemu.on
    assert set(site.machine.qemu.urls.values()) == {None}
    left, _ = site.objects()
    assert all(name.startswith('glance-') for name in left)
    task.interfaces.power.machine(node).power_on()
    site.machine.qemu.wait_for(guests.HELLO, SPOKEN_S)
    assert f'image={mode}' in site.machine.qemu.console()
    site.machine.qemu.wait_off(SPOKEN_S)
    assert site.steps(node) == [
        'cache the image', 'boot the ramdisk', 'wait for the ramdisk',
        'log in to the disk', 'write the image', 'end the ramdisk']
