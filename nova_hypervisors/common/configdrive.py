# SPDX-License-Identifier: Apache-2.0
"""Config drives: what a guest is to know of itself, as an ISO image.

What is on it is Nova's matter.  The image is written here, by a library: Nova
would run mkisofs, which Debian and macOS do not have under that name.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from pathlib import PurePosixPath

import pycdlib
from nova.api.metadata import base as instance_metadata
from nova.virt import configdrive

from nova_hypervisors.common import request

# By which cloud-init and its like find it.
_LABEL = 'config-2'

# File names as long as they come, in each of the three ways to store them.
_INTERCHANGE_LEVEL = 4
_JOLIET_LEVEL = 3
_ROCK_RIDGE = '1.09'


def write(spawn: request.SpawnRequest, path: Path) -> None:
    """Write a server's config drive; nobody else may read it.

    The administrator's password and files that were sent along are on it.
    """
    extra = ({'admin_pass': spawn.admin_password} if spawn.admin_password
             else {})
    metadata = instance_metadata.InstanceMetadata(
        spawn.instance, content=spawn.injected_files, extra_md=extra,
        network_info=spawn.network_info)
    files = configdrive.ConfigDriveBuilder(instance_md=metadata).mdfiles
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, 'wb') as target:
        write_iso(files, target)


def write_iso(files: Iterable[tuple[str, str | bytes]],
              target: io.BufferedWriter) -> None:
    """Write an ISO image.

    :param files: their paths, and what is in them
    """
    image = pycdlib.PyCdlib()
    image.new(interchange_level=_INTERCHANGE_LEVEL, joliet=_JOLIET_LEVEL,
              rock_ridge=_ROCK_RIDGE, vol_ident=_LABEL)
    known = {PurePosixPath('/')}
    for name, content in files:
        path = PurePosixPath('/', name)
        for folder in reversed(path.parents):
            if folder not in known:
                image.add_directory(str(folder), rr_name=folder.name,
                                    joliet_path=str(folder))
                known.add(folder)
        data = content.encode() if isinstance(content, str) else content
        image.add_fp(io.BytesIO(data), len(data), str(path),
                     rr_name=path.name, joliet_path=str(path))
    image.write_fp(target)
    image.close()
