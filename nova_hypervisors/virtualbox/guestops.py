# SPDX-License-Identifier: Apache-2.0
"""What is done inside guests, by their Guest Additions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from nova import exception
from nova import objects
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.virtualbox import machines

LOG = logging.getLogger(__name__)

# The password comes in the environment, which no other user of the guest can
# read; no shell takes it apart.
_VARIABLE = 'NOVA_PASSWORD'
_LINUX = ('/bin/sh', '-c',
          f'printf "root:%s\\n" "${_VARIABLE}" | chpasswd')
_WINDOWS = ('C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
            '-NonInteractive', '-Command',
            f'net user Administrator $env:{_VARIABLE}; exit $LASTEXITCODE')


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """An account that the guests have, which may set passwords.

    :param password: reads it
    """

    user: str
    password: Callable[[], str]


class GuestOps:
    """:param account: None if the operator has named none"""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks,
                 account: Account | None) -> None:
        self._client = client
        self._machines = machine_map
        self._locks = instance_locks
        self._account = account

    def set_admin_password(self, instance: objects.Instance,
                           password: str) -> None:
        """Set the password of root, or of Windows' Administrator.

        :raises SetAdminPasswdNotSupported: there is no account for it
        :raises InstanceAgentNotEnabled: the guest runs no Guest Additions
        """
        if self._account is None:
            LOG.warning('To set passwords in guests, set [virtualbox] '
                        'guest_user and guest_password_file',
                        instance=instance)
            raise exception.SetAdminPasswdNotSupported()
        wanted = guests.GuestProgram(
            _WINDOWS if instance.os_type == 'windows' else _LINUX,
            self._account.user, self._account.password(),
            {_VARIABLE: password})
        with self._locks.hold(instance.uuid):
            try:
                self._client.run_in_guest(
                    self._machines.machine_uuid(instance.uuid), wanted)
            except errors.NoAdditions as error:
                raise exception.InstanceAgentNotEnabled(
                    f'Guest agent is not enabled for the instance: {error}',
                ) from error
