# SPDX-License-Identifier: Apache-2.0
"""What can be known to go wrong before anything was begun."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

_OLDEST_PYTHON = (3, 11)
_DISK_GB = 6
_MEMORY_GB = 3
_REGISTRY_S = 15


def check(lab: layout.Layout, running: bool) -> None:
    """:param running: the lab's own services have their ports already

    :raises LabError: says what is missing and what to do
    """
    if sys.version_info < _OLDEST_PYTHON:
        raise progress.LabError(
            f'Python {sys.version.split()[0]} is too old: Nova needs 3.11')
    if os.geteuid() != 0:
        raise progress.LabError(
            'this needs root, to install packages and to make a file system '
            'root: run it with sudo')
    if shutil.which('apt-get') is None:
        raise progress.LabError('this needs Debian or Ubuntu: there is no '
                                'apt-get here')
    _check_disk(lab.top)
    _check_memory()
    if not running:
        _check_ports()
    if not (lab.root / '.done').exists():
        _check_registries()


def _check_disk(top: Path) -> None:
    there = next(folder for folder in (top, *top.parents) if folder.exists())
    if (top / 'root/.done').exists():
        return
    free_gb = shutil.disk_usage(there).free / 1e9
    if free_gb < _DISK_GB:
        raise progress.LabError(
            f'{there} has {free_gb:.1f} GB free and {_DISK_GB} GB are '
            'needed: make room, or set LAB_DIR to another folder')


def _check_memory() -> None:
    fields = dict(line.split(':') for line in
                  Path('/proc/meminfo').read_text().splitlines())
    available_gb = int(fields['MemAvailable'].split()[0]) / 1e6
    if available_gb < _MEMORY_GB:
        raise progress.LabError(
            f'{available_gb:.1f} GB of memory are available and '
            f'{_MEMORY_GB} GB are needed')


def _check_ports() -> None:
    taken = [f'{port} ({name})' for name, port in layout.PORTS.items()
             if not _is_free(port)]
    if taken:
        raise progress.LabError(
            f'ports that the lab needs are taken: {", ".join(taken)}. '
            'Another lab? Stop it with "make down" and its LAB_DIR')


def _check_registries() -> None:
    """Ask the places from which everything is installed, once."""
    mirror = packages.mirror(packages.distribution().name)
    try:
        urllib.request.urlopen(mirror, timeout=_REGISTRY_S).close()
    except urllib.error.HTTPError:
        pass  # it answers
    except OSError as error:
        raise progress.LabError(
            f"{mirror}, from apt's sources, cannot be reached: {error}"
        ) from error
    pip = (sys.executable, '-m', 'pip')
    if not progress.output_of((*pip, '--version')):
        return  # a Python without it: it comes with the first packages
    if not progress.output_of((*pip, '--timeout', str(_REGISTRY_S),
                               '--retries', '1', 'index', 'versions', 'uv')):
        raise progress.LabError(
            'pip reaches no package index: see "pip config list", and try '
            '"pip download uv"')


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
