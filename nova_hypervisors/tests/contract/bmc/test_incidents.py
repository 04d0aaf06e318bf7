# SPDX-License-Identifier: Apache-2.0
"""What failures of controllers leave, and that they are the same again."""

import openstack.exceptions
import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ipmi
from nova_hypervisors.clients.bmc import openstack as client
from nova_hypervisors.tests import incidents

WRONG = 'not the pass word'


class TestRedfish:
    def test_a_wrong_password(self, ilo5, make_redfish, replayed):
        machine = make_redfish(ilo5.url, password=WRONG)
        made = replayed(machine.power, errors.AuthenticationFailed)
        incidents.is_reproduced(made, errors.AuthenticationFailed, 'redfish')
        assert WRONG not in made.bundle.text()

    def test_a_refusal(self, ilo5, make_redfish, replayed):
        machine = make_redfish(ilo5.url)
        machine.power()
        ilo5.broken = {'status': 503, 'body': {}}
        made = replayed(machine.power_on, errors.Busy)
        incidents.is_reproduced(made, errors.Busy, 'redfish')
        assert made.error.operation == 'power_on'

    def test_what_went_over_the_wire_is_there(self, ilo5, make_redfish,
                                              replayed):
        machine = make_redfish(ilo5.url)
        machine.power()
        ilo5.broken = {'status': 503, 'body': {}}
        bundle = replayed(machine.power_on, errors.Busy).bundle
        path = machine._system.path
        assert f'GET {path}' in [call.operation for call in bundle.calls]

    def test_nobody_there(self, ilo5, make_redfish, replayed):
        machine = make_redfish(ilo5.url)
        ilo5.close()
        made = replayed(machine.power, errors.Unreachable)
        incidents.is_reproduced(made, errors.Unreachable, 'redfish')


class TestIlo4:
    def test_a_wrong_password(self, ilo4, make_ribcl, replayed):
        machine = make_ribcl(ilo4, password=WRONG)
        made = replayed(machine.power, errors.AuthenticationFailed)
        incidents.is_reproduced(made, errors.AuthenticationFailed, 'ribcl')
        assert WRONG not in made.bundle.text()

    def test_nobody_there(self, ilo4, make_ribcl, replayed):
        machine = make_ribcl(ilo4)
        ilo4.close()
        made = replayed(machine.power, errors.Unreachable)
        incidents.is_reproduced(made, errors.Unreachable, 'ilo4')


def test_ipmi(simulator, replayed):
    machine = ipmi.IpmiMachine(ipmi.Access(
        '127.0.0.1', 'admin', WRONG, simulator.port, timeout_s=20))
    made = replayed(machine.power, errors.AuthenticationFailed)
    incidents.is_reproduced(made, errors.AuthenticationFailed, 'ipmi')
    assert WRONG not in made.bundle.text()


@pytest.mark.parametrize(('raised', 'kind'), [
    (openstack.exceptions.ConflictException('no'), errors.InvalidState),
    (openstack.exceptions.ResourceTimeout('late'), errors.TimedOut),
])
def test_a_server_of_a_cloud(cloud, replayed, raised, kind):
    cloud.compute.add('one')
    machine = client.OpenStackMachine(cloud, 'one', sleep=lambda _: None)
    machine.set_boot(api.BootDevice.DISK)
    cloud.compute.fail_next['start_server'] = raised
    made = replayed(machine.power_on, kind)
    incidents.is_reproduced(made, kind, 'openstack')
