# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import hashlib
import socket

import pytest
from nova import exception

from nova_hypervisors import conf
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.consoles import rfb
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import factory

State = api.MachineState

UUID = '5d0e6a6e-0000-4000-8000-000000000001'
OTHER = '5d0e6a6e-0000-4000-8000-000000000002'

OLD_NAME = 'Oracle VM VirtualBox Extension Pack'
NEW_NAME = 'Oracle VirtualBox Extension Pack'


def pack(name, why_unusable=''):
    return api.ExtensionPack(name, '7.2.22', 'a module', why_unusable)


class TestFindPack:
    @pytest.mark.parametrize('installed', [OLD_NAME, NEW_NAME])
    @pytest.mark.parametrize('configured', [OLD_NAME, NEW_NAME])
    def test_oracle_s_has_two_names(self, installed, configured):
        packs = [pack('VNC'), pack(installed)]
        assert consoleops.find_pack(packs, configured) == installed

    def test_another_has_one(self):
        assert consoleops.find_pack([pack(NEW_NAME), pack('VNC')],
                                    'VNC') == 'VNC'

    def test_one_that_cannot_be_used_is_not(self):
        with pytest.raises(exception.InvalidConfiguration,
                           match=r'"VNC": it is too old'):
            consoleops.find_pack([pack('VNC', 'it is too old')], 'VNC')

    def test_that_another_cannot_be_used_does_not_matter(self):
        packs = [pack('VNC', 'it is too old'), pack(NEW_NAME)]
        assert consoleops.find_pack(packs, OLD_NAME) == NEW_NAME

    @pytest.mark.parametrize(('packs', 'have'), [
        ([], 'VirtualBox has: none'),
        ([pack('VNC'), pack('x')], 'VirtualBox has: "VNC", "x"')])
    def test_what_there_is_instead_is_said(self, packs, have):
        with pytest.raises(exception.InvalidConfiguration) as caught:
            consoleops.find_pack(packs, OLD_NAME)
        for part in ('vrde_module', f'"{OLD_NAME}" is not installed', have):
            assert part in str(caught.value)


class TestStart:
    def test_the_pack_is_called_what_it_is_called_here(self, make_consoles,
                                                       install):
        install(pack(NEW_NAME))
        consoles = make_consoles(vrde_module=OLD_NAME)
        display = consoles.remote_display(UUID, ())
        assert display.extension_pack == NEW_NAME

    def test_a_pack_that_is_not_there_stops_it(self, make_consoles, install):
        install()
        with pytest.raises(exception.InvalidConfiguration,
                           match='"VNC" is not installed'):
            make_consoles()

    def test_without_displays_none_is_needed(self, make_consoles, install):
        install()
        consoles = make_consoles(remote_display=False)
        assert consoles.remote_display(UUID, ()) is None

    def test_a_port_that_is_taken_is_named(self, make_consoles, taken):
        with pytest.raises(exception.InvalidConfiguration,
                           match=f'console_port {taken} cannot be listened'):
            make_consoles(console_port=taken)

    def test_only_vnc_is_handed_out(self, make_consoles, install, taken):
        install(pack(NEW_NAME))
        make_consoles(vrde_module=NEW_NAME, console_port=taken)


class TestPorts:
    def test_each_server_has_one_that_no_other_has(self, consoles):
        found = consoles.remote_display(UUID, set(range(5910, 5930)))
        assert found.address == '127.0.0.1'
        assert int(found.ports) in range(5930, 5951)

    def test_none_on_which_somebody_listens(self, make_consoles, taken):
        consoles = make_consoles(vrde_port=f'{taken},5950-5999')
        assert int(consoles.remote_display(UUID, ()).ports) in range(
            5950, 6000)

    def test_one_that_was_just_left_is_free(self, make_consoles):
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(('127.0.0.1', port), 10):
                # Who closes first waits, and its port with it.
                server.accept()[0].close()
        consoles = make_consoles(vrde_port=f'{port},{port + 1}')
        assert consoles.remote_display(UUID, ()).ports == str(port)

    def test_when_all_are_taken_the_option_is_named(self, make_consoles):
        consoles = make_consoles(vrde_port='5910-5911')
        with pytest.raises(exception.NovaException,
                           match=r'vrde_port \(5910-5911\)'):
            consoles.remote_display(UUID, {5910, 5911})

    def test_shared_it_may_have_that_of_another(self, make_consoles, taken):
        consoles = make_consoles(vrde_unique_port=False,
                                 vrde_port=f'{taken},5910-5911')
        assert consoles.remote_display(UUID, {5910}).ports == '5911'
        assert consoles.remote_display(UUID, {5911, 5910}).ports in (
            '5910', '5911')

    def test_shared_it_may_have_none(self, make_consoles, taken):
        consoles = make_consoles(vrde_unique_port=False, vrde_port=str(taken))
        assert consoles.remote_display(UUID, ()).ports == str(taken)

    def test_oracle_s_server_chooses_itself(self, make_consoles, install):
        install(pack(NEW_NAME))
        consoles = make_consoles(vrde_unique_port=False, vrde_module=NEW_NAME)
        display = consoles.remote_display(UUID, set(range(5910, 5951)))
        assert display.ports == '5910-5950'

    @pytest.mark.parametrize(('texts', 'expected'), [
        (['5910', '5912'], {5910, 5912}), (['5910-5950', ''], set()),
        (['5910,5911'], set())])
    def test_those_that_machines_have_for_themselves(self, texts, expected):
        machines = [api.MachineSettings('uuid', 'name', None, 1, 64,
                                        display_ports=text) for text in texts]
        assert consoleops.display_ports(machines) == expected


class TestPasswords:
    def test_nobody_knows_it_and_it_stays(self, make_consoles):
        first, again = (make_consoles().remote_display(UUID, ()).properties
                        for _ in range(2))
        assert first == again
        assert len(first['VNCPassword']) == rfb.PASSWORD_LENGTH
        assert first['VNCPassword'] not in UUID

    def test_each_server_has_its_own(self, consoles):
        assert consoles.password(UUID) != consoles.password(OTHER)

    def test_each_host_has_its_own(self, config, make_consoles, tmp_path):
        first = make_consoles().password(UUID)
        config.config(state_path=str(tmp_path / 'another host'))
        assert make_consoles().password(UUID) != first

    # The VNC pack takes no more than 20 characters.
    @pytest.mark.parametrize(('length', 'expected'), [
        (None, UUID[:20]), (36, UUID[:20]), (20, UUID[:20]), (8, UUID[:8])])
    def test_it_is_the_uuid_if_that_is_wanted(self, make_consoles, length,
                                              expected):
        consoles = make_consoles(
            vrde_require_instance_uuid_as_password=True,
            vrde_password_length=length)
        display = consoles.remote_display(UUID, ())
        assert display.properties['VNCPassword'] == expected

    def test_any_is_cut(self, make_consoles):
        assert len(make_consoles(vrde_password_length=5).password(UUID)) == 5

    def test_it_is_not_shown(self, consoles, install):
        assert consoles.password(UUID) not in repr(
            consoles.remote_display(UUID, ()))


class TestRdp:
    @pytest.fixture
    def display(self, config, make_consoles, install):
        """What a display is set to by some options."""
        def display(rdp=(), **options):
            install(pack(NEW_NAME))
            config.config(group='rdp', enabled=True, **dict(rdp))
            consoles = make_consoles(vrde_module=NEW_NAME, **options)
            return consoles.remote_display(UUID, ()), consoles.password(UUID)
        return display

    def test_it_has_its_own_settings_and_no_vnc_password(self, display):
        found, _ = display({'encrypted_rdp': True, 'security_method': 'TLS'})
        assert found.properties == {'Security/Method': 'TLS'}

    def test_clients_have_to_log_on(self, display):
        found, password = display()
        assert len(password) == 16
        assert found.logins == {
            'nova': hashlib.sha256(password.encode()).hexdigest()}

    @pytest.mark.parametrize(('length', 'expected'), [
        (None, UUID), (20, UUID[:20])])
    def test_with_the_uuid_if_that_is_wanted(self, display, length, expected):
        _, password = display(vrde_require_instance_uuid_as_password=True,
                              vrde_password_length=length)
        assert password == expected


class TestRenewal:
    """What is set anew before a machine starts."""

    @pytest.fixture
    def renewed(self, make_consoles, machine, vbox):
        """Make a machine by some options, and start it by others."""
        def renewed(before=None, after=None, changes=None):
            made = make_consoles(**before or {}).remote_display(UUID, ())
            if changes:
                made = dataclasses.replace(made, **changes)
            machine(uuid=UUID, remote_display=made)
            make_consoles(**after or {}).renew_display(UUID)
            return made, vbox.remote_display(UUID)
        return renewed

    def test_nothing_is_if_nothing_has_changed(self, renewed):
        made, found = renewed()
        assert found is made

    @pytest.mark.parametrize('properties', [
        {'Security/ServerCertificate': '/m/VRDEAutoGeneratedCert.pem',
         'Security/ServerPrivateKey': '/m/VRDEAutoGeneratedPrivateKey.pem',
         'Security/Method': 'TLS'}])
    def test_what_virtualbox_has_set_by_itself_is_no_change(
            self, make_consoles, machine, vbox, properties):
        consoles = make_consoles()
        made = consoles.remote_display(UUID, ())
        made.properties.update(properties)
        machine(uuid=UUID, remote_display=made)
        consoles.renew_display(UUID)
        assert vbox.remote_display(UUID) is made

    def test_the_password_is_what_it_is_now(self, renewed):
        made, found = renewed(
            after={'vrde_require_instance_uuid_as_password': True})
        assert found.properties == {'VNCPassword': UUID[:20]}
        assert found.ports == made.ports

    def test_a_port_is_kept(self, renewed):
        _, found = renewed(changes={'ports': '5931', 'address': '::1'})
        assert (found.ports, found.address) == ('5931', '127.0.0.1')

    def test_but_for_one_that_is_no_more_allowed(self, renewed):
        _, found = renewed(before={'vrde_port': '5910-5920'},
                           after={'vrde_port': '5930-5940'})
        assert int(found.ports) in range(5930, 5941)

    def test_or_is_another_s_now(self, renewed, taken):
        _, found = renewed(
            after={'vrde_unique_port': False, 'vrde_port': f'{taken},5950'},
            changes={'ports': str(taken)})
        assert found.ports == '5950'

    def test_it_may_be_switched_off_and_on(self, renewed, make_consoles, vbox):
        _, found = renewed(after={'remote_display': False})
        assert found is None
        make_consoles(remote_display=True).renew_display(UUID)
        assert vbox.remote_display(UUID) is not None


class TestSettings:
    """What the options mean for displays."""

    def properties(self):
        return factory.display_settings(conf.CONF).properties

    def test_addresses_are_nova_s(self, config):
        config.config(group='vnc', server_listen='192.0.2.1',
                      server_proxyclient_address='192.0.2.2')
        found = factory.display_settings(conf.CONF)
        assert (found.address, found.proxy_address) == (
            '192.0.2.1', '192.0.2.2')

    def test_there_are_none_without_displays(self, config):
        config.config(group='virtualbox', remote_display=False)
        assert factory.display_settings(conf.CONF) is None

    def test_certificates_of_rdp(self, config):
        config.config(group='rdp', enabled=True, encrypted_rdp=True,
                      security_method='Negotiate', server_certificate='c',
                      server_private_key='k', server_ca='a')
        assert self.properties() == {
            'Security/Method': 'Negotiate',
            'Security/ServerCertificate': 'c',
            'Security/ServerPrivateKey': 'k', 'Security/CACertificate': 'a'}

    @pytest.mark.parametrize('method', ['RDP', 'TLS', 'Negotiate'])
    def test_a_method_is_written_as_virtualbox_writes_it(self, config,
                                                         method):
        with contextlib.suppress(ValueError):
            config.config(group='rdp', enabled=True, encrypted_rdp=True,
                          security_method=method.lower())
            assert self.properties() == {'Security/Method': method}

    @pytest.mark.parametrize('options', [
        {'enabled': False, 'encrypted_rdp': True},
        {'enabled': True, 'encrypted_rdp': False}])
    def test_rdp_that_is_off_or_not_encrypted_has_none(self, config, options):
        config.config(group='rdp', server_certificate='c', **options)
        assert self.properties() == {}
