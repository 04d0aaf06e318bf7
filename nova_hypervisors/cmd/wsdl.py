# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from pathlib import Path

from cliff import command


class Wsdl(command.Command):
    """Write the WSDL by which the ESX driver talks to a host.

    The driver makes it by itself; this is for whoever wants to look at it, or
    to give it to the driver by [vmware] wsdl_location.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('folder', type=Path,
                            help='where it is written; made if need be')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        try:
            # Of the extra "vmware", which others need not have.
            from nova_hypervisors.clients.vsphere import wsdl
        except ImportError as error:
            self.app.stderr.write(
                f'{error}: pip install "nova-hypervisors[vmware]"\n')
            return 1
        path = parsed_args.folder / wsdl.NAME
        try:
            wsdl.write(path)
        except OSError as error:
            self.app.stderr.write(f'{path}: {error.strerror}\n')
            return 1
        self.app.stdout.write(f'{path}\n')
        return 0
