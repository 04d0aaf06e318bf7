# SPDX-License-Identifier: Apache-2.0
"""What a failure on an ESX host leaves."""

import pytest
from nova import exception

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import replaying
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import incidents


def test_a_start_that_the_host_refuses(incident_folder, driver, spawn,
                                       host):
    instance = spawn(power_on=False)
    host.fail_next('PowerOnVM_Task', 'NoPermission')
    with pytest.raises(exception.NovaException):
        driver.power_on(builders.admin_context(), instance, [])
    path, = incident_folder.iterdir()
    made = replaying.replay(bundles.load(path))
    incidents.is_reproduced(made, errors.Forbidden, 'vsphere-soap')
    assert made.bundle.operation == 'power_on'
    assert made.bundle.server == instance.uuid
    assert host.password not in path.read_text()
