# SPDX-License-Identifier: Apache-2.0
"""The files by which a node boots by network: no decision is made here.

Sources: "PXELINUX" in Syslinux's documentation, iPXE's documentation of its
scripts, and dnsmasq(8): dhcp-hostsdir, dhcp-optsdir.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal.ramdisk import builder

PXELINUX, IPXE = 'pxelinux', 'ipxe'

_KERNEL, _RAMDISK, _PARAMETERS = 'kernel', 'ramdisk', 'parameters'
# What iPXE runs first; it finds the one for the machine.
_IPXE_FIRST = '#!ipxe\nchain ${net0/mac:hexhyp}.ipxe || shell\n'
IPXE_FIRST_NAME = 'boot.ipxe'

_MODE, _FOLDER_MODE = 0o644, 0o755
# For what has a secret that lasts: see Files.write_script.
_SECRET_MODE = 0o640


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """What a node is to boot.

    :param parameters: see media.parameters_text; None for a server's own
        kernel
    """

    kernel: Path
    ramdisk: Path
    append: str
    parameters: Mapping[str, str] | None = None
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)


class Files:
    """The files of one node.

    :param url: at which a web server hands out the root; '' for none
    """

    def __init__(self, root: Path, uuid: str, addresses: Sequence[str],
                 loader: str, url: str = '') -> None:
        self._root = root
        self._uuid = uuid
        self._addresses = [address.lower().replace(':', '-')
                           for address in addresses]
        self._loader = loader
        self._url = url.rstrip('/')

    def write(self, boot: Boot) -> None:
        """Write them, in the place of what was there."""
        self.remove()
        # The folder's name cannot be guessed; only who asks for a node's own
        # file learns it.
        name = f'{self._uuid}-{secrets.token_hex(8)}'
        folder = self._root / name
        folder.mkdir(mode=_FOLDER_MODE, parents=True)
        names = [_KERNEL, _RAMDISK]
        _link(boot.kernel, folder / _KERNEL)
        _link(boot.ramdisk, folder / _RAMDISK)
        if boot.parameters is not None:
            names.append(_PARAMETERS)
            builder.pack_parameters(dict(boot.parameters), dict(boot.files),
                                    folder / _PARAMETERS)
            (folder / _PARAMETERS).chmod(_MODE)
        words = ' '.join(media.append_words(boot.append))
        text = (self._pxelinux(name, names, words)
                if self._loader == PXELINUX
                else self._ipxe(name, names, words))
        if self._loader == IPXE:
            _write(self._root / IPXE_FIRST_NAME, _IPXE_FIRST)
        for path in self._paths():
            path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _write(path, text)

    def write_script(self, text: str) -> None:
        """Write what iPXE is to do, in the place of what was there.

        There may be a secret in it: nobody reads it but the group of the
        root, which the servers of TFTP and HTTP have to be in.

        :raises OSError: it cannot be given to that group
        """
        self.remove()
        _write(self._root / IPXE_FIRST_NAME, _IPXE_FIRST)
        for path in self._paths():
            _write(path, text, _SECRET_MODE, self._root.stat().st_gid)

    def remove(self) -> None:
        """Remove all that there is of the node."""
        for path in self._paths():
            path.unlink(missing_ok=True)
        if self._root.exists():
            for folder in self._root.glob(f'{self._uuid}-*'):
                shutil.rmtree(folder)

    def _paths(self) -> list[Path]:
        if self._loader == PXELINUX:
            # 01 is the type of the hardware: Ethernet.
            return [self._root / 'pxelinux.cfg' / f'01-{address}'
                    for address in self._addresses]
        return [self._root / f'{address}.ipxe'
                for address in self._addresses]

    @staticmethod
    def _pxelinux(folder: str, names: list[str], words: str) -> str:
        initrd = ','.join(f'{folder}/{name}' for name in names[1:])
        return ('serial 0 115200\nprompt 0\ndefault boot\nlabel boot\n'
                f'kernel {folder}/{_KERNEL}\n'
                f'append initrd={initrd} {words}\nipappend 2\n')

    def _ipxe(self, folder: str, names: list[str], words: str) -> str:
        base = f'{self._url}/{folder}' if self._url else folder
        initrds = ' '.join(f'initrd={name}' for name in names[1:])
        loads = ''.join(f'initrd --name {name} {base}/{name} || shell\n'
                        for name in names[1:])
        return ('#!ipxe\n'
                f'kernel {base}/{_KERNEL} {initrds} {words} || shell\n'
                f'{loads}boot || shell\n')


@dataclasses.dataclass(frozen=True, slots=True)
class Dnsmasq:
    """The two folders that dnsmasq looks into again when they change."""

    hosts: Path
    options: Path

    def write(self, uuid: str, addresses: Sequence[str], bootfile: str,
              server: str) -> None:
        tag = _tag(uuid)
        for address in addresses:
            _write(self.hosts / _host_name(address),
                   f'{address.lower()},set:{tag}\n')
        _write(self.options / uuid,
               f'tag:{tag},option:bootfile-name,{bootfile}\n'
               f'tag:{tag},option:server-ip-address,{server}\n'
               f'tag:{tag},option:tftp-server,{server}\n')

    def remove(self, uuid: str, addresses: Sequence[str]) -> None:
        for address in addresses:
            (self.hosts / _host_name(address)).unlink(missing_ok=True)
        (self.options / uuid).unlink(missing_ok=True)


def neutron_options(bootfile: str, server: str) -> list[dict[str, str]]:
    """Return the ``extra_dhcp_opts`` of a port."""
    return [{'opt_name': 'bootfile-name', 'opt_value': bootfile},
            {'opt_name': 'server-ip-address', 'opt_value': server},
            {'opt_name': 'tftp-server', 'opt_value': server}]


def _tag(uuid: str) -> str:
    return f'node-{uuid}'


def _host_name(address: str) -> str:
    return f'{address.lower().replace(":", "-")}.conf'


def _link(source: Path, target: Path) -> None:
    """Give a file another name, or copy it where that does not do."""
    if source.stat().st_mode & stat.S_IROTH:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    target.chmod(_MODE)


def _write(path: Path, text: str, mode: int = _MODE,
           group: int = -1) -> None:
    part = path.with_name(f'.{path.name}.part')
    part.unlink(missing_ok=True)
    with open(part, 'x', encoding='ascii', opener=_private) as file:
        # By its name, which an error has then.
        os.chown(part, -1, group)
        os.fchmod(file.fileno(), mode)
        file.write(text)
    part.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
