# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest

from lab import layout
from nova_hypervisors.tests import secondtries

_TESTS = '''
import pytest

failed = set()

@pytest.mark.parametrize('number', range({count}))
def test_only_the_second_try_passes(number):
    first = number not in failed
    failed.add(number)
    assert not first
'''


def run(folder, count):
    path = folder / 'test_it.py'
    path.write_text(_TESTS.format(count=count))
    return subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-p',
         'nova_hypervisors.tests.secondtries', '--reruns', '1', path],
        cwd=folder, env={**os.environ, 'PYTHONPATH': str(layout.CHECKOUT)},
        capture_output=True, text=True, check=False)


@pytest.mark.parametrize(('count', 'status'), [
    (secondtries.ALLOWED, 0), (secondtries.ALLOWED + 1, 1)])
def test_a_few_second_tries_are_allowed(tmp_path, count, status):
    done = run(tmp_path, count)
    assert done.returncode == status
    assert done.stdout.count('tried again: test_it.py::') == count
