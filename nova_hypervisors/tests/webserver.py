# SPDX-License-Identifier: Apache-2.0
"""A web server, of busybox."""

from __future__ import annotations

import contextlib
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path

from lab import openstack
from nova_hypervisors.tests import peers


@contextlib.contextmanager
def running(folder: Path) -> Iterator[types.SimpleNamespace]:
    """Yield the folder that it hands out, and its URL."""
    port = peers.free_port()
    process = subprocess.Popen(
        ['busybox', 'httpd', '-f', '-p', f'127.0.0.1:{port}', '-h', folder])
    try:
        peers.wait_until(lambda: openstack.listens(port), timeout_s=10)
        yield types.SimpleNamespace(folder=folder,
                                    url=f'http://127.0.0.1:{port}')
    finally:
        process.kill()
        process.wait()
