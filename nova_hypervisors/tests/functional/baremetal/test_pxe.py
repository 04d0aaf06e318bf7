# SPDX-License-Identifier: Apache-2.0
"""A machine without virtual media, which boots by network for real.

QEMU's own network has the DHCP and the TFTP; its cards have iPXE.
"""

import shutil
from pathlib import Path

import pytest

from lab.baremetal import guests
from lab.baremetal import qemu
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.boot import pxe
from nova_hypervisors.baremetal.deploy import iscsi
from nova_hypervisors.tests.functional.baremetal import conftest

SPOKEN_S = 300

_PXELINUX = ('/usr/lib/PXELINUX/pxelinux.0',
             '/usr/lib/syslinux/modules/bios/ldlinux.c32')
# What is there for all nodes.
LEFT = {'ipxe': {'boot.ipxe'},
        'pxelinux': {'pxelinux.0', 'ldlinux.c32', 'pxelinux.cfg'}}


@pytest.mark.parametrize('loader', [
    'ipxe', pytest.param('pxelinux', marks=pytest.mark.long)])
def test_a_deploy_by_network(site, web_server, loader):
    root = web_server.folder
    if loader == 'pxelinux':
        for name in _PXELINUX:
            shutil.copy(name, root)
    bootfile = 'boot.ipxe' if loader == 'ipxe' else 'pxelinux.0'
    machine = site.machine.qemu
    machine.network = f',tftp={root},bootfile={bootfile}'
    site.service.options.update({
        'pxe.tftp_root': str(root), 'pxe.loader': loader, 'pxe.dhcp': 'none',
        'pxe.http_url': web_server.url.replace('127.0.0.1', qemu.HOST)})
    node = site.make_node(
        deploy_kernel=str(site.built / 'deploy.kernel'),
        deploy_ramdisk=str(site.built / 'deploy.ramdisk'))
    site.services.store.update(node.uuid, ports=(
        nodes.Port(qemu.ADDRESS),))
    image = site.images.add('qcow2', site.built / 'bios.qcow2')
    task = site.task(node, boot=pxe.PXEBoot, deploy=iscsi.ISCSIDeploy,
                     image_source=image, root_gb=1)
    conftest.deploy(task)
    # Nothing of the node is left there, its key above all.
    assert names(root) == LEFT[loader]
    assert node.uuid not in ''.join(map(str, root.rglob('*')))
    task.interfaces.power.machine(node).power_on()
    machine.wait_for(guests.HELLO, SPOKEN_S)


def names(folder: Path):
    return {path.name for path in folder.iterdir()}
