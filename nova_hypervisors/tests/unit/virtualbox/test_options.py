# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from oslo_config import cfg

from nova_hypervisors import conf
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.virtualbox import options

ORACLE = 'Oracle VM VirtualBox Extension Pack'


class TestPorts:
    @pytest.mark.parametrize(('text', 'expected'), [
        ('3389', [3389]),
        ('5900-5903', [5900, 5901, 5902, 5903]),
        ('5900-5900', [5900]),
        ('5910,5900', [5910, 5900]),
        ('5900-5901,6000,7000-7001', [5900, 5901, 6000, 7000, 7001]),
        (' 5900 - 5901 , 6000 ', [5900, 5901, 6000]),
        ('1,65535', [1, 65535]),
    ])
    def test_one_or_a_range_or_several(self, text, expected):
        assert options.ports(text) == expected

    @pytest.mark.parametrize('text', [
        '', 'any', '5900-', '-5900', '5900-5901-5902', '5900,', ',5900',
        '5900;5901', '0x17', '5900-x', '+5900'])
    def test_nonsense_is_refused(self, text):
        with pytest.raises(ValueError, match='range such as'):
            options.ports(text)

    @pytest.mark.parametrize('text', [
        '0', '65536', '0-10', '65530-65536', '5900,0'])
    def test_what_is_no_port_is_refused(self, text):
        with pytest.raises(ValueError, match='between 1 and 65535'):
            options.ports(text)

    @pytest.mark.parametrize('text', ['6000-5900', '3389,6000-5900'])
    def test_a_range_that_runs_backwards_is_refused(self, text):
        with pytest.raises(ValueError, match='6000-5900'):
            options.ports(text)


class TestPackNames:
    def test_oracle_s_pack_has_two(self):
        names = {ORACLE, 'Oracle VirtualBox Extension Pack'}
        for name in names:
            assert options.pack_names(name) == names

    def test_any_other_has_its_own(self):
        assert options.pack_names('VNC') == {'VNC'}


@pytest.fixture
def findings(config):
    """Change options; return what is wrong then."""
    def findings(**groups):
        for group, values in groups.items():
            config.config(group=group, **values)
        return options.findings(conf.CONF)
    return findings


class TestFindings:
    def test_what_goes_together_is_not_complained_about(self, findings):
        assert findings() == []

    def test_nor_are_the_defaults(self, config):
        config.reset()
        config.config(state_path='/srv/state')
        assert options.findings(conf.CONF) == []

    def test_rdp_goes_together_with_oracle_s_pack(self, findings, tmp_path):
        assert findings(
            virtualbox={'vrde_module': ORACLE, 'vrde_password_length': 36},
            rdp={'enabled': True, 'encrypted_rdp': True,
                 'security_method': 'TLS', 'server_certificate': 'c',
                 'server_private_key': 'k'}) == []

    @pytest.mark.parametrize(('changes', 'option', 'words'), [
        ({'virtualbox': {'vrde_port': 'nonsense'}},
         '[virtualbox] vrde_port', "'nonsense'"),
        ({'virtualbox': {'vrde_port': '70000'}},
         '[virtualbox] vrde_port', '65535'),
        ({'virtualbox': {'vrde_port': '3389'}},
         '[virtualbox] vrde_unique_port', 'one port for all of them (3389)'),
        ({'virtualbox': {'remote_display': False, 'vrde_module': ORACLE},
          'rdp': {'enabled': True}},
         '[rdp] enabled', 'remote_display = true'),
        ({'rdp': {'enabled': True}},
         '[rdp] enabled', f'vrde_module to "{ORACLE}"'),
        ({'virtualbox': {'vrde_module': ORACLE},
          'rdp': {'enabled': True, 'security_method': 'TLS'}},
         '[rdp] security_method', 'TLS encrypts'),
        ({'virtualbox': {'vrde_module': ORACLE},
          'rdp': {'enabled': True, 'security_method': 'Negotiate'}},
         '[rdp] security_method', 'encrypted_rdp = true'),
        ({'virtualbox': {'vrde_module': ORACLE},
          'rdp': {'enabled': True, 'server_certificate': 'c'}},
         '[rdp] server_certificate', 'both or neither'),
        ({'virtualbox': {'vrde_module': ORACLE},
          'rdp': {'enabled': True, 'server_private_key': 'k'}},
         '[rdp] server_certificate', 'both or neither'),
        ({'virtualbox': {'physical_network_mappings': ['a:nat', 'b']}},
         '[virtualbox] physical_network_mappings', "'b' is not NETWORK"),
        ({'virtualbox': {'guest_user': 'root'}},
         '[virtualbox] guest_user', 'guest_password_file'),
    ])
    def test_what_the_driver_does_not_start_with(self, findings, changes,
                                                 option, words):
        finding, = findings(**changes)
        assert (finding.option, finding.fatal) == (option, True)
        assert words in finding.message
        assert str(finding) == f'{option}: {finding.message}'

    @pytest.mark.parametrize(('changes', 'option', 'words'), [
        ({'virtualbox': {'vrde_password_length': 20}},
         '[virtualbox] vrde_password_length', '20 make it no safer'),
        ({'vnc': {'enabled': False}}, '[vnc] enabled', 'no consoles'),
    ])
    def test_what_the_operator_should_know(self, findings, changes, option,
                                           words):
        finding, = findings(**changes)
        assert (finding.option, finding.fatal) == (option, False)
        assert words in finding.message

    @pytest.mark.parametrize('changes', [
        {'remote_display': False}, {'vrde_module': ORACLE}])
    def test_nothing_of_it_matters_without_vnc(self, findings, changes):
        assert findings(virtualbox={'vrde_password_length': 20, **changes},
                        vnc={'enabled': False}) == []

    def test_rdp_s_options_do_not_matter_while_it_is_off(self, findings):
        assert findings(rdp={'security_method': 'TLS',
                             'server_certificate': 'c'}) == []

    def test_rdp_s_own_method_is_none_of_tls_however_it_is_written(
            self, findings):
        with contextlib.suppress(ValueError):
            assert findings(virtualbox={'vrde_module': ORACLE},
                            rdp={'enabled': True,
                                 'security_method': 'rdp'}) == []

    def test_one_port_may_be_shared(self, findings):
        assert findings(virtualbox={'vrde_port': '3389',
                                    'vrde_unique_port': False}) == []

    def test_all_of_it_is_said_at_once(self, findings):
        names = {finding.option for finding in findings(
            virtualbox={'vrde_port': 'x', 'console_client_ca': '/no/ca',
                        'physical_network_mappings': ['y', 'z']},
            rdp={'enabled': True})}
        assert names == {
            '[virtualbox] vrde_port', '[virtualbox] console_client_ca',
            '[virtualbox] physical_network_mappings', '[rdp] enabled'}


class TestPaths:
    def test_one_that_is_too_long_for_sockets_is_refused(self, findings,
                                                         config):
        def find(count):
            config.config(state_path='/' + 'x' * (count - 1))
            return findings()

        finding, = find(100)
        assert finding.fatal
        assert finding.option == '[DEFAULT] state_path'
        most = int(finding.message.split()[-2])
        assert find(most) == []
        finding, = find(most + 1)
        assert f'it may have {most} bytes' in finding.message

    def test_bytes_count(self, findings, config):
        config.config(state_path='/' + '\u00fc' * 40)
        finding, = findings()
        assert finding.option == '[DEFAULT] state_path'


class TestPolling:
    @pytest.mark.parametrize('seconds', [5, 60])
    def test_looks_that_start_the_daemon_anew_are_told(self, findings,
                                                       seconds):
        finding, = findings(virtualbox={'state_poll_interval': seconds})
        assert (finding.option, finding.fatal) == (
            '[virtualbox] state_poll_interval', False)

    def test_looks_that_keep_it_are_not(self, findings):
        assert findings(virtualbox={'state_poll_interval': 4.9}) == []


class TestCertificates:
    @pytest.fixture
    def pem(self, tmp_path):
        path = tmp_path / 'x.pem'
        path.touch()
        return str(path)

    def test_all_three_that_are_there_are_fine(self, findings, pem):
        assert findings(virtualbox={
            'console_certificate': pem, 'console_private_key': pem,
            'console_client_ca': pem}) == []

    def test_serial_consoles_are_not_encrypted_and_it_says_so(self, findings,
                                                              pem):
        assert findings(serial_console={'enabled': True}) == []
        finding, = findings(virtualbox={
            'console_certificate': pem, 'console_private_key': pem})
        assert not finding.fatal
        assert finding.option == '[serial_console] enabled'

    @pytest.mark.parametrize('name', ['console_certificate',
                                      'console_private_key'])
    def test_a_certificate_goes_with_its_key(self, findings, pem, name):
        finding, = findings(virtualbox={name: pem})
        assert finding.fatal
        assert finding.option == '[virtualbox] console_certificate'
        assert 'both or neither' in finding.message

    def test_clients_are_known_by_tls_only(self, findings, pem):
        finding, = findings(virtualbox={'console_client_ca': pem})
        assert finding.fatal
        assert finding.option == '[virtualbox] console_client_ca'
        assert 'needs console_certificate' in finding.message

    @pytest.mark.parametrize('name', [
        'console_certificate', 'console_private_key', 'console_client_ca'])
    def test_a_file_that_is_not_there_is_named(self, findings, pem, name):
        finding, = findings(virtualbox={
            'console_certificate': pem, 'console_private_key': pem,
            'console_client_ca': pem, name: '/no/such.pem'})
        assert str(finding) == (
            f'[virtualbox] {name}: there is no file /no/such.pem')

    def test_a_folder_is_no_file(self, findings, pem, tmp_path):
        finding, = findings(virtualbox={
            'console_certificate': pem, 'console_private_key': str(tmp_path)})
        assert finding.option == '[virtualbox] console_private_key'


class TestMappings:
    def test_all_are_read(self, config):
        config.config(group='virtualbox', physical_network_mappings=[
            'a:nat', 'b:intnet:inner'])
        assert [(mapping.network, mapping.attachment.kind)
                for mapping in options.mappings(conf.CONF)] == [
            ('a', api.AttachmentKind.NAT),
            ('b', api.AttachmentKind.INTERNAL)]


def test_a_value_of_another_kind_is_oslo_s_to_refuse(config):
    with pytest.raises((cfg.Error, ValueError)):
        config.config(group='virtualbox', vrde_password_length=37)
