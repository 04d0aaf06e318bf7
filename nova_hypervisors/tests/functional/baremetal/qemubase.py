# SPDX-License-Identifier: Apache-2.0
"""Nova whole, in one process, with one node: its machine is QEMU."""

import pytest

from lab.baremetal import qemu
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import baremetalbase

#: Within which what was deployed says something.
SPOKEN_S = 120


class Base(baremetalbase.Patient, baremetalbase.Base):
    """The one node is a fake in name only: its machine is QEMU."""

    @pytest.fixture(autouse=True)
    def _take(self, built, folder, machine, web_server):
        self.built, self.folder = built, folder
        self.qemu, self.web_server = machine, web_server

    def setUp(self):
        port = peers.free_port()
        self.flags(
            group='deploy', callback_address='127.0.0.1', callback_port=port,
            callback_url=f'https://{qemu.HOST}:{port}', publisher='http',
            http_root=str(self.web_server.folder),
            http_url=self.web_server.url, efi_system_partition_size=64,
            disk_devices=['sda'], kernel_append_params='console=ttyS0 quiet',
            write_silence_timeout=30)
        self.flags(group='baremetal', deploy_timeout=120)
        super().setUp()
        self.flags(group='baremetal', power_timeout=20)

    def _add_nodes(self):
        super()._add_nodes()
        node, other = self.store.list_nodes()
        self.store.delete(other.uuid)
        iso = self.web_server.folder / 'deploy.iso'
        iso.symlink_to(self.built / 'deploy.iso')
        forwards = self.qemu.qemu.forwards
        self.node = self.store.update(
            node.uuid, boot_interface='virtual-media',
            deploy_interface='ilo-iscsi', driver_info={
                'deploy_iso': f'{self.web_server.url}/deploy.iso',
                'deploy_address': '127.0.0.1',
                'deploy_iscsi_port': forwards[3260],
                'deploy_control_port': forwards[10000]})

    def _setup_compute_service(self):
        started = super()._setup_compute_service()
        machines = started.manager.driver._parts.inventory.services.machines
        machines.close()
        machines.get(('fake', self.node.uuid), lambda: self.qemu)
        return started

