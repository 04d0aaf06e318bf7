# SPDX-License-Identifier: Apache-2.0
"""The drivers with hypervisors that are none."""

from nova import context as nova_context

from nova_hypervisors.baremetal import driver as baremetal
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.fakes import vbox
from nova_hypervisors.tests.fakes.esx import storage as esx_storage
from nova_hypervisors.virtualbox import driver as virtualbox
from nova_hypervisors.vmwareapi import driver as vmwareapi


class TakesNovasVolumes:
    """Nova's own suite has volumes of a kind that no hypervisor knows.

    And nobody who asks.
    """

    def attach_volume(self, context, connection_info, *args, **kwargs):
        context = context or nova_context.get_admin_context()
        super().attach_volume(context, self._known(connection_info), *args,
                              **kwargs)

    def swap_volume(self, context, old, new, *args, **kwargs):
        context = context or nova_context.get_admin_context()
        super().swap_volume(context, self._known(old), self._known(new),
                            *args, **kwargs)

    def detach_volume(self, context, connection_info, *args, **kwargs):
        context = context or nova_context.get_admin_context()
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
        """Return a connection to a disk that the fake hypervisor reaches."""
        if connection_info['driver_volume_type'] != 'fake':
            return connection_info
        portal, target = '192.0.2.1:3260', 'iqn.2026-11.org.x:v'
        self._offer(portal, target)
        return {'driver_volume_type': 'iscsi', 'data': {
            'target_portal': portal, 'target_iqn': target, 'target_lun': 1}}


class FakeVBoxDriver(TakesNovasVolumes, virtualbox.VirtualBoxDriver):
    def __init__(self, virtapi):
        self.vbox = vbox.FakeVBox()
        super().__init__(virtapi, client=self.vbox)

    def _offer(self, portal, target):
        self.vbox.luns.add(api.Lun(
            api.LunAddress(portal, target, 1),
            self.get_volume_connector(None)['initiator']))


class FakeESXDriver(TakesNovasVolumes, vmwareapi.VMwareESXDriver):
    """:ivar host: the fake host, put there by the test"""

    def _offer(self, portal, target):
        if target not in [lun.iqn for lun in self.host.luns]:
            self.host.luns.append(esx_storage.Lun(
                target, 2 ** 30, 1, *_address(portal)))


def _address(portal):
    address, _, port = portal.rpartition(':')
    return address, int(port)


class FakeBareMetalDriver(baremetal.BareMetalDriver):
    """Reserves the first free node for a server, as a scheduler would."""

    def spawn(self, context, instance, *args, **kwargs):
        nodes = self._parts.inventory.store.list_nodes()
        instance.node = next(node.uuid for node in nodes
                             if node.instance_uuid is None)
        self.prepare_for_spawn(instance)
        super().spawn(context, instance, *args, **kwargs)
