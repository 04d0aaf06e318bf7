# SPDX-License-Identifier: Apache-2.0
"""Deploys in which this host writes nothing, or puts media in otherwise."""

import json
import subprocess

import pytest

from lab.baremetal import guests
from lab.baremetal import qemu
from nova_hypervisors.baremetal.deploy import agent
from nova_hypervisors.baremetal.deploy import ramdiskiso
from nova_hypervisors.clients import errors
from nova_hypervisors.tests.functional.baremetal import conftest

SPOKEN_S = 300


def test_the_node_writes_its_image_itself(site, config_drive):
    """And has no floppy drive: its parameters are on the disc."""
    site.machine.has_floppy = False
    image = site.images.add('qcow2', site.built / 'bios.qcow2')
    node = site.make_node()
    # It is the machine that fetches the image, not its controller.
    site.publisher._base_url = site.publisher._base_url.replace(
        '127.0.0.1', qemu.HOST)
    task = site.task(node, deploy=agent.AgentDeploy, image_source=image,
                     root_gb=1, configdrive=config_drive)
    conftest.deploy(task)
    written = (site.built / 'bios.raw').read_bytes()
    with site.machine.qemu.disk.open('rb') as disk:
        disk.seek(1 << 20)
        # Its ends have another table now, for the config drive.
        assert disk.read(20 << 20) == written[1 << 20:21 << 20]
    task.interfaces.power.machine(node).power_on()
    site.machine.qemu.wait_for(guests.HELLO, SPOKEN_S)
    assert 'CONFIG {"uuid": "my own"}' in site.machine.qemu.console()


@pytest.mark.long
def test_a_damaged_image_fails_the_deploy(site, monkeypatch):
    image = site.images.add('raw', site.built / 'root.raw')
    node = site.make_node()
    site.publisher._base_url = site.publisher._base_url.replace(
        '127.0.0.1', qemu.HOST)
    monkeypatch.setattr(agent, '_sha256', lambda path: '0' * 64)
    task = site.task(node, deploy=agent.AgentDeploy, image_source=image,
                     root_gb=1)
    with pytest.raises(errors.ClientError, match='what was fetched has'):
        conftest.deploy(task)
    assert set(site.machine.qemu.urls.values()) == {None}


def test_a_server_that_runs_from_its_disc(site):
    before = site.machine.qemu.disk.read_bytes()
    image = site.images.add('iso', site.built / 'deploy.iso')
    node = site.make_node()
    task = site.task(node, deploy=ramdiskiso.RamdiskISODeploy,
                     image_source=image, root_gb=1)
    conftest.deploy(task)
    task.interfaces.power.machine(node).power_on()
    # This disc happens to be a ramdisk that says so.
    site.machine.qemu.wait_for('RAMDISK begins', SPOKEN_S)
    task.interfaces.deploy.tear_down(task)
    task.interfaces.boot.clean_up_instance(task)
    assert set(site.machine.qemu.urls.values()) == {None}
    assert site.machine.qemu.disk.read_bytes() == before


@pytest.mark.long
def test_a_disk_is_erased_between_two_servers(site):
    node = site.make_node()
    task = site.task(node, 'clean')
    task.interfaces.deploy.clean(task)
    assert not site.machine.qemu.on
    assert conftest.STALE not in site.machine.qemu.disk.read_bytes()
    assert set(site.machine.qemu.urls.values()) == {None}
    mapped = json.loads(subprocess.run(
        ['qemu-img', 'map', '--output=json', '-f', 'raw',
         site.machine.qemu.disk], check=True, capture_output=True).stdout)
    assert all(extent['start'] < 16 << 20 or extent['zero']
               or extent['start'] >= (conftest.DISK_MB - 16) << 20
               for extent in mapped)
