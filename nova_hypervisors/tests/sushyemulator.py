# SPDX-License-Identifier: Apache-2.0
"""sushy-tools' emulator of a BMC, in a process of its own.

Its machine takes from one second to eleven to change its power, by chance.
Here it takes none.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from nova_hypervisors.tests import peers

# Of the password "se cret", as htpasswd -B writes it down.
_USERS = 'admin:$2b$05$Xb6VwCtYSEs8g7J2JUXVQOy3WO0eUjyBUP0rV9A0J8e3T2EF9Xq0m\n'


class Emulator:
    """Runs with one machine, over HTTPS."""

    def __init__(self, folder: Path, certificate: str, key: str) -> None:
        port = peers.free_port()
        self.url = f'https://127.0.0.1:{port}'
        config = folder / 'emulator.conf'
        config.write_text('\n'.join(f'SUSHY_EMULATOR_{name} = {value!r}'
                                    for name, value in {
            'LISTEN_IP': '127.0.0.1', 'LISTEN_PORT': port,
            'FAKE_DRIVER': True, 'SSL_CERT': certificate, 'SSL_KEY': key,
            'STATE_DIR': str(folder),
        }.items()))
        self._log = (folder / 'log').open('wb')
        self._process = subprocess.Popen(
            [sys.executable, '-m', __name__, '--config', str(config)],
            stdout=self._log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while not _listens(port):
            assert self._process.poll() is None, 'see its log'
            assert time.monotonic() < end
            time.sleep(0.1)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def main() -> None:
    from sushy_tools.emulator import main as emulator
    random.randint = lambda low, high: 0
    emulator.main()


if __name__ == '__main__':
    main()
