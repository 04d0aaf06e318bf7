# SPDX-License-Identifier: Apache-2.0
"""Machines that fail in the middle of a deploy, and are tried again."""

import dataclasses

import pytest

from lab.baremetal import guests
from nova_hypervisors.clients import errors
from nova_hypervisors.tests.functional.baremetal import conftest

SPOKEN_S = 300


@pytest.fixture
def dying(site):
    """Begin a deploy in which the machine goes off at a step."""
    common = site.services.deploying
    common.settings = dataclasses.replace(common.settings, write_silence_s=5)
    image = site.images.add('qcow2', site.built / 'bios.qcow2')
    node = site.make_node()

    def begin(at=None):
        task = site.task(node, image_source=image, root_gb=1)
        step = task.step

        def stepped(name):
            step(name)
            if name == at:
                site.machine.qemu.power_off()

        task.step = stepped
        return task
    return begin


@pytest.mark.long
@pytest.mark.parametrize('step', ['log in to the disk', 'write the image'])
def test_a_machine_that_dies(site, dying, step):
    task = dying(at=step)
    with pytest.raises(errors.ClientError):
        conftest.deploy(task)
    task.interfaces.deploy.tear_down(task)
    task.interfaces.deploy.clean_up(task)
    assert set(site.machine.qemu.urls.values()) == {None}
    assert all(name.startswith('glance-') for name in site.objects())
    assert list(site.services.deploying.settings.work.iterdir()) == []
    # And again.
    conftest.deploy(dying())
    site.machine.power_on()
    site.machine.qemu.wait_for(guests.HELLO, SPOKEN_S)
