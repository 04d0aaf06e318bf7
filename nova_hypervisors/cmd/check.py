# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from typing import Any

from cliff import lister

from nova_hypervisors.common import checks


class Check(lister.Lister):
    """Say what is wrong with a configuration and what to do about it.

    The exit status is 1 if the compute service would not work; with --live
    also if it does not, or its hypervisor does not.
    """

    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--config-file', action='append', metavar='FILE', required=True,
            help='as for nova-compute; may be given again')
        parser.add_argument(
            '--live', action='store_true',
            help='ask the nova-compute that runs, too, at the address in '
            '[health]')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors import checking
        results = checking.run(parsed_args.config_file,
                               live=parsed_args.live)
        self._failed = any(result.outcome is checks.Outcome.FAILED
                           for result in results)
        return (('Check', 'Result', 'Details'),
                [(result.name, result.outcome.value, result.details)
                 for result in results])

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or int(self._failed)
