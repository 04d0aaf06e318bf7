# SPDX-License-Identifier: Apache-2.0
"""What each way to a machine has to be told, and what it is by default."""

import pytest

from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal.access import ilo4
from nova_hypervisors.baremetal.access import redfish
from nova_hypervisors.baremetal.access import virtualbox
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes

WAYS = ('ilo4', 'ipmi', 'redfish', 'virtualbox')


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / 'password'
    path.write_text('se cret\n')
    return f'file:{path}'


@pytest.fixture
def values(here):
    """Return the settings of a node by the interfaces of one way."""
    def values(way, **driver_info):
        return power(here, way).values(node(way, **driver_info))
    return values


def power(here, way):
    return here.registry.get('power', way)


def node(way, **driver_info):
    return baremetalnodes.make_node(
        power_interface=way, management_interface=way,
        driver_info=driver_info)


def faults(here, way, **driver_info):
    return [str(fault) for fault in power(here, way).validate(
        node(way, **driver_info))]


class TestAll:
    @pytest.mark.parametrize('way', WAYS)
    def test_power_and_management_have_the_same_fields(self, way):
        found = [interfaces.load(kind, way).settings
                 for kind in ('power', 'management')]
        assert found[0] == found[1] != ()

    @pytest.mark.parametrize('way', WAYS)
    def test_they_share_a_machine(self, here, way, secret):
        given = {'ilo4': 'ilo', 'virtualbox': 'vbox'}.get(way, way)
        one = node(way, **{
            f'{given}_address': '192.0.2.1', f'{given}_username': 'u',
            f'{given}_password': secret} | (
                {'vbox_vmname': 'm'} if way == 'virtualbox' else {}))
        machine = power(here, way).machine(one)
        assert here.registry.get('management', way).machine(one) is machine

    @pytest.mark.parametrize(('way', 'missing'), [
        ('ilo4', ['ilo_address', 'ilo_username', 'ilo_password']),
        ('ipmi', ['ipmi_address', 'ipmi_username', 'ipmi_password']),
        ('redfish', ['redfish_address', 'redfish_username',
                     'redfish_password']),
        # Of Nova's options none is set here.
        ('virtualbox', ['vbox_vmname', 'vbox_address'])])
    def test_what_is_required(self, here, way, missing):
        found = faults(here, way)
        assert [fault.split()[1].rstrip(':') for fault in found] == missing
        assert all('it is required and missing' in fault for fault in found)

    def test_a_password_is_not_put_there_itself(self, here):
        found = faults(here, 'ilo4', ilo_address='h', ilo_username='u',
                       ilo_password='se cret')
        assert len(found) == 1
        assert 'file:/the/path' in found[0]
        assert 'se cret' not in found[0]

    def test_another_password_is_another_machine(self, here, secret,
                                                 tmp_path):
        given = {'ipmi_address': '192.0.2.1', 'ipmi_username': 'u',
                 'ipmi_password': secret}
        before = power(here, 'ipmi').machine(node('ipmi', **given))
        (tmp_path / 'password').write_text('other\n')
        assert power(here, 'ipmi').machine(
            node('ipmi', **given)) is not before


class TestVirtualBox:
    @pytest.mark.parametrize('names', [
        ('vbox_address', 'vbox_port'), ('vbox_host', 'vbox_port'),
        ('virtualbox_host', 'virtualbox_port')])
    def test_both_prefixes(self, values, names):
        found = values('virtualbox', vbox_vmname='m', **{
            names[0]: 'host', names[1]: '1234'})
        assert virtualbox.url(found) == 'http://host:1234/'

    @pytest.mark.parametrize(('given', 'url'), [
        ({'vbox_address': 'host'}, 'http://host:18083/'),
        ({'vbox_address': '2001:db8::1'}, 'http://[2001:db8::1]:18083/'),
        ({'vbox_address': 'host', 'vbox_tls': 'true'}, 'https://host:18083/'),
        ({'vbox_url': 'https://host:1/'}, 'https://host:1/')])
    def test_where_it_is(self, values, given, url):
        assert virtualbox.url(values(
            'virtualbox', vbox_vmname='m', **given)) == url

    def test_it_is_that_of_the_configuration_by_default(self, here, values,
                                                        secret):
        here.options.update({
            'virtualbox.webservice_url': 'https://host/',
            'virtualbox.webservice_user': 'user',
            'virtualbox.webservice_password_file': secret.partition(':')[2]})
        found = values('virtualbox', vbox_vmname='m')
        assert virtualbox.url(found) == 'https://host/'
        assert (found['vbox_username'], found['vbox_password']) == (
            'user', 'se cret')

    def test_user_and_password_may_be_missing(self, values):
        found = values('virtualbox', virtualbox_vmname='m', vbox_host='h')
        assert (found['vbox_username'], found['vbox_password']) == ('', '')

    def test_a_port_that_is_none(self, here):
        assert faults(here, 'virtualbox', vbox_vmname='m', vbox_host='h',
                      virtualbox_port='x') == [
            "driver_info virtualbox_port: 'x' is not an integer"]

    def test_two_machines_share_a_log_on(self, here, values):
        first, second = (virtualbox.host_of(here.services, values(
            'virtualbox', vbox_host='h', vbox_vmname=name)) for name in 'ab')
        assert first is second

    def test_nobody_knows_the_power_of_a_host_that_is_down(self, here):
        nodes = [baremetalnodes.make_node(name, driver_info={
            'vbox_host': '127.0.0.1', 'vbox_port': '1', 'vbox_vmname': name})
            for name in ('one', 'two')]
        wrong = baremetalnodes.make_node('three')
        assert power(here, 'virtualbox').power_of_all([*nodes, wrong]) == {}


class TestIlo4:
    def test_defaults(self, values, secret):
        access = ilo4.access(values('ilo4', ilo_address='h', ilo_username='u',
                                    ilo_password=secret))
        assert (access.port, access.timeout_s, access.verify,
                access.tls_legacy) == (443, 60, True, False)

    def test_the_configuration(self, here, values, secret):
        here.options.update({'ilo.client_port': 1, 'ilo.client_timeout': 2,
                             'ilo.verify_ca': 'False'})
        access = ilo4.access(values('ilo4', ilo_address='h', ilo_username='u',
                                    ilo_password=secret))
        assert (access.port, access.timeout_s, access.verify) == (1, 2, False)

    @pytest.mark.parametrize('name', ['client_port', 'client_timeout',
                                      'console_port'])
    def test_numbers_are_numbers(self, here, secret, name):
        assert faults(here, 'ilo4', ilo_address='h', ilo_username='u',
                      ilo_password=secret, **{name: 'x'}) == [
            f"driver_info {name}: 'x' is not an integer"]

    def test_a_file_that_is_not_there(self, here, secret):
        assert faults(here, 'ilo4', ilo_address='h', ilo_username='u',
                      ilo_password=secret, ilo_verify_ca='/no/such') == [
            ("driver_info ilo_verify_ca: '/no/such' is neither true nor false "
            'nor a file')]


class TestRedfish:
    @pytest.mark.parametrize(('address', 'url'), [
        ('bmc', 'https://bmc'), ('http://bmc:8000/', 'http://bmc:8000'),
        ('bmc:8443', 'https://bmc:8443'),
        ('2001:db8::1', 'https://[2001:db8::1]')])
    def test_the_address_may_be_a_url(self, values, secret, address, url):
        access = redfish.access(values(
            'redfish', redfish_address=address, redfish_username='u',
            redfish_password=secret))
        assert (access.url, access.verify, access.auth) == (url, True, 'auto')

    def test_ways_to_log_on(self, here, secret):
        assert faults(here, 'redfish', redfish_address='h',
                      redfish_username='u', redfish_password=secret,
                      redfish_auth_type='magic') == [
            ("driver_info redfish_auth_type: 'magic' is none of auto, "
            'session, basic')]


def test_what_is_wrong_is_told_when_it_is_used(here):
    with pytest.raises(errors.InvalidArgument, match='vbox_vmname'):
        power(here, 'virtualbox').power(node('virtualbox'))
