# SPDX-License-Identifier: Apache-2.0
"""Config drives: what Nova knows of a server, as its guest reads it."""

import io
import json

import pycdlib
import pytest

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.functional.nova import base


def read(path, name):
    image = pycdlib.PyCdlib()
    image.open(path)
    found = io.BytesIO()
    image.get_file_from_iso_fp(found, rr_path=f'/openstack/{name}')
    image.close()
    return found.getvalue()


class ConfigDriveTest(base.Base):
    # The last one with which files may be sent along.
    microversion = '2.56'

    def _create(self, **more):
        request = self._build_server(networks='auto')
        request.update(more)
        server = self.api.post_server({'server': request})
        return self._wait_for_state_change(server, 'ACTIVE')

    def _drives(self, server):
        settings = self.real.client.machine_settings(server['id'])
        return [disk for disk in settings.disks
                if disk.kind is api.DiskKind.DVD]

    @pytest.mark.feature('guest.setup.configdrive', 'guest.setup.inject.file',
                         'guest.setup.inject.networking')
    def test_it_has_what_the_guest_is_to_know(self):
        server = self._create(
            config_drive=True, adminPass='a password',
            personality=[{'path': '/etc/motd', 'contents': 'aW5qZWN0ZWQ='}])
        self._boots(server)
        drive, = self._drives(server)
        data = json.loads(read(drive.path, 'latest/meta_data.json'))
        self.assertEqual(server['id'], data['uuid'])
        self.assertEqual('a password', data['admin_pass'])
        injected, = data['files']
        self.assertEqual('/etc/motd', injected['path'])
        self.assertEqual(b'injected', read(
            drive.path, injected['content_path'].lstrip('/')))
        network = json.loads(read(drive.path, 'latest/network_data.json'))
        nic, = self.real.client.machine_settings(server['id']).nics
        self.assertEqual([nic.mac], [link['ethernet_mac_address']
                                     for link in network['links']])
        mode = (self.folder / 'i' / server['id'] / 'config-drive.iso').stat(
            ).st_mode
        self.assertEqual(0o600, mode & 0o777)
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_media())

    @pytest.mark.long
    def test_there_is_none_if_nobody_wants_one(self):
        self.assertEqual([], self._drives(self._create()))


class ConfigDriveByWebServiceTest(ConfigDriveTest):
    backend = 'webservice'
