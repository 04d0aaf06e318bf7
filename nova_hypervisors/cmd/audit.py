# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from typing import Any

from cliff import lister

if TYPE_CHECKING:
    from nova_hypervisors.common import audits

_COLUMNS = ('Kind', 'What', 'Why', 'Fix', 'Result')


class Refused(Exception):
    """What is asked for does not go together; says what does."""


class Audit(lister.Lister):
    """Find what nobody owns on this host, and servers that have no machine.

    What servers there are is asked of Nova, by nova-conductor.  It is run on
    the host of nova-compute, as its user, and changes nothing without --yes.

    The exit status is 1 if there are findings that are not mended.  What is
    left alone, because it is young or something is being done with it, does
    not count.
    """

    _left = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            '--config-file', action='append', metavar='FILE', required=True,
            help='as for nova-compute; may be given again')
        parser.add_argument(
            '--fix', action='store_true',
            help='say what would be done about each finding')
        parser.add_argument(
            '--yes', action='store_true', help='with --fix: do it')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors import auditing
        if parsed_args.yes and not parsed_args.fix:
            raise Refused('--yes is what --fix needs to do something: '
                          'say --fix --yes')
        with auditing.opened(parsed_args.config_file) as audit:
            rows = [(finding, self._result(finding, parsed_args))
                    for finding in audit.findings()]
        return _COLUMNS, [(finding.kind, finding.what, finding.why,
                           finding.fix, result) for finding, result in rows]

    def _result(self, finding: audits.Finding,
                parsed_args: argparse.Namespace) -> str:
        """Mend a finding, if that is asked for; say what came of it."""
        if finding.waits:
            return f'left alone: {finding.waits}'
        if finding.repair is not None and parsed_args.yes:
            result, mended = _mend(finding.repair)
            self._left = self._left or not mended
            return result
        self._left = True
        if not parsed_args.fix:
            return 'found'
        return ('not done: --yes does it' if finding.repair
                else 'cannot be fixed')

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or int(self._left)


def _mend(repair: Any) -> tuple[str, bool]:
    """Return what came of it, and whether it is mended."""
    try:
        repair()
    except Exception as error:
        # Whatever it is, the other findings can be mended all the same.
        return f'FAILED: {error}', False
    return 'fixed', True
