# SPDX-License-Identifier: Apache-2.0
"""From "create a server" to what the deployed system says of itself.

Nova is whole and in one process, the machine is QEMU, and what is between
them is ours: the driver, its options, the deploy by virtual media and iSCSI.
"""

import pytest

from lab.baremetal import guests
from nova_hypervisors.baremetal import states
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.baremetal import qemubase


class QEMUTest(qemubase.Base):
    def _add_image(self, path, disk_format, **properties):
        """Let an image of Nova's fixture be this one."""
        image = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
        self.glance.images[image]['disk_format'] = disk_format
        self.glance.images[image]['properties'] = properties
        self.glance.images[image]['size'] = path.stat().st_size
        self.glance._imagedata[image] = path.read_bytes()
        return image

    @pytest.mark.feature(
        'operation.launch', 'operation.terminate', 'operation.start',
        'operation.clean', 'storage.image', 'image.qcow2',
        'guest.setup.configdrive',
        'operation.lifecycle-events')
    def test_a_server_is_made_speaks_and_is_taken_away(self):
        image = self._add_image(self.built / 'bios.qcow2', 'qcow2')
        flavor = self._make_flavor({'baremetal:boot_mode': 'bios'}, disk=1)
        request = self._build_server(flavor_id=flavor, networks='auto',
                                     image_uuid=image)
        request['config_drive'] = True
        server = self._wait_for_state_change(
            self.api.post_server({'server': request}), 'ACTIVE')
        self.qemu.qemu.wait_for(guests.HELLO, qemubase.SPOKEN_S)
        said = self.qemu.qemu.console()
        self.assertIn('image=bios', said)
        self.assertIn('CONFIG {', said)
        self.assertIn(server['id'], said)
        # It goes off by itself when it has said what it has to say.
        self._wait_for_state_change(server, 'SHUTOFF')
        steps = self.store.list_steps(self.node.uuid)
        self.assertEqual([], [step for step in steps if step.error])
        self.assertIn('write the image', [step.name for step in steps])
        self.api.post_server_action(server['id'], {'os-start': None})
        peers.wait_until(
            lambda: self.qemu.qemu.console().count(guests.HELLO) == 2,
            timeout_s=qemubase.SPOKEN_S)
        self._delete_server(server)
        self._nothing_is_left()

    def _nothing_is_left(self):
        peers.wait_until(
            lambda: self.store.get_node(self.node.uuid).provision_state
            in (states.AVAILABLE, states.CLEAN_FAILED), timeout_s=120)
        node = self.store.get_node(self.node.uuid)
        self.assertEqual((states.AVAILABLE, None, {}), (
            node.provision_state, node.last_error, node.instance_info))
        self.assertFalse(self.qemu.qemu.on)
        self.assertEqual({None}, set(self.qemu.qemu.urls.values()))
        self.assertEqual(['deploy.iso'], [
            path.name for path in self.web_server.folder.iterdir()])
        self.assertFalse(any(port.vif_id for port in node.ports))

    def test_an_unusable_image_leaves_a_clean_node_and_the_reason(self):
        path = self.folder / 'nonsense'
        path.write_bytes(b'QFI\xfb' + bytes(1 << 20))
        image = self._add_image(path, 'qcow2')
        server = self._create_server(
            flavor_id=self.flavor_id, networks='auto', image_uuid=image,
            expected_state='ERROR')
        self.assertIn('fault', server)
        self._delete_server(server)
        self._nothing_is_left()
