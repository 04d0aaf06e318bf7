# SPDX-License-Identifier: Apache-2.0
"""Machines in memory that boot the deploy ramdisk, or behave as if."""

from __future__ import annotations

import json
import socketserver
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake
from nova_hypervisors.tests import storage as storages

Parameters = dict[str, str]


class RamdiskMachine(fake.FakeMachine):
    """One that reads what the ramdisk is told, when it boots from its CD.

    :param content: returns what is behind a URL
    :ivar says: what becomes of that: gets the parameters
    """

    def __init__(self, content: Callable[[str], bytes],
                 folder: Path) -> None:
        super().__init__()
        self.content = content
        self.folder = folder
        self.says: Callable[[Parameters], None] = lambda parameters: None

    def _start(self) -> None:
        super()._start()
        device, _ = self.boots[-1]
        url = self._media[api.MediaKind.FLOPPY]
        if device is api.BootDevice.CDROM and url:
            self._floppy.write_bytes(self.content(url))
            self.says(dict(line.split('=', 1) for line
                           in self.read('parameters.txt').splitlines()))

    @property
    def _floppy(self) -> Path:
        return self.folder / 'read-floppy'

    def read(self, name: str) -> str:
        """Return what is in a file of the floppy."""
        return subprocess.run(
            ['mtype', '-i', self._floppy, f'::{name}'], check=True,
            capture_output=True, text=True).stdout


class Ramdisk:
    """What the ramdisk does: a real target with the disk, and its calls.

    :ivar disks: what it has handed out, the newest last
    :ivar size_mb: of these
    :ivar thin: whether their blocks can be given back
    """

    size_mb = 1024
    thin = False

    def __init__(self, machine: RamdiskMachine,
                 storage: storages.RealStorage) -> None:
        self._machine = machine
        self._storage = storage
        self.disks: list[storages.Volume] = []
        machine.says = self.runs
        ramdisk = self

        class Control(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                self.wfile.write(b'flushed\n')
                ramdisk._machine.power_off()

        self._control = socketserver.TCPServer(('127.0.0.1', 0), Control)
        threading.Thread(target=self._control.serve_forever, args=(0.1,),
                         daemon=True).start()

    @property
    def driver_info(self) -> dict[str, object]:
        """Return how a node with it is reached."""
        return {'deploy_address': '127.0.0.1',
                'deploy_iscsi_port': self._storage.port,
                'deploy_control_port': self._control.server_address[1]}

    def runs(self, parameters: Parameters) -> None:
        if parameters.get('mode') != 'erase':
            self.disks.append(self._storage.add(
                self.size_mb, target=parameters['iscsi_target_iqn'],
                account=(parameters['chap_user'],
                         parameters['chap_secret'])))
            if self.thin:
                self._storage.make_thin(self.disks[-1])
        told = json.dumps({'key': parameters['deployment_key'],
                           'address': '127.0.0.1',
                           'iqn': parameters['iscsi_target_iqn'],
                           'thin': self.thin})
        # Not by requests: tests of Nova's take HTTP from that.
        with urllib.request.urlopen(
                f'{parameters["ironic_api_url"]}/v1/nodes/'
                f'{parameters["deployment_id"]}/vendor_passthru/'
                'pass_deploy_info', told.encode(), 30,
                context=ssl.create_default_context(
                    cadata=self._machine.read('ca.pem'))):
            pass

    def close(self) -> None:
        self._control.shutdown()
        self._control.server_close()
