# SPDX-License-Identifier: Apache-2.0
"""Setting passwords inside guests, by an account that they have."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from nova import exception
from nova import objects
from oslo_config import cfg
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.common import checks
from nova_hypervisors.common import locks

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

    @classmethod
    def of(cls, conf: cfg.ConfigOpts, section: str) -> Account | None:
        """Return the one that an operator has named."""
        group = conf[section]
        path = group.guest_password_file
        if not (group.guest_user and path):
            return None
        return cls(group.guest_user, lambda: (
            Path(path).read_text().splitlines() or [''])[0])


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """:param words: its path, and its arguments

    :param environment: is secret
    """

    words: tuple[str, ...]
    user: str
    password: str = dataclasses.field(repr=False)
    environment: Mapping[str, str] = dataclasses.field(repr=False)


class GuestPasswords:
    """:param run: runs a program in a server's guest, to its end

    :param section: of the options, for messages
    :param account: None if the operator has named none
    """

    def __init__(self, run: Callable[[str, Program, bool], None],
                 instance_locks: locks.InstanceLocks, section: str,
                 account: Account | None) -> None:
        self._run = run
        self._locks = instance_locks
        self._section = section
        self._account = account

    def set_admin_password(self, instance: objects.Instance,
                           password: str) -> None:
        """Set the password of root, or of Windows' Administrator.

        :raises SetAdminPasswdNotSupported: there is no account for it
        :raises InstanceAgentNotEnabled: nothing in the guest can be asked
        """
        if self._account is None:
            LOG.warning('To set passwords in guests, set [%s] guest_user and '
                        'guest_password_file', self._section,
                        instance=instance)
            raise exception.SetAdminPasswdNotSupported()
        windows = instance.os_type == 'windows'
        wanted = Program(_WINDOWS if windows else _LINUX, self._account.user,
                         self._account.password(), {_VARIABLE: password})
        with self._locks.hold(instance.uuid):
            try:
                self._run(instance.uuid, wanted, windows)
            except errors.NoAdditions as error:
                raise exception.InstanceAgentNotEnabled(
                    f'Guest agent is not enabled for the instance: {error}',
                ) from error


def findings(conf: cfg.ConfigOpts, section: str) -> Iterator[checks.Finding]:
    """Return what is wrong with those options."""
    group = conf[section]
    path = group.guest_password_file
    if bool(group.guest_user) != bool(path):
        yield checks.Finding(
            f'[{section}] guest_user',
            'it goes with guest_password_file: set both or neither')
    if path and not os.access(path, os.R_OK):
        yield checks.Finding(f'[{section}] guest_password_file',
                             f'{path} cannot be read')
