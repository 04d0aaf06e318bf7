# SPDX-License-Identifier: Apache-2.0
"""What a new cloud needs in it.  Run by the cloud's own Python.

    python bootstrap.py identity
    python bootstrap.py content GUEST_IMAGE PHYSICAL_NETWORK
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import openstack

SERVICES = {'nova': 'compute', 'placement': 'placement', 'glance': 'image',
            'neutron': 'network', 'cinder': 'block-storage'}

FLAVORS = {'m1.nano': ('42', 64, 1), 'm1.micro': ('84', 128, 1)}


def make_identity(cloud: openstack.connection.Connection,
                  urls: dict[str, str]) -> None:
    """Make the services' users and endpoints."""
    identity = cloud.identity
    identity.find_role('service') or identity.create_role(name='service')
    roles = [identity.find_role(name) for name in ('admin', 'service')]
    project = identity.find_project('service') or identity.create_project(
        name='service', domain_id='default')
    for name, kind in SERVICES.items():
        user = identity.find_user(name) or identity.create_user(
            name=name, password=os.environ['OS_PASSWORD'],
            domain_id='default', default_project_id=project.id)
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)
        service = identity.find_service(name) or identity.create_service(
            name=name, type=kind)
        if not list(identity.endpoints(service_id=service.id)):
            for interface in ('public', 'internal'):
                identity.create_endpoint(
                    service_id=service.id, interface=interface,
                    url=urls[name], region_id=os.environ['OS_REGION_NAME'])


def make_content(cloud: openstack.connection.Connection, guest: Path,
                 physical_network: str) -> None:
    """Make flavors, a network, and the test guest's images."""
    for name, (flavor_id, memory_mb, disk_gb) in FLAVORS.items():
        if not cloud.compute.find_flavor(name):
            cloud.compute.create_flavor(id=flavor_id, name=name, vcpus=1,
                                        ram=memory_mb, disk=disk_gb)
    if not cloud.network.find_network('flat'):
        network = cloud.network.create_network(
            name='flat', shared=True, provider_network_type='flat',
            provider_physical_network=physical_network)
        cloud.network.create_subnet(
            network_id=network.id, name='flat4', ip_version=4,
            cidr='10.0.2.0/24', gateway_ip='10.0.2.2')
    make_image(cloud, 'guest-raw', 'raw', guest)
    with tempfile.TemporaryDirectory() as folder:
        qcow2 = Path(folder) / 'guest.qcow2'
        subprocess.run(['qemu-img', 'convert', '-c', '-f', 'raw', '-O',
                        'qcow2', str(guest), str(qcow2)], check=True)
        make_image(cloud, 'guest-qcow2', 'qcow2', qcow2)


def make_image(cloud: openstack.connection.Connection, name: str,
               disk_format: str, path: Path) -> None:
    if not cloud.image.find_image(name):
        cloud.image.create_image(
            name=name, filename=str(path), disk_format=disk_format,
            container_format='bare', visibility='public', wait=True)


def main() -> None:
    cloud = openstack.connect()
    if sys.argv[1] == 'identity':
        make_identity(cloud, dict(zip(SERVICES, sys.argv[2:], strict=True)))
    else:
        make_content(cloud, Path(sys.argv[2]), sys.argv[3])


if __name__ == '__main__':
    main()
