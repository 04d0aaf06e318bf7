# SPDX-License-Identifier: Apache-2.0
"""A real machine of VirtualBox is installed, until its new system speaks.

In the lab VirtualBox interprets what guests do: a Linux takes minutes to
start.  The machine is reached by what VirtualBox's NAT forwards.
"""

import dataclasses
import shutil

import pytest

from lab.baremetal import guests
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.boot import pxe
from nova_hypervisors.baremetal.boot import virtualmedia
from nova_hypervisors.baremetal.deploy import agent
from nova_hypervisors.baremetal.deploy import iscsi
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import deployments
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webserver
from nova_hypervisors.tests.functional.baremetal import conftest

pytestmark = pytest.mark.long

# It begins the folder, and with it the machine's PXE ROM finds the rest.
_PXELINUX = ('/usr/lib/PXELINUX/pxelinux.0',
             '/usr/lib/syslinux/modules/bios/ldlinux.c32')

# This host, for what is behind the NAT of the second adapter.
HOST = '10.0.3.2'
SPOKEN_S = 1200
# What boots from the network, which the kernel of the ramdisk knows not, and
# what it talks by.
PXE_MAC, MAC = '08:00:27:00:00:01', '08:00:27:00:00:02'


class Publisher(httppublisher.HTTPPublisher):
    """Its web server has one address for this host, and one for machines."""

    def get_tmp_url(self, container, name, timeout_s):
        url = super().get_tmp_url(container, name, timeout_s)
        # What the machine fetches itself; the rest goes into its drives.
        return url.replace('127.0.0.1', HOST) if name.startswith(
            'raw-') else url


@pytest.fixture
def folder(registry_folder):
    return registry_folder


@pytest.fixture
def ports():
    """Where this host reaches the machine: its disk, and its ramdisk."""
    return {3260: peers.free_port(), 10000: peers.free_port()}


@pytest.fixture
def machine(real_virtualbox, folder, ports):
    """The name of a machine with an empty disk and a network behind NAT."""
    name = f'bare-{folder.name}'
    manage = real_virtualbox.manage
    manage('createvm', '--name', name, '--register', '--basefolder',
           str(folder), '--ostype', 'Linux_64')
    manage('modifyvm', name, '--memory', '512', '--ioapic', 'on',
           '--bios-boot-menu', 'disabled', '--uart1', '0x3f8', '4',
           '--uartmode1', 'file', str(folder / 'serial'),
           '--nic1', 'nat', '--nictype1', '82540EM',
           '--macaddress1', PXE_MAC.replace(':', ''),
           '--nat-enable-tftp1', 'on', '--nat-tftp-prefix1',
           str(folder / 'served'), '--nat-tftp-file1', 'pxelinux.0',
           '--nic2', 'nat', '--nictype2', 'virtio',
           '--macaddress2', MAC.replace(':', ''),
           '--nat-localhostreachable2', 'on',
           *(word for inside, port in ports.items() for word in (
               '--nat-pf2', f'p{inside},tcp,127.0.0.1,{port},,{inside}')))
    # Debian's kernel for clouds, which the lab has for being small, knows no
    # AHCI.
    manage('storagectl', name, '--name', 'IDE', '--add', 'ide')
    disk = folder / 'disk.vdi'
    manage('createmedium', 'disk', '--filename', str(disk), '--size', '1024')
    for port, kind, medium in (('0', 'hdd', str(disk)),
                               ('1', 'dvddrive', 'emptydrive')):
        manage('storageattach', name, '--storagectl', 'IDE', '--port', port,
               '--device', '0', '--type', kind, '--medium', medium)
    return name


@pytest.fixture
def site(folder, web_service, machine, ports, image_api, built):
    """All that a nova-compute has, with the machine as its one node."""
    service = baremetalnodes.make_service(folder)
    callback = peers.free_port()
    (folder / 'served').mkdir()
    with webserver.running(folder / 'served') as server:
        publisher = Publisher(folder / 'objects', server.folder, server.url)
        common = deploying.Deploying(deploying.Settings(
            folder, callback_url=f'https://{HOST}:{callback}',
            callback_address='127.0.0.1', callback_port=callback,
            deploy_timeout_s=SPOKEN_S, write_silence_s=300,
            media_ttl_s=3600, disk_devices=('sda',),
            kernel_append='console=ttyS0 quiet'), lambda: publisher)
        services = dataclasses.replace(service.services, deploying=common)
        node = service.add(
            power_interface='virtualbox', management_interface='virtualbox',
            ports=(nodes.Port(PXE_MAC),),
            driver_info={
                'vbox_url': web_service.url, 'vbox_vmname': machine,
                'deploy_address': '127.0.0.1',
                'deploy_iscsi_port': ports[3260],
                'deploy_control_port': ports[10000]})
        yield service, services, node
        services.machines.close()
        common.stop()


def install(site, image_api, built, boot, deploy, **driver_info):
    """Deploy to the machine, and let it start."""
    service, services, node = site
    services.store.update(node.uuid, driver_info={**node.driver_info,
                                                  **driver_info})
    services.store.update_instance_info(node.uuid, {
        'image_source': image_api.add('qcow2', built / 'bios.qcow2'),
        'root_gb': 1})
    task = deployments.begin(
        services, node, 'deploy',
        service.registry.get('power', 'virtualbox'),
        service.registry.get('management', 'virtualbox'), boot, deploy)
    conftest.deploy(task)
    return task.interfaces.power.machine(node)


def speaks(folder, machine):
    """Start a machine that has run its ramdisk; wait for its own system."""
    serial = folder / 'serial'
    assert 'RAMDISK begins' in serial.read_text(errors='replace')
    serial.unlink()
    machine.power_on()
    peers.wait_until(lambda: serial.exists() and (
        guests.HELLO in serial.read_text(errors='replace')),
        timeout_s=SPOKEN_S)
    assert 'image=bios' in serial.read_text(errors='replace')


@pytest.mark.parametrize('deploy', [agent.AgentDeploy, iscsi.ISCSIDeploy])
def test_by_a_virtual_cd(site, folder, image_api, built, deploy):
    machine = install(
        site, image_api, built, virtualmedia.VirtualMediaBoot, deploy,
        deploy_iso=image_api.add('iso', built / 'deploy.iso'))
    speaks(folder, machine)


def test_by_the_network(site, folder, image_api, built):
    """As pxe_vbox does: VirtualBox's own network has the TFTP."""
    service, *_ = site
    root = folder / 'served'
    for name in _PXELINUX:
        shutil.copy(name, root)
    service.options.update({
        'pxe.tftp_root': str(root), 'pxe.loader': 'pxelinux',
        'pxe.dhcp': 'none'})
    machine = install(
        site, image_api, built, pxe.PXEBoot, iscsi.ISCSIDeploy,
        deploy_kernel=str(built / 'deploy.kernel'),
        deploy_ramdisk=str(built / 'deploy.ramdisk'))
    speaks(folder, machine)
