# SPDX-License-Identifier: Apache-2.0
"""A wire whose answers a test makes."""

import pytest

from nova_hypervisors.clients.vsphere import wire
from nova_hypervisors.clients.vsphere import wsdl
from nova_hypervisors.tests.fakes import vspherelink


@pytest.fixture(scope='session')
def wsdl_file(tmp_path_factory):
    return wsdl.ensure(tmp_path_factory.mktemp('wsdl'))


@pytest.fixture
def link():
    return vspherelink.Link()


@pytest.fixture
def made(link, wsdl_file):
    return wire.Wire(link, str(wsdl_file))
