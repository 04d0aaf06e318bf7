# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse

from cliff import command

from nova_hypervisors.capabilities import registry
from nova_hypervisors.capabilities import render


class Matrix(command.Command):
    """Show what each driver supports, and which tests have proven it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--driver', action='append', choices=sorted(registry.COLUMNS),
            help='show this driver only; may be given again')
        parser.add_argument(
            '-f', '--format', choices=sorted(render.FORMATS), default='table',
            help='the output format (default: %(default)s)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        columns = parsed_args.driver or list(registry.COLUMNS)
        self.app.stdout.write(
            render.FORMATS[parsed_args.format](columns) + '\n')
