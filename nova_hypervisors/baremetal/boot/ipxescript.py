# SPDX-License-Identifier: Apache-2.0
"""The script by which iPXE boots a volume: no I/O here.

Sources: iPXE's documentation of its command ``sanboot``, of the URIs of SAN
devices (RFC 4173, with the number of a disk in hexadecimal digits), and of
the types of its settings.
"""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.common import iscsi


def boot_volume(volume: iscsi.Connection, initiator: str,
                has_address: bool = True) -> str:
    """Return what iPXE is to do.

    :param initiator: the name by which it logs in
    :param has_address: it was booted by network
    :raises InvalidArgument: there is a name that no script can have
    """
    lines = ['#!ipxe'] if has_address else ['#!ipxe', 'dhcp || shell']
    lines.append(f'set initiator-iqn {_word(initiator)}')
    if volume.user:
        # A script knows no quotes; these are what the words are made of.
        lines += [f'set username:hex {_hex(volume.user)}',
                  f'set password:hex {_hex(volume.secret)}']
    lines.append(f'sanboot iscsi:{_word(volume.address)}:6:{volume.port}:'
                 f'{volume.lun:x}:{_word(volume.iqn)} || shell')
    return '\n'.join(lines) + '\n'


def _word(text: str) -> str:
    if (not text or not text.isascii() or not text.isprintable()
            or set(text) & set(' $')):
        raise errors.InvalidArgument(
            f'iPXE cannot be told the name {text!r} in a script')
    return text


def _hex(text: str) -> str:
    return text.encode().hex(':')
