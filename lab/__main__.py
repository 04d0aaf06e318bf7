# SPDX-License-Identifier: Apache-2.0
"""What the Makefile calls: a lab of real peers, in one folder (LAB_DIR)."""

from __future__ import annotations

import argparse
import sys

from lab import commands
from lab import progress


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m lab',
                                     description=__doc__)
    parser.add_argument('command', choices=sorted(commands.COMMANDS))
    parser.add_argument('words', nargs=argparse.REMAINDER,
                        help='what else the command takes')
    arguments = parser.parse_args()
    try:
        return commands.COMMANDS[arguments.command](arguments.words)
    except progress.LabError as error:
        print(f'\nFAILED: {error}', file=sys.stderr)
        if error.log is not None:
            print(f'See {error.log}; it ends with:', file=sys.stderr)
            tail = error.log.read_text(errors='replace').splitlines()[-15:]
            print(*(f'  {line}' for line in tail), sep='\n', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nInterrupted.', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
