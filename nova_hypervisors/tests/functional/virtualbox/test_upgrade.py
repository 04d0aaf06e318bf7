# SPDX-License-Identifier: Apache-2.0
"""This package is upgraded, or put back, while servers run."""

import pytest
from nova import exception
from nova.compute import power_state

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()

def started(real, instance):
    """Return what tells one start of a machine from another."""
    text = real.manage('showvminfo', instance.uuid, '--machinereadable')
    return next(line for line in text.splitlines()
                if line.startswith('VMStateChangeTime='))


def test_servers_of_a_former_version_go_on(make_driver, spawn, hears,
                                           real_virtualbox):
    driver = make_driver()
    instance = spawn(driver=driver)
    hears(instance, 'beat', driver)
    before = started(real_virtualbox, instance)
    private = driver._parts.files.private
    driver.cleanup_host('here')
    # The state as a version before the note has left it.
    (private / 'format').unlink()
    (private / 'spawning').rmdir()
    later = make_driver()
    assert (private / 'format').read_text() == '1\n'
    assert later.list_instance_uuids() == [instance.uuid]
    assert later.get_info(instance,
                          use_cache=False).state == power_state.RUNNING
    assert started(real_virtualbox, instance) == before
    later.reboot(CONTEXT, instance, [], 'HARD')
    hears(instance, 'beat', later)
    later.destroy(CONTEXT, instance, [])
    assert later.list_instance_uuids() == []
    assert real_virtualbox.client.list_media() == []


def test_a_former_version_lets_servers_of_a_newer_one_alone(
        make_driver, spawn, real_virtualbox):
    driver = make_driver()
    instance = spawn(driver=driver)
    before = started(real_virtualbox, instance)
    private = driver._parts.files.private
    driver.cleanup_host('here')
    (private / 'format').write_text('2\n')
    with pytest.raises(exception.InvalidConfiguration,
                       match=r"the format '2'"):
        make_driver()
    assert started(real_virtualbox, instance) == before
    (private / 'format').write_text('1\n')
    assert make_driver().list_instance_uuids() == [instance.uuid]
