# SPDX-License-Identifier: Apache-2.0
"""What counts as a proof of a row of the support matrix."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nova_hypervisors

_CHECKOUT = Path(nova_hypervisors.__file__).parents[1]

_TESTS = '''
import unittest
import pytest
from nova_hypervisors.virtualbox import driver

class Driver(driver.VirtualBoxDriver):
    column = 'a-column'
    def __init__(self): pass

@pytest.mark.feature('operation.pause')
class PauseTest(unittest.TestCase):
    def test_passes(self):
        self._go(1)

    def test_fails(self):
        self._go(2)

    def _go(self, number):
        try:
            Driver().pause(None)
        except AttributeError:  # it has no parts
            pass
        self.assertEqual(1, number)

@pytest.mark.feature('operation.pause')
def test_calls_nothing():
    pass

@pytest.mark.feature('operation.pause')
def test_function_fails():
    Driver().pause(None)
'''


def test_only_tests_that_pass_and_use_the_driver_are_proofs(tmp_path):
    (tmp_path / 'test_it.py').write_text(_TESTS)
    kept = tmp_path / 'proofs.jsonl'
    ran = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'pytest', '-q', '-p',
         'nova_hypervisors.tests.proofs', 'test_it.py'], cwd=tmp_path,
        env=os.environ | {'NOVA_HYPERVISORS_PROOFS': str(kept),
                          'PYTHONPATH': str(_CHECKOUT)},
        capture_output=True, text=True, check=False)
    assert '2 failed, 2 passed' in ran.stdout, ran.stdout
    assert [json.loads(line) for line in kept.read_text().splitlines()] == [
        {'keys': ['operation.pause'], 'column': 'a-column',
         'test': 'test_it.py::PauseTest::test_passes', 'methods': ['pause']}]
