# SPDX-License-Identifier: Apache-2.0
import sys
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute


def python(*lines):
    return sys.executable, '-c', '\n'.join(lines)


def test_output_and_status_are_returned():
    done = execute.run(python('import sys', 'print("out")',
                              'print("err", file=sys.stderr)', 'sys.exit(3)'),
                       10)
    assert done == execute.Completed(3, 'out\n', 'err\n')


def test_windows_line_ends_become_ours():
    done = execute.run(python('import os', 'os.write(1, b"a\\r\\nb\\r\\n")'),
                       10)
    assert done.stdout == 'a\nb\n'


def test_what_is_no_text_does_no_harm():
    done = execute.run(python('import os', 'os.write(1, b"\\xff")'), 10)
    assert done.stdout == '\N{REPLACEMENT CHARACTER}'


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for():
    begun = time.monotonic()
    done = execute.run(python(
        'import os, time',
        'if os.fork() == 0:',
        '    os.setsid()',
        '    time.sleep(20)',
        'else:',
        '    print("done")'), 15)
    assert done.stdout == 'done\n'
    assert time.monotonic() - begun < 15


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path):
    proof = tmp_path / 'alive'
    with pytest.raises(errors.TimedOut, match=r'0\.5 seconds'):
        execute.run(python(
            'import os, pathlib, time',
            'os.fork()',
            'time.sleep(2)',
            f'pathlib.Path({str(proof)!r}).touch()'), 0.5)
    time.sleep(2)
    assert not proof.exists()


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(errors.NotInstalled, match='/no/such/program'):
        execute.run(('/no/such/program',), 1)
