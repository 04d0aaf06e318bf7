# SPDX-License-Identifier: Apache-2.0
"""A server's console in a real browser, as a user has it.

The URL is from ``openstack console url show --novnc``, the page is noVNC by
nova-novncproxy, the browser is Chromium without a window.  What it shows is
compared with the machine's own screenshot, and what is typed into it is heard
on the guest's serial port.

Run with the Python of :func:`make_venv`: ``python -m lab.browser``.
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import layout
from lab import packages
from lab import processes
from lab import progress
from lab import virtualbox
from lab.openstack import config

#: In the root, beside what is there for the cloud.
PACKAGES = ('chromium', 'chromium-driver')

PYTHON_PACKAGES = ('pillow', 'selenium')
_DRIVER = 'chromedriver'
_NAME = 'browser'
_TYPED = 'xyzzy'
_WAIT_S = 120
_SIZE = '900,640'

# noVNC's own page draws the screen on the one canvas that there is.
PIXELS = ("return document.querySelector('canvas')"
          ".toDataURL('image/png').split(',')[1]")


def make_venv(lab: layout.Layout) -> Path:
    venv = lab.top / 'venvs/browser'
    packages.make_venv(lab, venv, PYTHON_PACKAGES,
                       lab.logs / 'pip-browser.log')
    return venv


#: A browser under control; of an untyped library.
Window = Any


def open_window(port: int) -> Window:
    """:param port: of chromedriver"""
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    for word in ('headless=new', 'no-sandbox', 'disable-gpu',
                 'disable-dev-shm-usage', f'window-size={_SIZE}'):
        options.add_argument(f'--{word}')
    return webdriver.Remote(f'http://127.0.0.1:{port}', options=options)


def canvas(window: Window) -> list[Any]:
    """Return what noVNC draws on, if it does already."""
    from selenium.webdriver.common.by import By
    return list(window.find_elements(By.TAG_NAME, 'canvas'))


class Walk:
    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        self._lab = lab
        self._show = show
        self._env = {**os.environ, **config.variables(lab)}
        self._processes = processes.Processes(lab)
        self._log = lab.logs / 'nova-novncproxy.log'
        self._id = ''
        self.picture = lab.top / 'demo/browser.png'

    def run(self) -> None:
        """:raises LabError: a step failed; says which"""
        self._processes.start(_DRIVER, (
            *packages.in_root(self._lab.root, tmp=self._lab.tmp), _DRIVER,
            f'--port={layout.PORTS[_DRIVER]}'), {**self._env, 'HOME': '/tmp'})
        try:
            with self._show.step('a server'):
                self._create()
            self._look()
        finally:
            self._processes.stop((_DRIVER,), timeout_s=10)
            if self._id:
                self._openstack('server', 'delete', '--wait', self._id)

    def _openstack(self, *words: str) -> str:
        done = subprocess.run(
            [self._lab.cloud / 'bin/openstack', *words], env=self._env,
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise progress.LabError(done.stderr.strip())
        return done.stdout.strip()

    def _create(self) -> None:
        self._id = self._openstack(
            'server', 'create', '--image', 'guest-qcow2', '--flavor',
            'm1.nano', '--network', 'flat', '--wait', '-f', 'value', '-c',
            'id', _NAME)
        progress.wait_until('the guest does not say anything',
                            lambda: 'beat' in self._said(), _WAIT_S,
                            self._lab.logs / 'nova-compute.log')

    def _said(self) -> str:
        return self._openstack('console', 'log', 'show', self._id)

    def _look(self) -> None:
        url = self._openstack('console', 'url', 'show', '--novnc', '-f',
                              'value', '-c', 'url', self._id)
        with self._show.step('a browser'):
            browser = open_window(layout.PORTS[_DRIVER])
        try:
            with self._show.step('its page has the screen of the machine'):
                browser.get(url)
                progress.wait_until(
                    'the page draws no screen', lambda: bool(canvas(browser)),
                    _WAIT_S, self._log)
                # Nothing moves any more, neither here nor there.
                self._openstack('server', 'pause', self._id)
                progress.wait_until(
                    'the browser shows something else than the machine',
                    lambda: pixels(base64.b64decode(
                        browser.execute_script(PIXELS))) == self._screen(),
                    _WAIT_S, self._log)
                self.picture.parent.mkdir(exist_ok=True)
                browser.save_screenshot(str(self.picture))
                self._openstack('server', 'unpause', self._id)
            with self._show.step('what is typed there gets to the guest'):
                canvas(browser)[0].send_keys(_TYPED)
                progress.wait_until('the guest does not repeat it',
                                    self._is_repeated, _WAIT_S, self._log)
        finally:
            browser.quit()

    def _is_repeated(self) -> bool:
        """Look for what was typed, in the guest's order."""
        said = iter(self._said().rpartition('guest up')[2])
        return all(letter in said for letter in _TYPED)

    def _screen(self) -> tuple[tuple[int, int], bytes]:
        path = self._lab.tmp / 'screen.png'
        virtualbox.manage(
            self._lab, self._lab.virtualbox_home, 'controlvm', self._id,
            'screenshotpng', '/tmp/screen.png' if self._lab.root.exists()
            else str(path))
        return pixels(path.read_bytes())


def pixels(picture: bytes) -> tuple[tuple[int, int], bytes]:
    from PIL import Image
    image = Image.open(io.BytesIO(picture)).convert('RGB')
    return image.size, image.tobytes()


def main() -> int:
    lab = layout.Layout.from_environment()
    walk = Walk(lab, progress.Progress())
    try:
        walk.run()
    except progress.LabError as error:
        print(f'\nFAILED: {error}', file=sys.stderr)
        if error.log is not None:
            print(f'See {error.log}', file=sys.stderr)
        return 1
    print(f'''
The page as a picture: {walk.picture}
The cloud goes on running.  To stop it: make down.''')
    return 0


if __name__ == '__main__':
    sys.exit(main())
