# SPDX-License-Identifier: Apache-2.0
"""A VirtualBox that has no file in common with nova-compute."""

import io
import json
import shutil
import socket
from pathlib import Path

import pycdlib
import pytest

from nova_hypervisors.consoles import rfb
from nova_hypervisors.tests import otherhost
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base


@pytest.fixture(scope='module')
def host():
    folder = peers.short_folder('o')
    made = otherhost.OtherHost(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture
def other_host(request, host):
    request.cls.host = host


@pytest.mark.usefixtures('other_host')
class OtherHostTest(base.Base):
    backend = 'webservice'
    microversion = '2.56'

    def _configure(self):
        password = self.folder / 'password'
        password.write_text(otherhost.PASSWORD)
        self.flags(group='virtualbox', webservice_url=self.host.url,
                   webservice_user=otherhost.USER,
                   webservice_password_file=str(password),
                   webservice_ca_file=self.host.ca_file,
                   webservice_instances_path=str(otherhost.TOP))
        self.flags(group='vnc', server_listen='127.0.0.1')

    def setUp(self):
        super().setUp()
        self.driver = self.compute.manager.driver
        self.client = self.driver._parts.client

    def _create(self, **more):
        request = self._build_server(networks='auto', **more)
        request['config_drive'] = True
        server = self.api.post_server({'server': request})
        return self._wait_for_state_change(server, 'ACTIVE')

    def _left(self):
        """Return what is there beside the image cache."""
        return [name for name in self.host.files()
                if not name.startswith('images/')]

    def _raw(self, image):
        """Return the disk in an image that was uploaded."""
        found = self.folder / 'found.qcow2'
        found.write_bytes(self.glance._imagedata[image])
        peers.convert(found, 'qcow2', self.folder / 'found.raw')
        return (self.folder / 'found.raw').read_bytes()

    @pytest.mark.feature(
        'operation.other-host', 'operation.launch', 'operation.snapshot',
        'operation.terminate', 'console.serial.log', 'storage.image',
        'guest.setup.configdrive')
    def test_the_life_of_a_server(self):
        # Neither sees what the other has.
        self.assertFalse(Path(otherhost.TOP).exists())
        self.assertNotIn(str(self.folder), self.host.log())
        server = self._create()
        self._boots(server)
        disks = [f'disks/{server["id"]}_{name}'
                 for name in ('config-drive.iso', 'root.vdi')]
        self.assertEqual(disks, [name for name in self._left()
                                 if name.startswith('disks/')])
        self._is_right(self.host.seen / disks[0], server)

        self._snapshot_server(server, 'a snapshot')
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        image, = (image['id'] for image in self.glance.images.values()
                  if image['name'] == 'a snapshot')
        self.assertEqual(peers.lab().guest.read_bytes(),
                         self._raw(image)[:1 << 20])
        copy = self._create(image_uuid=image)
        self._boots(copy)

        for each in (copy, server):
            self._delete_server(each)
        self.assertEqual([], self._left())
        self.assertEqual([], self.client.list_machines())
        # VirtualBox knows them until the last log-on ends that saw them.
        peers.wait_until(lambda: not self.client.list_media())

    def _is_right(self, drive, server):
        drive_image = pycdlib.PyCdlib()
        drive_image.open(str(drive))
        found = io.BytesIO()
        drive_image.get_file_from_iso_fp(
            found, rr_path='/openstack/latest/meta_data.json')
        drive_image.close()
        self.assertEqual(server['id'], json.loads(found.getvalue())['uuid'])

    @pytest.mark.feature('operation.other-host')
    def test_screens_and_rescue(self):
        server = self._create()
        self._boots(server)
        picture = self.folder / 'screen.png'
        self.client.save_screenshot(server['id'], picture)
        self.assertTrue(picture.read_bytes().startswith(b'\x89PNG'))
        with socket.create_connection(
                ('127.0.0.1', self.client.display_port(server['id']))) as one:
            rfb.log_on(one, self.driver._parts.consoles.password(
                server['id']))
        self.api.post_server_action(server['id'], {'rescue': {}})
        self._wait_for_state_change(server, 'RESCUE')
        self.assertIn(f'disks/{server["id"]}_rescue.vdi', self._left())
        self.api.post_server_action(server['id'], {'unrescue': None})
        self._wait_for_state_change(server, 'ACTIVE')
        self.assertNotIn(f'disks/{server["id"]}_rescue.vdi', self._left())
        self._act(server, 'suspend', 'SUSPENDED', 'saved')
        self._delete_server(server)
        self.assertEqual([], self._left())

    def _states(self):
        return {state.value for state
                in self.client.machine_states().values()}
