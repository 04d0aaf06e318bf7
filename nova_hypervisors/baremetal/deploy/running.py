# SPDX-License-Identifier: Apache-2.0
"""What all deploys do alike that let the node run the deploy ramdisk."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import socket
import time
from collections.abc import Iterator

from oslo_log import log as logging

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import callback
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.deploy import base
from nova_hypervisors.clients import iscsi
from nova_hypervisors.clients.bmc import api

LOG = logging.getLogger(__name__)

_CHAP_USER = 'deploy'
_CONTROL_PORT = 10000
_CONTROL_S = 30.0
# How long a ramdisk may take to end once it was told to.
_END_S = 60.0
_LOOK_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """Where a node's ramdisk is to be had."""

    address: str
    iscsi_port: int
    control_port: int


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A node that runs its ramdisk."""

    reach: Reach
    info: callback.DeployInfo
    chap: str = dataclasses.field(repr=False)
    finish_key: str = dataclasses.field(repr=False)

    def target(self) -> iscsi.Target:
        return iscsi.Target(self.reach.address, self.reach.iscsi_port,
                            self.info.iqn, self.info.lun, _CHAP_USER,
                            self.chap)


class RamdiskDeploy(base.DeployInterface):
    settings = (
        backend.Setting(
            'root_device',
            help='The disk that is written, by what it says of itself: '
            '"serial=...", "wwn=...", "model=...", "size=GIB", "name=/dev/sda"'
            ', separated by semicolons.'),
        backend.Setting(
            'deploy_address',
            help='Where this host reaches the node, if not at the address '
            'that the node itself has: for nodes behind NAT.'),
        backend.Setting(
            'deploy_iscsi_port', 'port',
            help='The port at which this host reaches port 3260 of the node, '
            'with deploy_address.'),
        backend.Setting(
            'deploy_control_port', 'port', default=_CONTROL_PORT,
            help='The port at which this host reaches port 10000 of the '
            'node, with deploy_address.'),
    )

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if not task.node.ports:
            found.append(backend.Fault(
                'ports', f'Node {task.node.uuid} does not have any port '
                'associated with it.'))
        if self.services.deploying is not None:
            found += [backend.Fault('options', text)
                      for text in self.services.deploying.settings.faults()]
        if task.request is not None:
            found += [backend.Fault('instance_info', text)
                      for text in self.wanted_faults(task)]
        return found

    def wanted_faults(self, task: tasks.Task) -> list[str]:  # noqa: ARG002
        """Return what is wrong with what a server wants of the node."""
        return []

    def prepare(self, task: tasks.Task) -> None:
        """Switch the node off, and let it boot in the mode that it shall.

        The ramdisk is not signed: secure boot comes back when it is done.
        """
        super().prepare(task)
        management = task.interfaces.management
        if management.secure_boot(task.node):
            management.set_secure_boot(task.node, False)

    def tear_down(self, task: tasks.Task) -> None:
        task.interfaces.power.set_power(task.node, api.Power.OFF)

    # The ramdisk

    @contextlib.contextmanager
    def ramdisk(self, task: tasks.Task, **more: str) -> Iterator[Running]:
        """Let the node run its ramdisk as long as this lasts.

        :param more: parameters of the ramdisk
        """
        finish_key, chap = secrets.token_hex(16), secrets.token_hex(8)
        boot = task.interfaces.boot
        task.step('boot the ramdisk')
        with contextlib.ExitStack() as leave:
            ticket = leave.enter_context(
                self.common.passthru.expect(task.node.uuid))
            # Whatever happens, nothing of it stays in the drives.
            leave.callback(boot.clean_up_ramdisk, task)
            boot.prepare_ramdisk(task, {
                **self._parameters(task, ticket.key, chap),
                'finish_key': finish_key, **more})
            task.interfaces.power.set_power(task.node, api.Power.ON)
            task.step('wait for the ramdisk')
            info = self._get_deploy_info(task, ticket)
            yield Running(self._reach(task, info), info, chap, finish_key)
            task.step('end the ramdisk')
            self._end(task, self._reach(task, info), finish_key)

    def _parameters(self, task: tasks.Task, key: str,
                    chap: str) -> dict[str, str]:
        found = {
            'deployment_id': task.node.uuid, 'deployment_key': key,
            'ironic_api_url': self.common.callback_url(),
            'iscsi_target_iqn': f'iqn-{task.node.uuid}',
            'chap_user': _CHAP_USER, 'chap_secret': chap,
            'disk': ','.join(self.common.settings.disk_devices)}
        if root := self.values(task.node)['root_device']:
            found['root_device'] = root
        boots = [port.address for port in task.node.ports
                 if port.pxe_enabled]
        if len(task.node.ports) > 1 and boots:
            found['boot_mac'] = boots[0]
        return found

    def _get_deploy_info(self, task: tasks.Task,
                         ticket: callback.Ticket) -> callback.DeployInfo:
        """Wait until the ramdisk says where the disk is."""
        return ticket.wait(self.common.settings.deploy_timeout_s, task.check)

    def _reach(self, task: tasks.Task, info: callback.DeployInfo) -> Reach:
        values = self.values(task.node)
        if values['deploy_address']:
            return Reach(values['deploy_address'],
                         values['deploy_iscsi_port'] or info.port,
                         values['deploy_control_port'])
        return Reach(info.address, info.port, _CONTROL_PORT)

    def _end(self, task: tasks.Task, reach: Reach, key: str) -> None:
        """Let the ramdisk write what it has not yet, and the node go off."""
        power = task.interfaces.power
        end = time.monotonic() + _END_S
        heard = False
        while (power.power(task.node) is not api.Power.OFF
               and time.monotonic() < end):
            if not heard:
                heard = _tell_end(task, reach, key)
            task.wait(_LOOK_S)
        if not heard:
            LOG.warning('Node %s: the ramdisk could not be told to end',
                        task.node.name)
        power.set_power(task.node, api.Power.OFF)


def _tell_end(task: tasks.Task, reach: Reach, key: str) -> bool:
    """Return whether the ramdisk has heard it.

    When it has just called back it may not listen yet.
    """
    try:
        _tell(reach, f'{key} halt')
    except OSError as error:
        LOG.debug('Node %s: the ramdisk does not hear: %s', task.node.name,
                  error)
        return False
    return True


def _tell(reach: Reach, line: str) -> None:
    """Say something to a ramdisk, and wait until it has heard it.

    :raises OSError: it does not hear
    """
    with socket.create_connection((reach.address, reach.control_port),
                                  _CONTROL_S) as connection:
        connection.sendall(f'{line}\n'.encode())
        if b'flushed' not in connection.recv(64):
            raise OSError('it says something else')
