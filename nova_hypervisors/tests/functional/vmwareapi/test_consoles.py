# SPDX-License-Identifier: Apache-2.0
"""What servers say, and how their screens are reached."""

import json

import pytest
from nova import exception

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.mark.feature('console.serial.log')
def test_what_the_serial_port_said(driver, spawn, host, details):
    instance = spawn()
    assert driver.get_console_output(CONTEXT, instance) == ''
    log = details(instance).serial_file
    path = host.datastore.folder / log.file
    path.write_bytes(b'x' * 200_000 + b'login: ')
    output = driver.get_console_output(CONTEXT, instance)
    assert output.endswith('login: ')
    assert len(output) == 100 * 1024


@pytest.mark.feature('console.mks')
def test_each_asking_for_mks_gets_a_ticket_of_its_own(driver, spawn):
    instance = spawn()
    tickets = set()
    for _ in range(2):
        console = driver.get_mks_console(CONTEXT, instance)
        tickets.add(json.loads(console.internal_access_path)['ticket'])
    assert len(tickets) == 2
    driver.power_off(instance)
    with pytest.raises(exception.InstanceNotReady):
        driver.get_mks_console(CONTEXT, instance)
