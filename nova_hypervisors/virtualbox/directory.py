# SPDX-License-Identifier: Apache-2.0
"""Where the screen of a server is, for those who go to the host itself."""

from __future__ import annotations

import dataclasses

from oslo_config import cfg

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import options

# What FreeRDP calls the security methods; without a word it negotiates.
_FREERDP = {'RDP': ' /sec:rdp', 'TLS': ' /sec:tls'}


_EVERYWHERE = ('0.0.0.0', '::')  # noqa: S104


class NotFound(Exception):
    """There is no such screen; says why, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Screen:
    """Where to connect to, and as whom.

    :param protocol: VNC or RDP
    :param user: RDP only
    :param command: a viewer's, which asks for the password
    :param tunnel: a command that leads to the screen from elsewhere, if it
        can be seen from its own host only
    """

    server: str
    name: str
    protocol: str
    address: str
    port: int
    user: str | None
    password: str = dataclasses.field(repr=False)
    command: str
    tunnel: str | None

    @property
    def rdp_file(self) -> str:
        """What Windows' client opens; it asks for the password.

        VirtualBox's server does not know that client's network level
        authentication (CredSSP).
        """
        return (f'full address:s:{_joined(self.address, self.port)}\r\n'
                f'username:s:{self.user}\r\n'
                'prompt for credentials:i:1\r\n'
                'enablecredsspsupport:i:0\r\n')


def find(conf: cfg.ConfigOpts, server: str) -> Screen:
    """Find a server of this host by its UUID or its machine's name.

    :raises NotFound: there is none, or it shows no screen
    :raises ClientError: VirtualBox cannot be asked
    """
    settings = factory.display_settings(conf)
    if settings is None:
        raise NotFound('servers of this host have no remote displays: '
                       '[virtualbox] remote_display is off')
    client = factory.make_client(conf)
    machine_map = machines.Machines(client)
    uuid, machine = _find_machine(machine_map, server)
    port = client.display_port(machine.uuid)
    if port is None:
        state = client.machine_state(machine.uuid)
        raise NotFound(
            f'the server is {state.value}: start it first'
            if state not in (api.MachineState.RUNNING,
                             api.MachineState.PAUSED)
            else 'its remote display does not listen: see Logs/VBox.log in '
            'its folder; the ports of [virtualbox] vrde_port may be taken')
    folders = factory.host_files(conf)
    consoles = factory.make_consoles(conf, client, machine_map, folders)
    try:
        password = consoles.password(uuid)
    except OSError as error:
        raise NotFound(
            f'{folders.secret}: {error.strerror}: run this as the user of '
            'nova-compute') from error
    host = settings.other_host or str(conf.my_ip)
    address = host if settings.address in _EVERYWHERE else settings.address
    user = None if settings.is_vnc else consoleops.USER
    return Screen(
        server=uuid, name=machine.name,
        protocol='VNC' if settings.is_vnc else 'RDP',
        address=address, port=port, user=user, password=password,
        command=_command(conf, address, port, user),
        tunnel=(f'ssh -L {port}:{_joined(address, port)} {host}'
                if options.is_loopback(address) else None))


def _find_machine(machine_map: machines.Machines,
                  server: str) -> tuple[str, api.Machine]:
    owned = machine_map.owned()
    for uuid, machine in owned.items():
        if server in (uuid, machine.name):
            return uuid, machine
    names = ', '.join(sorted(machine.name for machine in owned.values()))
    raise NotFound(f'there is no server {server!r} on this host, which has '
                   f'{names or "none"}: give its ID, or the name that its '
                   'machine has (OS-EXT-SRV-ATTR:instance_name)')


def _joined(address: str, port: int) -> str:
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'


def _command(conf: cfg.ConfigOpts, address: str, port: int,
             user: str | None) -> str:
    if user is None:
        return f'vncviewer {address}::{port}'
    method = conf.rdp.security_method if conf.rdp.encrypted_rdp else 'RDP'
    return (f'xfreerdp /v:{_joined(address, port)} /u:{user}'
            f'{_FREERDP.get(method, "")}')
