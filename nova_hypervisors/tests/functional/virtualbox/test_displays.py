# SPDX-License-Identifier: Apache-2.0
"""Remote displays, for those who connect to VirtualBox's host directly."""

import concurrent.futures
import contextlib
import socket

import pytest

from nova_hypervisors import conf
from nova_hypervisors.consoles import rfb
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.virtualbox import directory

CONTEXT = builders.admin_context()


@pytest.fixture
def port(real_virtualbox):
    """On which port a server's display listens."""
    def port(instance):
        return real_virtualbox.client.display_port(instance.uuid)
    return port


@pytest.fixture
def logs_on(port):
    """Try a password on a server's display; say whether it is right."""
    def logs_on(instance, password):
        with (socket.create_connection(('127.0.0.1', port(instance)),
                                       10) as connection,
              contextlib.suppress(rfb.HandshakeError)):
            rfb.log_on(connection, password)
            return True
        return False
    return logs_on


@pytest.fixture
def sees_itself(logs_on):
    """Whether a server's display is at its port, and no other's."""
    def sees_itself(instance):
        return logs_on(instance, directory.find(conf.CONF,
                                                instance.uuid).password)
    return sees_itself


@pytest.fixture
def uuid_password(config):
    config.config(group='virtualbox', vrde_password_length=20,
                  vrde_require_instance_uuid_as_password=True)


class TestPasswords:
    @pytest.mark.feature('console.vnc')
    def test_the_uuid_is_one_if_that_is_wanted(self, uuid_password,
                                               make_driver, spawn, logs_on):
        instance = spawn(driver=make_driver())
        assert logs_on(instance, instance.uuid[:20])
        assert not logs_on(instance, 'x' + instance.uuid[1:20])

    def test_otherwise_it_is_not(self, spawn, logs_on):
        instance = spawn()
        assert not logs_on(instance, instance.uuid)
        screen = directory.find(conf.CONF, instance.uuid)
        assert logs_on(instance, screen.password)

    @pytest.mark.feature('console.vnc')
    def test_it_is_cut(self, config, make_driver, spawn, real_virtualbox):
        config.config(group='virtualbox', vrde_password_length=5,
                      vrde_require_instance_uuid_as_password=True)
        instance = spawn(driver=make_driver())
        display = real_virtualbox.client.remote_display(instance.uuid)
        assert display.properties['VNCPassword'] == instance.uuid[:5]

    @pytest.mark.feature('console.vnc')
    def test_an_option_that_changes_holds_from_the_next_start(
            self, config, make_driver, spawn, logs_on, port):
        driver = make_driver()
        instance = spawn(driver=driver)
        before = port(instance)
        config.config(group='virtualbox',
                      vrde_require_instance_uuid_as_password=True)
        driver = make_driver()
        driver.reboot(CONTEXT, instance, [], 'HARD')
        assert logs_on(instance, instance.uuid)
        assert port(instance) == before

    def test_it_is_in_no_command_line(self, uuid_password, make_driver, spawn,
                                      real_virtualbox):
        driver = make_driver(client=real_virtualbox.client)
        real_virtualbox.runner.calls.clear()
        instance = spawn(driver=driver)
        words = [word for call in real_virtualbox.runner.calls
                 for word in call]
        assert not any('VNCPassword' in word for word in words)
        # Nor is the file there any more from which it was read.
        assert list(real_virtualbox.folder.glob('vboxmanage-*')) == []
        assert instance.uuid in ' '.join(words)


class TestPorts:
    @pytest.mark.feature('console.vnc')
    def test_each_server_has_its_own_whenever_it_was_started(
            self, make_driver, spawn, port):
        driver = make_driver()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            # At once.
            instances = list(pool.map(lambda _: spawn(driver=driver),
                                      range(3)))
        # Off, it keeps its port; a service that starts anew knows it.
        kept = port(instances[0])
        driver.power_off(instances[0])
        driver = make_driver()
        instances.append(spawn(driver=driver))
        driver.power_on(CONTEXT, instances[0], [])
        ports = [port(instance) for instance in instances]
        assert ports[0] == kept
        assert len(set(ports)) == 4
        assert set(ports) <= set(peers.DISPLAY_PORTS)

    @pytest.mark.feature('console.vnc')
    def test_or_the_first_one_that_is_free(self, config, make_driver, spawn,
                                           port, sees_itself):
        first, second = peers.DISPLAY_PORTS[:2]
        config.config(group='virtualbox', vrde_unique_port=False,
                      vrde_port=f'{first}-{second}')
        driver = make_driver()
        instances = [spawn(driver=driver) for _ in range(2)]
        assert {port(instance) for instance in instances} == {first, second}
        # A third one gets the port of one that is off.
        driver.power_off(instances[0])
        instances.append(spawn(driver=driver))
        assert port(instances[2]) == first
        assert all(map(sees_itself, instances[1:]))

    @pytest.mark.feature('console.vnc')
    def test_one_that_is_no_more_among_them_is_given_up(
            self, config, make_driver, spawn, port):
        driver = make_driver()
        instance = spawn(driver=driver)
        others = peers.DISPLAY_PORTS[-10:]
        assert port(instance) not in others
        driver.power_off(instance)
        config.config(group='virtualbox', vrde_port=peers.as_text(others))
        make_driver().power_on(CONTEXT, instance, [])
        assert port(instance) in others


class TestDirectory:
    @pytest.mark.feature('console.vnc')
    def test_a_screen_is_found_by_id_and_by_name(
            self, uuid_password, make_driver, spawn, port, logs_on):
        instance = spawn(driver=make_driver())
        screen = directory.find(conf.CONF, instance.uuid)
        assert screen == directory.find(conf.CONF, instance.name)
        assert (screen.protocol, screen.address) == ('VNC', '127.0.0.1')
        assert screen.port == port(instance)
        assert logs_on(instance, screen.password)

    @pytest.mark.feature('console.vnc')
    def test_one_that_is_off_has_none(self, driver, spawn):
        instance = spawn()
        driver.power_off(instance)
        with pytest.raises(directory.NotFound, match='off: start it first'):
            directory.find(conf.CONF, instance.uuid)
