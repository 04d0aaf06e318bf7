# SPDX-License-Identifier: Apache-2.0
"""The real VirtualBox of the lab, for tests.

There is no skipping: a test that needs it and does not find it fails and says
what to do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab import layout
from lab import virtualbox
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import retry
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import settings
from nova_hypervisors.clients.vbox import vboxmanage

# Tests run in several processes at once (pytest-xdist): each has its own.
_WORKER = (int(os.environ.get('NOVA_HYPERVISORS_FIRST_WORKER', '0'))
           + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')
                 .removeprefix('gw')))
DISPLAY_PORTS = range(15900 + 100 * _WORKER, 15950 + 100 * _WORKER)
TELEPORT_PORTS = range(25500 + 100 * _WORKER, 25550 + 100 * _WORKER)
TUNNEL_PORTS = range(24500 + 100 * _WORKER, 24600 + 100 * _WORKER)


_RUNS = (api.MachineState.RUNNING, api.MachineState.PAUSED,
         api.MachineState.ARRIVING)


def as_text(ports: range) -> str:
    """Write ports as the options have them."""
    return f'{ports[0]}-{ports[-1]}'


def lab() -> layout.Layout:
    found = layout.Layout.from_environment()
    if not (found.vboxmanage.exists() and found.guest.exists()):
        pytest.fail(f'There is no VirtualBox in {found.top}: run '
                    '"make virtualbox" first', pytrace=False)
    return found


class CountingRunner:
    """Runs programs and keeps what was run, without its arguments' values."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, argv, timeout_s, env=None, interrupt=None):
        self.calls.append(tuple(argv[2:]))
        return execute.run(argv, timeout_s, env, interrupt)


class RealVirtualBox:
    """A registry of its own, with a client for it.

    :param folder: everything is in it; short, because of sockets' paths
    :param programs: where VBoxManage and vboxwebsrv are, if not in the lab
    :cvar sees_storage: there is a storage, whose disks it may have opened
    """

    sees_storage = False

    def __init__(self, folder: Path,
                 programs: layout.Layout | None = None) -> None:
        self.lab = programs or lab()
        self.folder = folder
        self.home = folder / 'home'
        self.runner = CountingRunner()
        #: those that are to go on when the daemon is started anew
        self.web_services: list[Any] = []
        #: a client by the web service, if there is one
        self.quick: Any = None
        virtualbox.make_registry(self.lab, self.home)
        self.client = self.make_client()

    def make_client(self) -> vboxmanage.VBoxManageClient:
        return vboxmanage.VBoxManageClient(
            program.Program(
                str(self.lab.vboxmanage), timeout_s=60,
                private_folder=self.folder,
                env=settings.environment(self.home),
                policy=retry.Policy(3, 1), run=self.runner),
            self.home, copy_timeout_s=120)

    def manage(self, *words: str) -> str:
        """Run VBoxManage beside the client, as a user might."""
        return virtualbox.manage(self.lab, self.home, *words)

    def power_off(self, uuid: str) -> None:
        virtualbox.power_off(self.lab, self.home, uuid)

    def crash(self, uuid: str) -> None:
        """Kill the machine's process and wait until VirtualBox knows."""
        for process in psutil.process_iter(['cmdline']):
            words = process.info['cmdline'] or ()
            if uuid in words and 'VBoxHeadless' in words[0]:
                process.send_signal(signal.SIGKILL)
        _wait_until(lambda: uuid not in self.manage('list', 'runningvms'))

    def lose_settings(self, uuid: str) -> None:
        """Delete the machine's settings file and let VirtualBox notice."""
        Path(settings.Registry(self.home).settings_files()[uuid]).unlink()
        self.restart_vboxsvc()

    def restart_vboxsvc(self) -> None:
        """End the daemon of this registry: the next call starts another."""
        for service in self.web_services:
            # It would not find the next one.
            service.stop()
        process = self.daemon()
        if process is not None:
            # It ignores SIGTERM while it has clients.
            process.kill()
            _wait_until(lambda: not process.is_running()
                        or process.status() == psutil.STATUS_ZOMBIE)
        for service in self.web_services:
            service.start()

    def daemon(self) -> psutil.Process | None:
        """Return the process VBoxSVC of this registry."""
        for process in psutil.process_iter(['name']):
            if process.info['name'] == 'VBoxSVC' and _environment(
                    process).get('VBOX_USER_HOME') == str(self.home):
                return process
        return None

    def clear(self) -> None:
        """Take every machine and medium away.

        By the web service if there is one: VBoxManage takes a tenth of a
        second for each call, and ten seconds now and then.
        """
        if self.quick is not None:
            with contextlib.suppress(errors.ClientError):
                self._clear(self.quick)
                return
        try:
            self._clear(self.client)
        except errors.Busy:
            # A program of VirtualBox's has not ended, and will not soon.
            self._end_machines()
            self.restart_vboxsvc()
            self._clear(self.client)

    def _end_machines(self) -> None:
        for process in psutil.process_iter(['name']):
            if process.info['name'] == 'VBoxHeadless' and _environment(
                    process).get('VBOX_USER_HOME') == str(self.home):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def _clear(self, client: Any) -> None:
        for uuid, state in client.machine_states().items():
            if state in _RUNS:
                with contextlib.suppress(errors.InvalidState):
                    client.power_off(uuid)
        for machine in client.list_machines():
            client.delete_machine(machine.uuid)
        for key in client.get_extradata('nova_hypervisors/'):
            client.set_extradata(f'nova_hypervisors/{key}', None)
        if self.sees_storage and 'iSCSI' in self.manage('list', 'hdds'):
            # It could not be attached to a running machine, and VirtualBox
            # holds on to it.
            self.restart_vboxsvc()
        media = client.list_media()
        for medium in sorted(media, key=lambda medium: medium.parent is None):
            client.close_medium(Path(medium.path), kind=medium.kind)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def _wait_until(condition, timeout_s=20):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, 'it did not come true'
        time.sleep(0.1)


wait_until = _wait_until


def free_port() -> int:
    """Return a port on which nobody listens."""
    return layout.free_ports(1)[0]


def make_vdi(path: Path, source: Path | None = None) -> Path:
    """Make a VDI of the test guest, or of a raw disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'vdi',
                    str(source or lab().guest), str(path)], check=True)
    return path


def short_folder(name: str) -> Path:
    """Return a new folder whose path leaves room for sockets."""
    base = lab().top / 'tests'
    base.mkdir(exist_ok=True)
    number = 0
    while True:
        folder = base / f'{name}{os.getpid()}-{number}'
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def convert(path: Path, disk_format: str, raw: Path) -> None:
    """Write a disk down as raw bytes."""
    subprocess.run(['qemu-img', 'convert', '-f', disk_format, '-O', 'raw',
                    str(path), str(raw)], check=True)
