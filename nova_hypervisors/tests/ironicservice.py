# SPDX-License-Identifier: Apache-2.0
"""Ironic itself, all of it in one process, without Keystone.

Unless it is told so it knows nothing of this project: its own driver for
Redfish is what is used.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import requests

from lab import layout
from lab import packages
from nova_hypervisors.tests import imageserver
from nova_hypervisors.tests import peers

#: The release whose driver is tested.
WANTED = ('ironic>=39,<40', 'sushy')

_VERSION = '1.93'

_CONFIG = """\
[DEFAULT]
auth_strategy = noauth
debug = true
log_file = {folder}/ironic.log
state_path = {folder}
my_ip = 127.0.0.1
host = here
rpc_transport = none
enabled_hardware_types = {types}
enabled_boot_interfaces = {boot}
enabled_deploy_interfaces = ramdisk,direct
enabled_power_interfaces = {types}
enabled_management_interfaces = {types}
enabled_network_interfaces = noop
enabled_inspect_interfaces = no-inspect
enabled_bios_interfaces = no-bios
enabled_firmware_interfaces = no-firmware
enabled_raid_interfaces = no-raid
enabled_vendor_interfaces = no-vendor
enabled_storage_interfaces = noop
enabled_console_interfaces = no-console
[api]
host_ip = 127.0.0.1
port = {port}
[conductor]
automated_clean = false
sync_power_state_interval = 5
[database]
connection = sqlite:///{folder}/ironic.sqlite
[deploy]
http_root = {published}
http_url = {published_url}
[service_catalog]
endpoint_override = http://127.0.0.1:{port}
[oslo_concurrency]
lock_path = {folder}/locks
"""


class Ironic:
    """Is up when it is made.

    :param published: serves the images that it copies
    :param types: the hardware types
    :param venv: the virtual environment that it is in; one without this
        project is made if it is not given
    """

    def __init__(self, lab: layout.Layout, folder: Path,
                 published: imageserver.ImageServer,
                 types: tuple[str, ...] = ('redfish',),
                 venv: Path | None = None) -> None:
        if venv is None:
            venv = lab.top / 'venvs/ironic'
            packages.make_venv(lab, venv, WANTED, lab.logs / 'pip-ironic.log')
        port = peers.free_port()
        self.url = f'http://127.0.0.1:{port}/v1'
        folder.mkdir()
        config = folder / 'ironic.conf'
        config.write_text(_CONFIG.format(
            folder=folder, port=port, published=published.folder,
            types=','.join(types),
            boot=','.join(f'{name}-virtual-media' for name in types),
            published_url=published.url('').rstrip('/')))
        words = ('--config-file', str(config))
        subprocess.run([venv / 'bin/ironic-dbsync', *words, 'create_schema'],
                       check=True, capture_output=True, timeout=300)
        self.log = folder / 'ironic.log'
        self._types = types
        self._output = (folder / 'output').open('wb')
        self._process = subprocess.Popen(
            [venv / 'bin/ironic', *words], stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PATH': f'{venv}/bin:{os.environ["PATH"]}'})
        peers.wait_until(self._answers, timeout_s=120)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        try:
            return self.call('GET', f'/drivers/{self._types[-1]}') is not None
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, body: object = None) -> dict:
        answer = requests.request(
            method, self.url + path, json=body, timeout=60,
            headers={'X-OpenStack-Ironic-API-Version': _VERSION})
        if answer.status_code >= 400:
            raise requests.HTTPError(f'{answer.status_code} {answer.text}')
        return answer.json() if answer.content else {}

    def wait_for(self, path: str, **wanted: object) -> None:
        """Wait until a node's fields are as they are wanted."""
        end = time.monotonic() + 120
        while True:
            found = self.call('GET', path)
            if all(found[name] == value for name, value in wanted.items()):
                return
            assert time.monotonic() < end, (
                {name: found[name] for name in wanted}, found['last_error'])
            time.sleep(0.5)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._output.close()
