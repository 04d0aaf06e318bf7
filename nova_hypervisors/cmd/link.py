# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
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
    first = importlib.util.find_spec('nova')
    specs = [first]
    if first is not None and first.origin is None:
        # Our own folder, see below.
        specs = [finder.find_spec('nova', None) for finder in sys.meta_path]
    for spec in specs:
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent
    raise FileNotFoundError(2, 'no Nova is installed for this Python', 'nova')


def link() -> str:
    """Link the shim into Nova; return what was done."""
    target = nova_folder().parent / _SHIM
    if target.resolve() == _brought().resolve() and _brought().is_dir():
        return f'{target} is there already'
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        raise FileExistsError(
            17, 'is there and is not a link: uninstall the package that '
            'brought it first', str(target))
    if _hides_nova():
        _put_aside()
    source = _aside() if _aside().is_dir() else _brought()
    target.symlink_to(source, target_is_directory=True)
    return f'{target} -> {source}'


def unlink() -> str:
    """Take the link away; return what was done."""
    target = nova_folder().parent / _SHIM
    if not target.is_symlink():
        return f'{target} is not a link: nothing to remove'
    target.unlink()
    return f'{target} removed'


def _brought() -> Path:
    """Return where this package brings the shim."""
    return Path(nova_hypervisors.__file__).parent.parent / _SHIM


def _aside() -> Path:
    return Path(nova_hypervisors.__file__).parent / 'shim'


def _hides_nova() -> bool:
    """Return whether "import nova" finds our folder instead of Nova.

    So it does where a wheel of this package is beside a Nova that was
    installed with "pip install -e": Python takes a folder without
    __init__.py, such as our nova/, for a package in pieces, and asks the
    finder of that Nova last.
    """
    spec = importlib.util.find_spec('nova')
    return (spec is not None and spec.origin is None
            and str(_brought().parent.parent)
            in (spec.submodule_search_locations or ()))


def _put_aside() -> None:
    """Put the shim where it hides nothing, for good.

    pip would leave the empty folders behind, and they hide Nova as well.
    """
    shutil.rmtree(_aside(), ignore_errors=True)
    shutil.move(_brought(), _aside())
    for folder in (_brought().parent, _brought().parent.parent):
        if any(folder.iterdir()):
            break
        folder.rmdir()
