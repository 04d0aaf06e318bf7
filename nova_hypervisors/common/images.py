# SPDX-License-Identifier: Apache-2.0
"""From an image in Glance to a disk file that a hypervisor may open.

An image is whatever a tenant uploaded, and a hypervisor that opens it follows
the names of other files in it.  So it is looked at three times (by Nova's
format inspector, by qemu-img, and by us), and what a hypervisor opens in the
end was written by our own qemu-img.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nova import context as nova_context
from nova import exception
from nova.virt import images
from oslo_concurrency import processutils
from oslo_utils import imageutils
from oslo_utils import units
from oslo_utils.imageutils import format_inspector

# Glance's names of the formats that we take, and qemu-img's.
QEMU_FORMATS = {
    'iso': 'raw',
    'qcow2': 'qcow2',
    'raw': 'raw',
    'vdi': 'vdi',
    'vhd': 'vpc',
    'vhdx': 'vhdx',
    'vmdk': 'vmdk',
}

_ADDRESS_SPACE = 2 * units.Gi

# What a format adds to the data, at most: tables, and the last block.
_OVERHEAD = 64 * units.Mi

_VMDK_MAGIC = b'KDMV'
_VMDK_SECTOR = 512
_VMDK_LARGEST_DESCRIPTOR = units.Mi
_NO_PARENT = 'ffffffff'


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image on this host that has been found harmless.

    :param format: Glance's name of it
    :param virtual_size: of the disk that it holds, in bytes
    """

    ref: str
    path: Path
    format: str
    virtual_size: int


def fetch(context: nova_context.RequestContext, image_ref: str, path: Path,
          trusted_certs: Any = None) -> Image:
    """Download an image and look at it.

    :param trusted_certs: objects.TrustedCerts, with which its signature is
        checked
    :raises ImageUnacceptable: it is not what it should be; says why
    """
    images.fetch(context, image_ref, str(path), trusted_certs)
    metadata = images.get_info(context, image_ref)
    have, announced = path.stat().st_size, metadata.get('size')
    if announced is not None and have != announced:
        # A raw image that is cut would pass for a smaller one.
        raise _unacceptable(
            image_ref, f'{have} of its {announced} bytes came from Glance')
    return inspect(image_ref, metadata, path)


def inspect(image_ref: str, metadata: dict[str, Any], path: Path) -> Image:
    """Find out whether an image file may be converted.

    :param metadata: what Glance says of the image: disk_format is read
    :raises ImageUnacceptable: no; says why
    """
    disk_format = metadata['disk_format']
    if disk_format not in QEMU_FORMATS:
        raise _unacceptable(
            image_ref, f'disk_format {disk_format} is not one of '
            + ', '.join(sorted(QEMU_FORMATS)))
    reason = _inspector_refusal(disk_format, path)
    if reason is not None:
        raise _unacceptable(image_ref, reason)
    try:
        info = images.qemu_img_info(str(path),
                                    format=QEMU_FORMATS[disk_format])
    except exception.InvalidDiskInfo as err:
        # Its own message is a command line.
        reason = getattr(err.__context__, 'stderr', '') or str(err)
        raise _unacceptable(image_ref, reason.strip()) from err
    reason = _refusal(info, path)
    if reason is not None:
        raise _unacceptable(image_ref, reason)
    if disk_format == 'vmdk':
        images.check_vmdk_image(image_ref, info)
        reason = _vmdk_refusal(path)
        if reason is not None:
            raise _unacceptable(image_ref, reason)
    return Image(image_ref, path, disk_format, info.virtual_size)


def _unacceptable(image_ref: str, reason: str) -> Exception:
    return exception.ImageUnacceptable(image_id=image_ref, reason=reason)


def _inspector_refusal(disk_format: str, path: Path) -> str | None:
    """Return why an image must not be opened, from how its bytes look.

    What images.do_image_deep_inspection does, but for its answer: that is
    "not in a supported format", whatever was wrong.
    """
    try:
        found = images.get_image_format(str(path))
        found.safety_check()
    except format_inspector.SafetyCheckFailed as err:
        return f'it does not pass the safety check: {err}'
    except format_inspector.ImageFormatError as err:
        return f'it is no sound image: {err}'
    name = str(found)
    # A disk with partitions is raw too.
    if name != disk_format and (disk_format, name) != ('raw', 'gpt'):
        return (f'its disk_format in Glance is {disk_format} and its content '
                f'is {name}')
    return None


def _refusal(info: imageutils.QemuImgInfo, path: Path) -> str | None:
    """Return why an image must not be opened, from what qemu-img says."""
    data = (info.format_specific or {}).get('data') or {}
    if info.backing_file:
        return f'it has a backing file: {info.backing_file}'
    if data.get('data-file'):
        return f'its data is in another file: {data["data-file"]}'
    if info.encrypted:
        return 'it is encrypted'
    for extent in data.get('extents', ()):
        if extent['filename'] != str(path):
            return f'one of its extents is {extent["filename"]}'
    return None


def _vmdk_refusal(path: Path) -> str | None:
    """Return why a sparse VMDK must not be opened, from its descriptor.

    qemu-img ignores the parent's name in an embedded descriptor, and the
    names of extents.  Other programs follow them.
    """
    text = _vmdk_descriptor(path)
    if text is None:
        return 'it has no embedded descriptor'
    parent = re.search(r'^\s*parentFileNameHint\s*=\s*(.*)$', text,
                       re.MULTILINE | re.IGNORECASE)
    if parent is not None:
        return f'it has a parent: {parent[1].strip()}'
    cid = re.search(r'^\s*parentCID\s*=\s*(\w+)', text,
                    re.MULTILINE | re.IGNORECASE)
    if cid is not None and cid[1].lower() != _NO_PARENT:
        return f'it has a parent, with the content ID {cid[1]}'
    extents = re.findall(r'^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)(.*)$',
                         text, re.MULTILINE | re.IGNORECASE)
    if len(extents) != 1 or extents[0][0].upper() != 'SPARSE':
        return 'it is not made of one sparse extent'
    if re.search(r'[/\\]|\.\.', extents[0][1]):
        return f'its extent is in another folder: {extents[0][1].strip()}'
    return None


def _vmdk_descriptor(path: Path) -> str | None:
    """Read the descriptor that is embedded in a sparse VMDK.

    Source: VMware Virtual Disk Format 1.1, "Hosted Sparse Extents".
    """
    with path.open('rb') as file:
        header = file.read(_VMDK_SECTOR)
        if not header.startswith(_VMDK_MAGIC) or len(header) < _VMDK_SECTOR:
            return None
        offset, size = struct.unpack_from('<QQ', header, 28)
        file.seek(offset * _VMDK_SECTOR)
        data = file.read(min(size * _VMDK_SECTOR, _VMDK_LARGEST_DESCRIPTOR))
    return data.rstrip(b'\0').decode('utf-8', errors='replace') or None


def convert(source: Path, source_format: str, target: Path,
            target_format: str, *, virtual_size: int, timeout_s: float,
            options: tuple[str, ...] = ()) -> None:
    """Let qemu-img write a disk anew, under limits.

    :param source_format: qemu-img's name: nothing is guessed
    :param virtual_size: of the target, in bytes
    :param options: more of qemu-img's options
    :raises ImageUnacceptable: qemu-img could not
    :raises OSError: there is no room
    """
    limits = {'as': _ADDRESS_SPACE, 'cpu': int(timeout_s),
              'fsize': virtual_size + virtual_size // 100 + _OVERHEAD}
    _qemu_img(source, 'convert', '-f', source_format, '-O', target_format,
              *options, str(source), str(target), limits=limits,
              timeout=int(timeout_s))


def create(path: Path, qemu_format: str, size: int) -> None:
    """Let qemu-img make an empty disk of ``size`` bytes."""
    _qemu_img(path, 'create', '-f', qemu_format, str(path), str(size))


def _limited(limits: Mapping[str, int],
             ) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return what limits a program: words before it, and arguments.

    util-linux's prlimit starts in a millisecond, and is there on Linux.  That
    of oslo.concurrency is a Python of its own, which takes longer than
    qemu-img does for a small image.

    :param limits: by the names that prlimit(1) has for them
    """
    if not limits:
        return (), {}
    if shutil.which('prlimit'):
        return ('prlimit', *(f'--{name}={value}' for name, value
                             in limits.items()), '--'), {}
    return (), {'prlimit': processutils.ProcessLimits(
        address_space=limits['as'], cpu_time=limits['cpu'],
        file_size=limits['fsize'])}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is still running: its time is over."""
    if process.poll() is None:
        process.kill()
        process.communicate()


def _qemu_img(subject: Path, *words: str,
              limits: Mapping[str, int] | None = None,
              timeout: int | None = None) -> None:
    before, more = _limited(limits or {})
    try:
        processutils.execute(*before, 'env', 'LC_ALL=C', 'qemu-img', *words,
                             on_completion=_end, timeout=timeout, **more)
    except subprocess.TimeoutExpired as err:
        raise exception.ImageUnacceptable(
            image_id=subject.name, reason=f'qemu-img {words[0]} took more '
            f'than {err.timeout:g} seconds') from err
    except (processutils.ProcessExecutionError, OSError) as err:
        detail = (getattr(err, 'stderr', '') or str(err)).strip()
        if os.strerror(errno.ENOSPC) in detail:
            # The image is not to blame.
            raise OSError(errno.ENOSPC, detail) from err
        raise exception.ImageUnacceptable(
            image_id=subject.name,
            reason=f'qemu-img {words[0]} failed: {detail}') from err


def size_mb(path: Path, image_format: str) -> int:
    """Return what a disk holds that our own programs have written."""
    info = images.qemu_img_info(str(path), format=image_format)
    return int(info.virtual_size) // units.Mi
