# SPDX-License-Identifier: Apache-2.0
"""What the lab cannot show, for the owner of a host that can.

``tox -e functional-virtualbox-full``, with ``NOVA_HYPERVISORS_FULL`` saying
what the host has: see "Check list" in the administration guide.  A test whose
needs are not named there is not chosen.
"""

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()
NETWORK_BOOT = {'virtualbox:boot': 'network'}
SCREEN_S = 120
FRAME_S = 60

#: Entries of physical_network_mappings without the network, with semicolons
#: between.
NETWORKS = os.environ.get('NOVA_HYPERVISORS_FULL_NETWORKS',
                          'intnet:full').split(';')

# A client's first words to an RDP server (MS-RDPBCGR, 2.2.1.1), and the
# beginning of the answer.
RDP_REQUEST = bytes.fromhex('0300 0013 0ee0 0000 0000 0001 0008 0003 000000')
RDP_ANSWER = b'\x03\x00'


def settings(real, instance):
    return real.client.machine_settings(instance.uuid)


def colours(png):
    """Return how many different bytes a picture's lines have."""
    data, position = b'', 8
    while position < len(png):
        length, kind = struct.unpack('>I4s', png[position:position + 8])
        if kind == b'IDAT':
            data += png[position + 8:position + 8 + length]
        position += length + 12
    return len(set(zlib.decompress(data)))


class Trace:
    """What an adapter of a server that is off sees, once it is on."""

    def __init__(self, real, instance, path):
        self._path = path
        real.manage('modifyvm', instance.uuid, '--nic-trace1', 'on',
                    '--nic-trace-file1', str(path))

    def wait_for_frames_from(self, vif):
        address = bytes.fromhex(vif['address'].replace(':', ''))
        peers.wait_until(lambda: self._path.exists()
                         and address in self._path.read_bytes(),
                         timeout_s=FRAME_S)


@pytest.mark.full('module')
class TestKernelModule:
    def test_guests_are_run_by_the_processor(self, spawn, hears,
                                             real_virtualbox):
        assert Path('/dev/vboxdrv').exists()
        instance = spawn()
        hears(instance, 'beat')
        folder = settings(real_virtualbox, instance).folder
        log = (folder / 'Logs/VBox.log').read_text()
        assert 'VERR_SUP_DRIVERLESS' not in log

    @pytest.mark.parametrize('entry', NETWORKS)
    def test_a_frame_goes_from_one_server_to_another(
            self, config, make_driver, spawn, image, folder, real_virtualbox,
            entry):
        vlan = os.environ.get('NOVA_HYPERVISORS_FULL_VLAN')
        config.config(group='virtualbox',
                      physical_network_mappings=[f'physnet1:{entry}'])
        driver = make_driver()
        first, second = (builders.vif(address=f'fa:16:3e:00:00:0{number}',
                                      vlan=vlan) for number in (1, 2))
        listener = spawn(driver=driver, vifs=[second], power_on=False)
        trace = Trace(real_virtualbox, listener, folder / 'frames.pcap')
        driver.power_on(CONTEXT, listener, [])
        spawn(builders.instance(image, extra_specs=NETWORK_BOOT),
              driver=driver, vifs=[first])
        trace.wait_for_frames_from(first)

    def test_a_guest_gets_an_nmi(self, driver, spawn, hears):
        instance = spawn()
        hears(instance, 'beat')
        driver.trigger_crash_dump(instance)


@pytest.mark.full('efi')
class TestEfi:
    @pytest.mark.parametrize('secure_boot', ['disabled', 'required'])
    def test_its_screen_shows_something(self, spawn, image, folder,
                                        real_virtualbox, secure_boot):
        instance = spawn(
            builders.instance(image, memory_mb=512,
                              extra_specs={'hw:tpm_version': '2.0'}),
            image_meta=builders.image_meta(hw_firmware_type='uefi',
                                           os_secure_boot=secure_boot))
        picture = folder / 'screen.png'

        def shows():
            time.sleep(1)
            try:
                real_virtualbox.client.save_screenshot(instance.uuid, picture)
            except errors.InvalidArgument:
                # There is no screen yet.
                return False
            return colours(picture.read_bytes()) > 2

        peers.wait_until(shows, timeout_s=SCREEN_S)
        assert real_virtualbox.client.machine_state(instance.uuid) is (
            api.MachineState.RUNNING)


@pytest.mark.full('rdp')
class TestRdp:
    def test_a_server_answers_clients(self, config, make_driver, spawn,
                                      real_virtualbox):
        config.config(group='virtualbox',
                      vrde_module='Oracle VirtualBox Extension Pack')
        driver = make_driver()
        instance = spawn(driver=driver)
        port = real_virtualbox.client.display_port(instance.uuid)
        with socket.create_connection(('127.0.0.1', port), 10) as client:
            client.sendall(RDP_REQUEST)
            assert client.recv(1024).startswith(RDP_ANSWER)
