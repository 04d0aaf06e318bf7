# SPDX-License-Identifier: Apache-2.0
"""A simulated ESX host: govmomi's simulator, built in the lab's root."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

#: Debian's Go, and the simulator with what it needs of other packages.
PACKAGES = ('golang-go', 'golang-github-vmware-govmomi-dev',
            'golang-github-google-uuid-dev')

#: Who logs in to the simulated host.
USER = 'root'

_SOURCE = Path(__file__).parent / 'main.go'


def certificate(lab: layout.Layout) -> Path:
    """Return where the simulator writes what to trust."""
    return lab.state / 'vcsim.pem'


def command(lab: layout.Layout, password: str) -> tuple[str | Path, ...]:
    """Return what starts the simulator."""
    return (lab.vcsim, '-l', f'127.0.0.1:{layout.PORTS["vcsim"]}', '-ca',
            certificate(lab), '-user', USER, '-pass', password)


def make(lab: layout.Layout, log: Path) -> None:
    """Build the simulator, unless it is built of the same source."""
    built = lab.tmp / 'vcsim'
    kept = built / _SOURCE.name
    if lab.vcsim.exists() and kept.exists() and (
            kept.read_bytes() == _SOURCE.read_bytes()):
        return
    packages.add_to_root(lab, PACKAGES, log)
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    shutil.copy(_SOURCE, built)
    progress.run(
        (*packages.in_root(lab.root, tmp=lab.tmp), 'env', 'GO111MODULE=off',
         'GOPATH=/usr/share/gocode', 'GOCACHE=/tmp/vcsim/cache',
         'GOFLAGS=-trimpath', 'CGO_ENABLED=0', 'go', 'build', '-o',
         '/tmp/vcsim/vcsim', f'/tmp/vcsim/{_SOURCE.name}'), log)
    shutil.rmtree(built / 'cache', ignore_errors=True)
    (built / 'vcsim').replace(lab.vcsim)
