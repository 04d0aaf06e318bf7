# SPDX-License-Identifier: Apache-2.0
"""Screens, reached as Nova's console proxy does, with its own code."""

import socket

import pytest
from nova import exception

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import guests
from nova_hypervisors.tests import novaproxy
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()


class TestVnc:
    @pytest.mark.feature('console.vnc')
    def test_the_screen_is_seen_through_nova_s_proxy(self, driver, spawn):
        instance = spawn()
        console = driver.get_vnc_console(CONTEXT, instance)
        with novaproxy.through_proxy(console) as connection:
            (width, height), _ = novaproxy.screen(connection)
        assert width >= 640
        assert height >= 400

    def test_asked_again_it_is_the_same(self, driver, spawn):
        instance = spawn()
        first, second = (driver.get_vnc_console(CONTEXT, instance)
                         for _ in range(2))
        assert vars(first) == vars(second)

    def test_a_link_goes_on_working_after_a_restart(self, config, make_driver,
                                                    spawn):
        driver = make_driver()
        instance = spawn(driver=driver)
        console = driver.get_vnc_console(CONTEXT, instance)
        config.config(group='virtualbox', console_port=console.port)
        make_driver()
        with novaproxy.through_proxy(console) as connection:
            novaproxy.screen(connection)

    def test_a_link_leads_to_its_server_only(self, driver, spawn):
        first, second = spawn(), spawn()
        path = driver.get_vnc_console(CONTEXT, first).internal_access_path
        console = driver.get_vnc_console(CONTEXT, second)
        console.internal_access_path = path.replace(first.uuid, second.uuid)
        with pytest.raises(ConnectionRefusedError, match='404'):
            novaproxy.through_proxy(console)

    def test_a_deleted_server_has_no_screen(self, driver, spawn):
        instance = spawn()
        console = driver.get_vnc_console(CONTEXT, instance)
        driver.destroy(CONTEXT, instance, [])
        with pytest.raises(ConnectionRefusedError, match='502'):
            novaproxy.through_proxy(console)

    def test_nor_has_one_that_is_off(self, driver, spawn):
        instance = spawn()
        driver.power_off(instance)
        with pytest.raises(exception.InstanceNotReady):
            driver.get_vnc_console(CONTEXT, instance)

    def test_without_remote_display_there_is_none(self, config, make_driver,
                                                  spawn):
        config.config(group='virtualbox', remote_display=False)
        driver = make_driver()
        instance = spawn(driver=driver)
        with pytest.raises(exception.ConsoleTypeUnavailable):
            driver.get_vnc_console(CONTEXT, instance)

    def test_what_is_not_a_proxy_gets_nothing(self, driver, spawn):
        console = driver.get_vnc_console(CONTEXT, spawn())
        with socket.create_connection((console.host, console.port),
                                      10) as connection:
            connection.sendall(b'RFB 003.008\n\r\n\r\n')
            assert connection.recv(100) == b''


class TestSerialConsole:
    @pytest.fixture(autouse=True)
    def proxy(self, config):
        config.config(group='serial_console', enabled=True)

    @pytest.fixture
    def talks(self, driver):
        """Type something; wait until the guest has repeated it."""
        def talks(instance, text, driver=driver):
            console = driver.get_serial_console(CONTEXT, instance)
            with novaproxy.connect(console) as connection:
                connection.sendall(text)
                heard = b''
                while text not in guests.without_beats(heard):
                    part = connection.recv(1024)
                    assert part, 'the connection was closed'
                    heard += part
        return talks

    @pytest.mark.feature('console.serial.interactive')
    def test_what_is_typed_is_repeated_by_the_guest(self, driver, spawn,
                                                    hears, talks):
        instance = spawn()
        hears(instance, 'beat')
        talks(instance, b'xyzzy')
        output = driver.get_console_output(CONTEXT, instance)
        assert b'xyzzy' in guests.without_beats(output.encode())

    def test_so_it_is_after_a_restart_of_the_service(
            self, make_driver, spawn, talks):
        instance = spawn(driver=make_driver())
        talks(instance, b'xyzzy', driver=make_driver())

    def test_a_server_that_is_off_has_none(self, driver, spawn):
        instance = spawn()
        console = driver.get_serial_console(CONTEXT, instance)
        driver.power_off(instance)
        with pytest.raises(exception.InstanceNotReady):
            driver.get_serial_console(CONTEXT, instance)
        driver.destroy(CONTEXT, instance, [])
        peers.wait_until(lambda: self._refused(console), timeout_s=20)

    def _refused(self, console):
        try:
            novaproxy.connect(console).close()
        except ConnectionRefusedError as error:
            return '502' in str(error)
        return False


class TestTls:
    @pytest.fixture
    def authority(self, config, folder):
        made = certificates.Authority(folder)
        certificate, key = made.make('relay')
        config.config(
            group='virtualbox',
            console_certificate=certificate, console_private_key=key,
            console_client_ca=str(made.path))
        return made

    def test_the_screen_is_seen_through_vencrypt(self, config, authority,
                                                 make_driver, spawn):
        certificate, key = authority.make('proxy')
        config.config(group='vnc', auth_schemes=['vencrypt'],
                      vencrypt_ca_certs=str(authority.path),
                      vencrypt_client_cert=certificate,
                      vencrypt_client_key=key)
        driver = make_driver()
        console = driver.get_vnc_console(CONTEXT, spawn(driver=driver))
        with novaproxy.through_proxy(console) as connection:
            novaproxy.screen(connection)

    def test_a_proxy_that_encrypts_nothing_is_refused(self, authority,
                                                      make_driver, spawn):
        driver = make_driver()
        console = driver.get_vnc_console(CONTEXT, spawn(driver=driver))
        with pytest.raises(exception.SecurityProxyNegotiationFailed):
            novaproxy.through_proxy(console)

    def test_a_proxy_of_another_authority_is_refused(
            self, config, authority, make_driver, spawn, folder):
        stranger = certificates.Authority(folder / 'stranger')
        certificate, key = stranger.make('proxy')
        config.config(group='vnc', auth_schemes=['vencrypt'],
                      vencrypt_ca_certs=str(authority.path),
                      vencrypt_client_cert=certificate,
                      vencrypt_client_key=key)
        driver = make_driver()
        console = driver.get_vnc_console(CONTEXT, spawn(driver=driver))
        with pytest.raises((OSError, AssertionError)):
            novaproxy.screen(novaproxy.through_proxy(console))
