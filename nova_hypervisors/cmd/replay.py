# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cliff import lister

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import replaying

_COLUMNS = ('Call', 'At (s)', 'ms', 'Seam', 'Operation', 'Recorded',
            'Replayed')
_WELL = 'ok'


class Replay(lister.Lister):
    """Understand a failed operation again from the file that it has left.

    What the hypervisor answered goes through the code of this version; no
    hypervisor is called.  Then the standard error says which error came out.

    The exit status is 0 if it is the one of the file, 1 if it is another or
    none, and 2 if the file cannot be used.
    """

    _status = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            'file', type=Path,
            help='that nova-compute has written: see [incidents] directory')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        replayed = replaying.replay(bundles.load(parsed_args.file))
        self._status = int(not replayed.is_same)
        self.app.stderr.write(_told(replayed))
        return _COLUMNS, [_row(number, call)
                          for number, call in enumerate(replayed.calls)]

    def run(self, parsed_args: argparse.Namespace) -> int:
        try:
            return super().run(parsed_args) or self._status
        except bundles.Unusable as error:
            self.app.stderr.write(f'{error}\n')
            return 2


def _row(number: int, made: replaying.Replayed) -> tuple[object, ...]:
    call = made.call
    again = made.why_not or str(made.error or _WELL)
    if made.is_same:
        again = 'the same'
    elif made.why_not:
        again = f'not replayed: {made.why_not}'
    return (number, f'{call.at_s:.3f}', f'{call.seconds * 1000:.1f}',
            call.seam, call.operation, str(call.error or _WELL), again)


def _told(replayed: replaying.Replay) -> str:
    bundle = replayed.bundle
    about = f'server {bundle.server}' if bundle.server else 'the host'
    lines = [
        (f'{bundle.operation} of {about} on {bundle.written}, after '
         f'{bundle.seconds:.3f} s'),
        ', '.join(f'{name} {text}' for name, text in (
            *bundle.hypervisor.items(), *bundle.versions.items())),
        *([f'{bundle.dropped} calls before these were not kept']
          if bundle.dropped else []),
        f'recorded: {bundle.error}',
        (f'replayed: {replayed.error or "no error"}'
         + (f' ({replayed.why_not})' if replayed.why_not else '')),
        'the same error' if replayed.is_same else 'NOT the same error']
    return '\n'.join(lines) + '\n'
