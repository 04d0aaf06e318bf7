# SPDX-License-Identifier: Apache-2.0
"""Boots a node by network: for machines without virtual media.

What a node is told goes over the network in the clear, unlike by virtual
media: whoever listens in the network of the deploys learns the key of this
deploy and the secret of its disk.  Both are good for this deploy only.  The
secret of a volume that a server runs from is good as long as the server is.
Nothing else is ever told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nova import exception
from nova.network import neutron

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import bootiso
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.baremetal.boot import ipxescript
from nova_hypervisors.baremetal.boot import pxefiles
from nova_hypervisors.baremetal.boot import ramdiskboot
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import iscsi

_GROUP = 'pxe'


class PXEBoot(ramdiskboot.RamdiskBoot):
    settings = (
        backend.Setting(
            'deploy_kernel', required=True, aliases=('pxe_deploy_kernel',),
            help='The UUID in Glance of the kernel of the deploy ramdisk, or '
            'its path: see "nova-hypervisors ramdisk build".'),
        backend.Setting(
            'deploy_ramdisk', required=True, aliases=('pxe_deploy_ramdisk',),
            help='The UUID in Glance of the deploy ramdisk, or its path.'),
    )

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if not self._addresses(task.node):
            found.append(backend.Fault(
                'ports', 'none of its ports has pxe_enabled'))
        root = Path(self.option(_GROUP, 'tftp_root'))
        if not root.is_dir():
            found.append(backend.Fault(
                'options', f'[pxe] tftp_root: there is no folder {root}'))
        return found

    def prepare_ramdisk(self, task: tasks.Task,
                        parameters: Mapping[str, str]) -> None:
        values = self.values(task.node)
        self._boot_from(task, pxefiles.Boot(
            self._file(task, values['deploy_kernel']),
            self._file(task, values['deploy_ramdisk']),
            self.common.settings.kernel_append, parameters,
            {ramdiskboot.CERTIFICATE: self.common.authority()}))

    def clean_up_ramdisk(self, task: tasks.Task) -> None:
        self._remove(task)

    def prepare_deployed(self, task: tasks.Task) -> None:
        if not ramdiskboot.wants_disc(task):
            self._remove(task)
            booting.set_device(task)
            return
        info = task.node.instance_info
        source = str(info['image_source'])
        kernel, ramdisk = bootiso.kernel_of(
            task, self._images.properties(task.context, source), source)
        append = self.common.settings.kernel_append
        self._boot_from(task, pxefiles.Boot(
            self._file(task, kernel), self._file(task, ramdisk),
            f'root=UUID={info.get("root_uuid")} {append}'.strip()))

    def clean_up_instance(self, task: tasks.Task) -> None:
        self._remove(task)

    def volume_faults(self, node: nodes.Node) -> list[backend.Fault]:  # noqa: ARG002
        loader = self.option(_GROUP, 'loader')
        return [] if loader == pxefiles.IPXE else [backend.Fault(
            'options', f'[pxe] loader: {loader} boots no volumes: set it to '
            'ipxe')]

    def prepare_volume(self, task: tasks.Task,
                       volume: iscsi.Connection) -> None:
        script = ipxescript.boot_volume(volume,
                                        volumes.initiator(task.node))
        with self._writing(task.node):
            self._files(task.node).write_script(script)
            self._tell_dhcp(task)
        # The system may restart by itself.
        task.interfaces.management.set_boot(
            task.node, api.BootDevice.PXE, persistent=True)

    def _boot_from(self, task: tasks.Task, boot: pxefiles.Boot) -> None:
        with self._writing(task.node):
            self._files(task.node).write(boot)
            self._tell_dhcp(task)
        task.interfaces.management.set_boot(task.node, api.BootDevice.PXE)

    @staticmethod
    @contextlib.contextmanager
    def _writing(node: nodes.Node) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise errors.ClientError(
                f'{error.filename}: {error.strerror}; see the folders in '
                '[pxe]', operation=f'node {node.name}') from error

    def _remove(self, task: tasks.Task) -> None:
        node = task.node
        self._files(node).remove()
        dhcp = self.option(_GROUP, 'dhcp')
        if dhcp == 'dnsmasq':
            self._dnsmasq().remove(node.uuid, self._addresses(node))
        elif dhcp == 'neutron':
            self._tell_neutron(node, [])

    def _tell_dhcp(self, task: tasks.Task) -> None:
        dhcp = self.option(_GROUP, 'dhcp')
        server = self.option(_GROUP, 'tftp_server')
        uefi = (task.interfaces.management.boot_mode(task.node)
                is api.BootMode.UEFI)
        bootfile = self.option(_GROUP,
                               'uefi_bootfile' if uefi else 'bootfile')
        if dhcp == 'dnsmasq':
            self._dnsmasq().write(task.node.uuid,
                                  self._addresses(task.node), bootfile,
                                  server)
        elif dhcp == 'neutron':
            self._tell_neutron(
                task.node, pxefiles.neutron_options(bootfile, server))

    def _tell_neutron(self, node: nodes.Node,
                      options: list[dict[str, str]]) -> None:
        """Set the DHCP options of the server's ports."""
        client = self._neutron()
        none: list[dict[str, Any]] = [
            {**one, 'opt_value': None}
            for one in pxefiles.neutron_options('', '')]
        for port in node.ports:
            if port.vif_id and port.pxe_enabled:
                try:
                    client.update_port(port.vif_id, {
                        'port': {'extra_dhcp_opts': options or none}})
                except Exception as error:
                    raise errors.ClientError(
                        f'Neutron does not take the DHCP options: {error}',
                        operation=f'node {node.name}') from error

    @staticmethod
    def _neutron() -> Any:
        """Return a client that may change what belongs to others."""
        try:
            return neutron.get_client(glance.admin(None), admin=True)
        except exception.NovaException as error:
            raise errors.ClientError(str(error),
                                     operation='Neutron') from error

    def _files(self, node: nodes.Node) -> pxefiles.Files:
        return pxefiles.Files(
            Path(self.option(_GROUP, 'tftp_root')), node.uuid,
            self._addresses(node), self.option(_GROUP, 'loader'),
            self.option(_GROUP, 'http_url') or '')

    def _dnsmasq(self) -> pxefiles.Dnsmasq:
        return pxefiles.Dnsmasq(
            Path(self.option(_GROUP, 'dnsmasq_hosts_dir')),
            Path(self.option(_GROUP, 'dnsmasq_options_dir')))

    @staticmethod
    def _addresses(node: nodes.Node) -> list[str]:
        return [port.address for port in node.ports if port.pxe_enabled]

    def _file(self, task: tasks.Task, ref: str) -> Path:
        if ref.startswith('/'):
            return Path(ref)
        return self._images.file(task.context, ref)
