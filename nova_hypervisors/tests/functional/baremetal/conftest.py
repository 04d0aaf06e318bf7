# SPDX-License-Identifier: Apache-2.0
"""A machine that is QEMU, and what deploys to it."""

import dataclasses
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from nova.virt import images as nova_images

from lab import layout
from lab.baremetal import guests
from lab.baremetal import qemu
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.common import configdrive
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import deployments
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import qemumachine
from nova_hypervisors.tests import swiftserver
from nova_hypervisors.tests import webserver
from nova_hypervisors.tests.fakes import glance as fake_glance
from nova_hypervisors.tests.functional.baremetal import controllers

DISK_MB = 1024
STALE = b'what a former tenant left'


@pytest.fixture(scope='session')
def built():
    """The folder with the deploy ramdisk and what is deployed."""
    lab = layout.Layout.from_environment()
    folder = guests.folder(lab)
    if not folder.exists():
        pytest.fail(f'There is no deploy ramdisk in {folder}: run '
                    '"make virtualbox" first', pytrace=False)
    return folder


@pytest.fixture
def folder():
    # A socket's path has to be short.
    path = Path(tempfile.mkdtemp(prefix='q'))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def registry_folder(real_virtualbox):
    """One that VirtualBox sees, whose machines are gone at the end."""
    path = real_virtualbox.folder / uuid.uuid4().hex[:6]
    path.mkdir()
    yield path
    real_virtualbox.clear()


@pytest.fixture
def machine(folder):
    disk = folder / 'disk'
    with disk.open('wb') as file:
        for offset in (0, 2048, 1 << 20, 200 << 20):
            file.seek(offset)
            file.write(STALE)
    os.truncate(disk, DISK_MB << 20)
    made = qemu.Machine(folder, disk, forwards=(3260, 10000))
    yield qemumachine.QEMUMachine(made)
    made.close()


@pytest.fixture
def web_server(folder):
    """A web server, of busybox, and the folder that it hands out."""
    served = folder / 'served'
    served.mkdir()
    with webserver.running(served) as server:
        yield server


@pytest.fixture
def image_api(folder, monkeypatch):
    api = fake_glance.FakeImageAPI(folder)
    monkeypatch.setattr(nova_images, 'IMAGE_API', api)
    return api


@pytest.fixture(scope='session')
def swift_server():
    with swiftserver.running() as server:
        yield server


@pytest.fixture(params=['http'])
def publisher(request, folder):
    if request.param == 'swift':
        return swiftserver.make(request.getfixturevalue('swift_server'))
    server = request.getfixturevalue('web_server')
    return httppublisher.HTTPPublisher(folder / 'objects', server.folder,
                                       server.url)


@pytest.fixture
def site(folder, machine, publisher, image_api, built):
    """Everything that a nova-compute has, with one node."""
    service = baremetalnodes.make_service(folder)
    settings = deploying.Settings(
        folder, callback_url=f'https://{qemu.HOST}:{peers.free_port()}',
        deploy_timeout_s=300, write_silence_s=60, boot_mb=64,
        disk_devices=('sda',), kernel_append='console=ttyS0 quiet')
    settings = dataclasses.replace(
        settings, callback_port=int(settings.callback_url[-5:].lstrip(':')))
    common = deploying.Deploying(settings, lambda: publisher)
    services = dataclasses.replace(service.services, deploying=common)
    qemumachine.put(services, machine)
    yield Site(service, services, machine, publisher, image_api, built)
    common.stop()


@pytest.fixture
def config_drive(folder):
    path = folder / 'config.iso'
    with path.open('wb') as target:
        configdrive.write_iso(
            [('openstack/latest/meta_data.json', '{"uuid": "my own"}')],
            target)
    return str(path)


@pytest.fixture(params=['ilo4', 'redfish'])
def controller(request, machine, folder):
    """A controller that speaks what real ones speak."""
    authority = certificates.Authority(folder / 'authority')
    password = folder / 'password'
    password.write_text('se cret\n')
    kind = {'ilo4': controllers.Ilo4,
            'redfish': controllers.Redfish}[request.param]
    made = kind(machine, authority, password)
    yield made
    made.close()


class Site:
    def __init__(self, service, services, machine, publisher, image_api,
                 built):
        self.service = service
        self.services = services
        self.machine = machine
        self.publisher = publisher
        self.images = image_api
        self.built = built

    def make_node(self, deploy_iso=None, **driver_info):
        forwards = self.machine.qemu.forwards
        return self.service.add(driver_info={
            'deploy_iso': deploy_iso or self.images.add(
                'iso', self.built / 'deploy.iso'),
            'deploy_address': '127.0.0.1',
            'deploy_iscsi_port': forwards[3260],
            'deploy_control_port': forwards[10000], **driver_info})

    def task(self, node, operation='deploy', boot=None, deploy=None,
             controller=qemumachine.Direct, **instance_info):
        """Begin something with a node."""
        if instance_info:
            self.services.store.update_instance_info(
                node.uuid, instance_info)
        return deployments.begin(
            self.services, node, operation,
            controller.power(self.services),
            controller.management(self.services), boot, deploy)

    def steps(self, node):
        return [step.name for step in
                self.services.store.list_steps(node.uuid)]

    def objects(self):
        """Return what is published, by its names."""
        if isinstance(self.publisher, httppublisher.HTTPPublisher):
            return {path.name.removesuffix('.data') for path in
                    self.publisher._store.glob('*/*.data')}
        return swiftserver.names(self.publisher, 'ironic_ilo_container')


def deploy(task):
    """Do what the driver does with a node."""
    four = task.interfaces
    assert four.deploy.validate(task) == []
    assert four.boot.validate(task) == []
    four.deploy.prepare(task)
    four.deploy.deploy(task)
    four.boot.prepare_instance(task)
    task.end_step()
