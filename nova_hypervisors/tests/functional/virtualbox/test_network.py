# SPDX-License-Identifier: Apache-2.0
"""Network adapters of servers: frames, settings, waiting for Neutron."""

import contextlib
import socket
import threading
import time

import pytest
from nova import exception
from nova.virt import fake as nova_fake

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()

# A guest that boots from the network says so on the wire: its ROM asks for an
# address.  It takes the interpreter some seconds to get there.
NETWORK_BOOT = {'virtualbox:boot': 'network'}
FRAME_S = 60
NO_FRAME_S = 25


class Switch:
    """The other end of UDP tunnels: keeps the frames that come."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(('127.0.0.1', 0))
        self.port = self._socket.getsockname()[1]

    def frame(self, timeout_s):
        """Return the next frame; None if none comes in time."""
        self._socket.settimeout(timeout_s)
        try:
            return self._socket.recv(65536)
        except TimeoutError:
            return None

    def close(self):
        self._socket.close()


@pytest.fixture
def switch():
    switch = Switch()
    yield switch
    switch.close()


@pytest.fixture
def tunnel(config, switch):
    config.config(group='virtualbox', physical_network_mappings=[
        f'physnet1:udptunnel:127.0.0.1:{switch.port}:'
        + peers.as_text(peers.TUNNEL_PORTS)])


def mac(frame):
    return ':'.join(f'{byte:02x}' for byte in frame[6:12])


class TestFrames:
    @pytest.mark.feature('network.udptunnel', 'networking.topology.flat',
                         'boot.order')
    def test_a_frame_arrives_from_the_port_s_address(
            self, tunnel, driver, spawn, image, switch):
        vif = builders.vif(address='fa:16:3e:12:34:56')
        spawn(builders.instance(image, extra_specs=NETWORK_BOOT), vifs=[vif])
        frame = switch.frame(FRAME_S)
        assert frame is not None
        assert mac(frame) == 'fa:16:3e:12:34:56'

    def test_none_arrives_from_a_port_that_was_unplugged(
            self, tunnel, driver, spawn, image, switch):
        vif = builders.vif()
        instance = spawn(builders.instance(image, extra_specs=NETWORK_BOOT),
                         vifs=[vif])
        driver.detach_interface(CONTEXT, instance, vif)
        assert switch.frame(NO_FRAME_S) is None

    def test_none_arrives_at_a_network_that_the_port_is_not_on(
            self, config, make_driver, spawn, image, switch):
        other = Switch()
        first, second = map(peers.as_text, (peers.TUNNEL_PORTS[:50],
                                            peers.TUNNEL_PORTS[50:]))
        config.config(group='virtualbox', physical_network_mappings=[
            f'physnet1:udptunnel:127.0.0.1:{switch.port}:{first}',
            f'physnet2:udptunnel:127.0.0.1:{other.port}:{second}'])
        driver = make_driver()
        vif = builders.vif('physnet2')
        spawn(builders.instance(image, extra_specs=NETWORK_BOOT), vifs=[vif],
              driver=driver)
        with contextlib.closing(other):
            assert mac(other.frame(FRAME_S)) == vif['address']
        assert switch.frame(0.1) is None

    @pytest.mark.feature('networking.topology.vlan')
    def test_one_arrives_at_its_vlan_alone(self, config, make_driver, spawn,
                                           image, switch):
        # A switch has a port for each VLAN, counted from its own.
        flat = switch.port - 105
        config.config(group='virtualbox', physical_network_mappings=[
            f'physnet1:udptunnel:127.0.0.1:{flat}:'
            + peers.as_text(peers.TUNNEL_PORTS)])
        driver = make_driver()
        vif = builders.vif(vlan=105)
        spawn(builders.instance(image, extra_specs=NETWORK_BOOT), vifs=[vif],
              driver=driver)
        assert mac(switch.frame(FRAME_S)) == vif['address']

    @pytest.mark.feature('network.nat')
    def test_nat_answers_the_guest(self, driver, spawn, image):
        instance = spawn(builders.instance(image, extra_specs=NETWORK_BOOT),
                         vifs=[builders.vif()])
        end = time.monotonic() + FRAME_S
        while True:
            nic, = driver.get_instance_diagnostics(instance).nic_details
            if nic.tx_octets and nic.rx_octets:
                return
            assert time.monotonic() < end
            time.sleep(1)


class TestSettings:
    @pytest.mark.parametrize(('kind', 'name'), [
        pytest.param('bridged', 'eth0',
                     marks=pytest.mark.feature('network.bridged')),
        pytest.param('hostonly', 'vboxnet0',
                     marks=pytest.mark.feature('network.hostonly')),
        pytest.param('intnet', 'inner',
                     marks=pytest.mark.feature('network.intnet')),
        pytest.param('natnetwork', 'shared',
                     marks=pytest.mark.feature('network.natnetwork')),
    ])
    def test_an_adapter_is_attached_as_the_mapping_says(
            self, config, make_driver, spawn, image, real_virtualbox, kind,
            name):
        # It is not started: that needs VirtualBox's kernel module.
        config.config(group='virtualbox', physical_network_mappings=[
            f'physnet1:{kind}:{name}'])
        driver = make_driver()
        instance = spawn(driver=driver, vifs=[builders.vif()],
                         power_on=False)
        nic, = real_virtualbox.client.machine_settings(instance.uuid).nics
        assert nic.attachment == api.Attachment(api.AttachmentKind(kind), name)
        assert nic.model == 'virtio'

    @pytest.mark.feature('networking.topology.vlan')
    def test_an_adapter_on_a_vlan_is_on_the_host_s_interface_for_it(
            self, config, make_driver, spawn, real_virtualbox):
        config.config(group='virtualbox', physical_network_mappings=[
            'physnet1:bridged:eth1', 'physnet2:bridged:vlan{vlan}'])
        driver = make_driver()
        instance = spawn(driver=driver, power_on=False, vifs=[
            builders.vif('physnet1'), builders.vif('physnet1', vlan=105),
            builders.vif('physnet2', vlan=7)])
        nics = real_virtualbox.client.machine_settings(instance.uuid).nics
        assert [nic.attachment.name for nic in nics] == [
            'eth1', 'eth1.105', 'vlan7']

    @pytest.mark.feature('network.several-adapters')
    def test_as_many_adapters_as_there_is_room_for(self, spawn,
                                                   real_virtualbox):
        vifs = [builders.vif(address=f'fa:16:3e:00:00:{number:02x}')
                for number in range(29)]
        instance = spawn(vifs=vifs)
        nics = real_virtualbox.client.machine_settings(instance.uuid).nics
        assert [nic.mac for nic in nics] == [vif['address'] for vif in vifs]
        assert real_virtualbox.client.machine_state(instance.uuid) is (
            api.MachineState.RUNNING)

    def test_one_too_many_is_refused(self, driver, spawn):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match='30'):
            spawn(vifs=[builders.vif()] * 30)
        assert driver.list_instances() == []

    def test_a_network_that_is_not_mapped_is_named(self, driver, spawn):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=r'physnet9.*physical_network_mappings'):
            spawn(vifs=[builders.vif('physnet9')])
        assert driver.list_instances() == []

    def test_servers_do_not_share_a_tunnel_port(self, tunnel, driver, spawn,
                                                real_virtualbox):
        ports = set()
        for _ in range(2):
            instance = spawn(vifs=[builders.vif(), builders.vif()],
                             power_on=False)
            nics = real_virtualbox.client.machine_settings(instance.uuid).nics
            ports |= {nic.attachment.properties['sport'] for nic in nics}
        assert ports == set(map(str, peers.TUNNEL_PORTS[:4]))


class TestInterfaces:
    @pytest.mark.feature('operation.attach-interface',
                         'operation.detach-interface')
    def test_attached_and_detached_while_off(self, driver, spawn,
                                             real_virtualbox):
        first, second = builders.vif(), builders.vif(
            address='fa:16:3e:00:00:02')
        instance = spawn(vifs=[first])
        driver.power_off(instance)
        driver.attach_interface(CONTEXT, instance, builders.image_meta(),
                                second)
        assert self._macs(real_virtualbox, instance) == [
            first['address'], second['address']]
        driver.detach_interface(CONTEXT, instance, first)
        assert self._macs(real_virtualbox, instance) == [second['address']]
        driver.power_on(CONTEXT, instance, [])

    def test_none_is_attached_while_it_runs_without_a_spare_one(
            self, driver, spawn):
        instance = spawn()
        with pytest.raises(exception.InterfaceAttachFailed):
            driver.attach_interface(CONTEXT, instance, builders.image_meta(),
                                    builders.vif())

    def test_unplugged_while_it_runs_and_gone_at_the_next_start(
            self, driver, spawn, real_virtualbox):
        vif = builders.vif()
        instance = spawn(vifs=[vif])
        driver.detach_interface(CONTEXT, instance, vif)
        nic, = real_virtualbox.client.machine_settings(instance.uuid).nics
        assert nic.attachment == api.UNPLUGGED
        driver.reboot(CONTEXT, instance, [], 'HARD')
        assert self._macs(real_virtualbox, instance) == []

    def _macs(self, real, instance):
        return [nic.mac for nic
                in real.client.machine_settings(instance.uuid).nics]


class Events(nova_fake.FakeVirtAPI):
    """Neutron's events, of which a test says whether they come."""

    def __init__(self, come):
        super().__init__()
        self.expected = None
        self._come = come

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, seconds,
                                error_callback=None):
        self.expected = events
        yield
        if events and not self._come.wait(0.1):
            raise getattr(exception, 'InstanceEventTimeout', TimeoutError)


class TestWaitingForNeutron:
    @pytest.fixture
    def come(self):
        return threading.Event()

    @pytest.fixture
    def driver(self, make_driver, come):
        return make_driver(Events(come))

    @pytest.mark.feature('network.wait-for-plug')
    def test_a_port_that_is_down_is_waited_for(self, driver, spawn, come):
        come.set()
        down = builders.vif(active=False)
        spawn(vifs=[down, builders.vif()])
        assert driver.virtapi.expected == [('network-vif-plugged',
                                            down['id'])]

    def test_a_server_does_not_start_without_its_network(self, driver, spawn):
        with pytest.raises(exception.VirtualInterfaceCreateException):
            spawn(vifs=[builders.vif(active=False)])
        assert driver.list_instances() == []

    def test_it_does_if_that_is_wanted(self, config, come, make_driver,
                                       spawn):
        config.config(vif_plugging_is_fatal=False)
        driver = make_driver(Events(come))
        instance = spawn(driver=driver, vifs=[builders.vif(active=False)])
        assert driver.instance_exists(instance)

    def test_nothing_is_waited_for_if_that_is_wanted(self, config, come,
                                                     make_driver, spawn):
        config.config(vif_plugging_timeout=0)
        driver = make_driver(Events(come))
        spawn(driver=driver, vifs=[builders.vif(active=False)])
        assert driver.virtapi.expected == []


class TestBoot:
    @pytest.mark.feature('boot.once')
    def test_from_the_network_once(self, driver, spawn, image,
                                   real_virtualbox):
        instance = spawn(builders.instance(
            image, extra_specs={'virtualbox:boot_once': 'network'}))
        assert self._first(real_virtualbox, instance) is (
            api.BootDevice.NETWORK)
        driver.power_off(instance)
        driver.power_on(CONTEXT, instance, [])
        assert self._first(real_virtualbox, instance) is api.BootDevice.DISK

    @pytest.mark.feature('boot.provision-only')
    def test_made_and_not_started(self, driver, spawn, image,
                                  real_virtualbox):
        instance = spawn(builders.instance(image, system_metadata={
            'image_virtualbox_power_on': 'false',
            'image_virtualbox_boot_once': 'network'}))
        assert real_virtualbox.client.machine_state(instance.uuid) is (
            api.MachineState.OFF)
        # The first start is the one that is special.
        driver.power_on(CONTEXT, instance, [])
        assert self._first(real_virtualbox, instance) is (
            api.BootDevice.NETWORK)
        driver.reboot(CONTEXT, instance, [], 'HARD')
        assert self._first(real_virtualbox, instance) is api.BootDevice.DISK

    def test_nova_is_told_that_it_was_not_started(self, driver, spawn, image):
        instance = spawn(builders.instance(
            image, extra_specs={'virtualbox:power_on': 'no'}))
        end = time.monotonic() + 20
        while not driver.events:
            assert time.monotonic() < end
            time.sleep(0.2)
        event = driver.events[0]
        assert event.get_instance_uuid() == instance.uuid
        assert event.get_name() == 'Stopped'

    @pytest.mark.parametrize('name', ['boot', 'boot_once', 'power_on'])
    def test_a_property_that_is_nonsense_is_named(self, driver, spawn, image,
                                                  name):
        with pytest.raises(exception.InvalidInput,
                           match=f"virtualbox:{name}.*'nonsense'"):
            spawn(builders.instance(
                image, extra_specs={f'virtualbox:{name}': 'nonsense'}))
        assert driver.list_instances() == []

    def _first(self, real, instance):
        return real.client.machine_settings(instance.uuid).boot_order[0]
