# SPDX-License-Identifier: Apache-2.0
"""Nodes that are deployed to, with a machine held in memory."""

from __future__ import annotations

import dataclasses
import types
import uuid
from pathlib import Path
from typing import Any

from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.boot import virtualmedia
from nova_hypervisors.baremetal.deploy import ilo
from nova_hypervisors.baremetal.management import fake as management
from nova_hypervisors.baremetal.power import fake as power
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders

CONTAINER = 'ironic_ilo_container'
SERVED = 'http://served.test'


class Site:
    """A nova-compute that deploys; its publisher has no web server.

    :ivar images: Glance's, in memory
    """

    def __init__(self, folder: Path, images: Any, **settings: Any) -> None:
        self.folder = folder
        self.images = images
        (folder / 'served').mkdir()
        self.publisher = httppublisher.HTTPPublisher(
            folder / 'objects', folder / 'served', SERVED)
        self.common = deploying.Deploying(
            deploying.Settings(folder, callback_address='127.0.0.1',
                               **settings), lambda: self.publisher)
        self.service = baremetalnodes.make_service(folder)
        self.services = dataclasses.replace(
            self.service.services, deploying=self.common)

    def machine(self, node):
        return power.machine_of(self.services, node)

    def task(self, node, operation: str = 'deploy', *, boot: Any = None,
             deploy: Any = None, asked: bool = True,
             **instance_info: Any) -> tasks.Task:
        if instance_info:
            self.services.store.update_instance_info(node.uuid,
                                                     instance_info)
        return begin(self.services, node, operation,
                     power.FakePower(self.services),
                     management.FakeManagement(self.services), boot, deploy,
                     asked)

    def objects(self) -> set[str]:
        """Return the names of what is in the publisher."""
        return {path.name.removesuffix('.data')
                for path in (self.folder / 'objects').glob('*/*.data')}

    def content(self, url: str) -> bytes:
        """Return what a web server would hand out."""
        assert url.startswith(SERVED + '/')
        return (self.folder / 'served' / url.rpartition('/')[2]).read_bytes()


def begin(services: Any, node: Any, operation: str, switch: Any,
          manager: Any, boot: Any = None, deploy: Any = None,
          asked: bool = True) -> tasks.Task:
    """Begin something with a node.

    :param switch: its power interface, as ``manager`` is its management's
    :param asked: Nova has asked for it
    """
    found = interfaces.Interfaces(
        switch, manager,
        (boot or virtualmedia.VirtualMediaBoot)(services),
        (deploy or ilo.IloVirtualMediaIscsiDeploy)(services))
    request = types.SimpleNamespace(
        context=builders.admin_context(), block_device_info={},
        instance=builders.instance(str(uuid.uuid4())))
    return tasks.Task(services.store.get_node(node.uuid), operation, found,
                      services, request if asked else None)
