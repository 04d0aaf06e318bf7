# SPDX-License-Identifier: Apache-2.0
"""The VirtualBox driver with a VirtualBox that is held in memory."""

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.fakes import vbox
from nova_hypervisors.virtualbox import driver


class FakeVBoxDriver(driver.VirtualBoxDriver):
    def __init__(self, virtapi):
        self.vbox = vbox.FakeVBox()
        super().__init__(virtapi, client=self.vbox)

    # Nova's own suite has volumes of a kind that no hypervisor knows.

    def attach_volume(self, context, connection_info, *args, **kwargs):
        super().attach_volume(context, self._known(connection_info), *args,
                              **kwargs)

    def swap_volume(self, context, old, new, *args, **kwargs):
        super().swap_volume(context, self._known(old), self._known(new),
                            *args, **kwargs)

    def detach_volume(self, context, connection_info, *args, **kwargs):
        super().detach_volume(context, self._known(connection_info), *args,
                              **kwargs)

    def power_on(self, context, instance, network_info,
                 block_device_info=None, **kwargs):
        for entry in (block_device_info or {}).get('block_device_mapping',
                                                   ()):
            entry['connection_info'] = self._known(entry['connection_info'])
        super().power_on(context, instance, network_info, block_device_info,
                         **kwargs)

    def _known(self, connection_info):
        """Return a connection to a disk that the fake VirtualBox reaches."""
        if connection_info['driver_volume_type'] != 'fake':
            return connection_info
        address = api.LunAddress('192.0.2.1:3260', 'iqn.2026-11.org.x:v', 1)
        self.vbox.luns.add(api.Lun(
            address, self.get_volume_connector(None)['initiator']))
        return {'driver_volume_type': 'iscsi', 'data': {
            'target_portal': address.server, 'target_iqn': address.target,
            'target_lun': address.lun}}
