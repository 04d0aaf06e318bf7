# SPDX-License-Identifier: Apache-2.0
"""Who wants to know of calls is told of each."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import wire

HOST = values.Ref('ServiceInstance', 'ServiceInstance')

BUSY = ('<e:Fault><faultcode>x</faultcode><faultstring>busy</faultstring>'
        '<detail><vim25:TaskInProgressFault xsi:type="vim25:TaskInProgress"/>'
        '</detail></e:Fault>')


@pytest.fixture
def told():
    return []


@pytest.fixture
def call(link, wsdl_file, told):
    made = wire.Wire(link, str(wsdl_file), lambda operation, _, error:
                     told.append((operation, error)))
    return lambda: made.call('CurrentTime', HOST)


def test_one_that_went_well(call, link, told):
    link.answers = ['<vim25:CurrentTimeResponse/>']
    call()
    assert told == [('CurrentTime', '')]


def test_a_fault_has_the_class_of_the_error_that_it_becomes(call, link,
                                                            told):
    link.answers = [BUSY]
    with pytest.raises(faults.Fault):
        call()
    assert told == [('CurrentTime', 'Busy')]


def test_so_has_what_is_no_answer(call, link, told):
    link.answers = [b'<html>']
    with pytest.raises(errors.ClientError):
        call()
    assert told == [('CurrentTime', 'ClientError')]
