# SPDX-License-Identifier: Apache-2.0
"""A console of an ESX server in a real browser, without a cloud.

The page is noVNC by Nova's own proxy, the browser is Chromium without a
window.  The host is the fake one; the screen behind it, and the web socket in
which it is shown, are QEMU's.  What the browser shows is compared with what
QEMU says that its screen has, and what is typed into it is heard on the
machine's serial port.

Run with the Python of :func:`lab.browser.make_venv` and Nova: see ``make
browser-esx``.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import types
import uuid
from collections.abc import Iterator
from pathlib import Path

from lab import browser
from lab import layout
from lab import packages
from lab import progress
from nova_hypervisors import conf
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import webmkshost
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.vmwareapi import factory

_TYPED = 'xyzzy'
_WAIT_S = 60
_NOVNC = 'usr/share/novnc'


@contextlib.contextmanager
def _running(words: tuple[str | Path, ...], port: int,
             log: Path) -> Iterator[None]:
    """Run a program that listens on a port."""
    with log.open('ab') as file:
        process = subprocess.Popen(words, stdout=file, stderr=file,
                                   cwd=layout.CHECKOUT)
    try:
        progress.wait_until(f'{words[0]} does not listen',
                            lambda: _listens(port), _WAIT_S, log)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(
            ('127.0.0.1', port), 1):
        return True
    return False


def _server(host: esx.Host, folder: Path, machine: webmkshost.Qemu,
            stack: contextlib.ExitStack) -> tuple[int, str]:
    """Make a server whose screen is QEMU's; return where its console is."""
    conf.CONF([], project='nova', default_config_files=[])
    for name, value in {
            'host_ip': host.address, 'host_port': host.port,
            'host_username': host.user, 'host_password': host.password,
            'ca_file': str(host.ca_file), 'console_port': 0}.items():
        conf.CONF.set_override(name, value, 'vmware')
    conf.CONF.set_override('state_path', str(folder))
    client = factory.make_client(conf.CONF)
    parts = factory.make_parts(conf.CONF, None, print, client)
    parts.layout.make()
    client.connect()
    stack.callback(client.close)
    instance = types.SimpleNamespace(uuid=str(uuid.uuid4()))
    ref = client.create_machine(api.MachineSpec(
        uuid=instance.uuid, name='server', vcpus=1, memory_mb=64,
        path=parts.layout.instance(client.datastores()[0].name,
                                   instance.uuid).machine))
    client.power_on(ref)
    client.wait_for_state(ref, api.PowerState.ON, _WAIT_S)
    host.screens[ref] = machine.address
    parts.consoles.start()
    stack.callback(parts.consoles.stop)
    console = parts.consoles.vnc(instance)
    return console.port, console.internal_access_path


def run(lab: layout.Layout, show: progress.Progress) -> Path:
    """:raises LabError: a step failed; says which"""
    log = lab.logs / 'esx-browser.log'
    picture = lab.top / 'demo/esx-browser.png'
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with show.step('a machine of QEMU behind a fake ESX host'):
            for name in ('host', 'qemu'):
                (folder / name).mkdir()
            machine = webmkshost.Qemu(folder / 'qemu')
            stack.callback(machine.close)
            host = stack.enter_context(esx.running(folder / 'host'))
            relay_port, path = _server(host, folder, machine, stack)
        with show.step("Nova's proxy and a browser"):
            proxy_port, driver_port = layout.free_ports(2)
            stack.enter_context(_running(
                (sys.executable, '-m', 'lab.novncproxy', str(proxy_port),
                 str(relay_port), path, str(lab.root / _NOVNC)),
                proxy_port, log))
            stack.enter_context(_running(
                (*_chromedriver(lab), f'--port={driver_port}'), driver_port,
                log))
            window = browser.open_window(driver_port)
            stack.callback(window.quit)
        _look(window, machine, proxy_port, picture, log, show)
    return picture


def _chromedriver(lab: layout.Layout) -> tuple[str, ...]:
    """Return the words that run it: this machine's, or the root's."""
    if shutil.which('chromedriver'):
        return ('chromedriver',)
    return (*packages.in_root(lab.root, tmp=lab.tmp), 'chromedriver')


def _look(window: browser.Window, machine: webmkshost.Qemu, port: int,
          picture: Path, log: Path, show: progress.Progress) -> None:
    with show.step('its page has the screen of the machine'):
        window.get(f'http://127.0.0.1:{port}/vnc_lite.html?path=%3Ftoken%3Dx')
        progress.wait_until('the page draws no screen',
                            lambda: bool(browser.canvas(window)), _WAIT_S,
                            log)
        progress.wait_until(
            'the browser shows something else than the machine',
            lambda: _shown(window) == machine.picture(), _WAIT_S, log)
        picture.parent.mkdir(exist_ok=True)
        window.save_screenshot(str(picture))
    with show.step('what is typed there gets to the machine'):
        browser.canvas(window)[0].send_keys(_TYPED)
        progress.wait_until(
            'the machine does not hear it',
            lambda: machine.said.read_text() == _TYPED, _WAIT_S, log)


def _shown(window: browser.Window) -> tuple[tuple[int, int], bytes] | None:
    """Return size and pixels of what the page shows, if it shows anything."""
    data = base64.b64decode(window.execute_script(browser.PIXELS))
    return browser.pixels(data) if data else None


def main() -> int:
    lab = layout.Layout.from_environment()
    try:
        picture = run(lab, progress.Progress())
    except progress.LabError as error:
        print(f'\nFAILED: {error}', file=sys.stderr)
        if error.log is not None:
            print(f'See {error.log}', file=sys.stderr)
        return 1
    print(f'\nThe page as a picture: {picture}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
