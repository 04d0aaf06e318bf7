# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from cliff import command

import nova_hypervisors

_SHIM = Path('nova/virt/nova_hypervisors')


class Link(command.Command):
    """Put the file into Nova by which Nova finds these drivers.

    A wheel that is installed beside Nova brings the file along.  Where Nova
    is a checkout, or a distribution's package, it has to be linked in.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--remove', action='store_true',
                            help='take the link away again')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        try:
            done = unlink() if parsed_args.remove else link()
        except OSError as error:
            self.app.stderr.write(f'{error.filename2 or error.filename}: '
                                  f'{error.strerror}\n')
            return 1
        self.app.stdout.write(f'{done}\n')
        return 0


def nova_folder() -> Path:
    """Return the folder of the Nova that this Python imports.

    :raises FileNotFoundError: there is none
    """
    spec = importlib.util.find_spec('nova')
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            2, 'no Nova is installed for this Python', 'nova')
    return Path(spec.origin).parent


def link() -> str:
    """Link the shim into Nova; return what was done."""
    target = nova_folder().parent / _SHIM
    source = Path(nova_hypervisors.__file__).parent.parent / _SHIM
    if target.resolve() == source.resolve() and source.is_dir():
        return f'{target} is there already'
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        raise FileExistsError(
            17, 'is there and is not a link: uninstall the package that '
            'brought it first', str(target))
    target.symlink_to(source, target_is_directory=True)
    return f'{target} -> {source}'


def unlink() -> str:
    """Take the link away; return what was done."""
    target = nova_folder().parent / _SHIM
    if not target.is_symlink():
        return f'{target} is not a link: nothing to remove'
    target.unlink()
    return f'{target} removed'
