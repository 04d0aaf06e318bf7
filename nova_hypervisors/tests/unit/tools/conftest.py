# SPDX-License-Identifier: Apache-2.0
"""The guest tool, which is a program and in no package."""

import importlib
import sys

import pytest

from lab import layout

FOLDER = layout.CHECKOUT / 'tools/esx'


@pytest.fixture(scope='session')
def machine_id():
    return _load('machine_id')


@pytest.fixture(scope='session')
def guest_tool():
    return _load('guest_tool')


def _load(name):
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
