# SPDX-License-Identifier: Apache-2.0
import pytest
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.vmwareapi import options


@pytest.fixture
def find(tmp_path):
    """Return what is found wrong, by the option that is named."""
    fixture = config_fixture.Config(conf.CONF)
    fixture.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    for name in ('ca', 'certificate', 'key', 'password'):
        (tmp_path / name).touch()
    fixture.config(group='vmware', host_ip='esx1', host_username='root',
                   host_password_file=str(tmp_path / 'password'),
                   ca_file=str(tmp_path / 'ca'), vlan_interface='vmnic0')

    def find(vnc=True, **vmware):
        fixture.config(group='vnc', enabled=vnc)
        fixture.config(group='vmware', **{
            name: str(tmp_path / value) if value in (
                'certificate', 'key', 'ca', 'missing') else value
            for name, value in vmware.items()})
        return {finding.option: finding.fatal
                for finding in options.findings(conf.CONF)}

    yield find
    fixture.cleanUp()


def test_what_is_needed_is_enough(find):
    assert find() == {}


@pytest.mark.parametrize(('vmware', 'option', 'fatal'), [
    ({'host_ip': None}, 'host_ip', True),
    ({'host_username': None}, 'host_username', True),
    ({'host_password_file': None}, 'host_password_file', True),
    ({'host_password': 'x'}, 'host_password', True),
    ({'ca_file': 'missing'}, 'ca_file', True),
    ({'insecure': True}, 'insecure', False),
    ({'datastore_regex': '('}, 'datastore_regex', True),
    ({'vlan_interface': None}, 'physical_network_mappings', False),
    ({'vlan_mappings': ['vmnic0']}, 'vlan_mappings', True),
    ({'physical_network_mappings': ['a:b', 'a:c']},
     'physical_network_mappings', True),
    ({'console_certificate': 'certificate'}, 'console_certificate', True),
    ({'console_private_key': 'key'}, 'console_certificate', True),
    ({'console_client_ca': 'ca'}, 'console_client_ca', True),
])
def test_what_is_wrong_is_named(find, vmware, option, fatal):
    assert find(**vmware) == {f'[vmware] {option}': fatal}


def test_consoles_may_speak_tls(find):
    assert find(console_certificate='certificate', console_private_key='key',
                console_client_ca='ca') == {}


def test_consoles_that_nobody_hands_out_are_told(find):
    assert find(vnc=False) == {'[vnc] enabled': False}
    assert find(vnc=False, screen_protocol='none') == {}
