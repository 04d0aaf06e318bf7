# SPDX-License-Identifier: Apache-2.0
"""Storage that a host reaches by iSCSI or Fibre Channel.

Source: HostStorageSystem, HostInternetScsiHba and HostFibreChannelHba of the
vSphere Web Services API reference.
"""

from __future__ import annotations

import contextlib
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values

_SYSTEM = 'configManager.storageSystem'
_ADAPTERS = 'storageDeviceInfo.hostBusAdapter'
_LUNS = 'storageDeviceInfo.scsiLun'
_TOPOLOGY = 'storageDeviceInfo.scsiTopology.adapter'
_SOFTWARE = 'storageDeviceInfo.softwareInternetScsiEnabled'

_FIBRE_CHANNEL = ('HostFibreChannelHba', 'HostFibreChannelOverEthernetHba')

# ScsiLunState of a disk that was detached.
_OFF = 'off'

_CHAP_REQUIRED = 'chapRequired'
_CHAP_NONE = 'chapProhibited'


class Storage(tasks.HostTasks):
    """StorageApi of :mod:`.interface`."""

    def iscsi_adapter(self) -> api.IscsiAdapter:
        found = self._storage(_ADAPTERS, _SOFTWARE)
        adapter = _software_adapter(found.get(_ADAPTERS))
        if adapter is None and not values.is_true(found.get(_SOFTWARE)):
            self._call('UpdateSoftwareInternetScsiEnabled',
                       self._storage_system(), enabled=True)
            adapter = _software_adapter(self._storage(_ADAPTERS).get(
                _ADAPTERS))
        if adapter is None:
            raise errors.VolumeUnavailable(
                'the host has no software iSCSI adapter: add it under '
                'Storage, Adapters in the host client')
        return adapter

    def fibre_channel_adapters(self) -> list[api.FibreChannelAdapter]:
        return [
            api.FibreChannelAdapter(
                values.text(item, 'device'),
                _wwn(item, 'portWorldWideName'),
                _wwn(item, 'nodeWorldWideName'))
            for item in values.items(self._storage(_ADAPTERS).get(_ADAPTERS),
                                     'HostHostBusAdapter')
            if values.kind(item) in _FIBRE_CHANNEL]

    def add_target(self, target: api.Target) -> None:
        if isinstance(target, api.FibreChannelTarget):
            self.rescan(target)
            self._take_up(target)
            return
        adapter = self.iscsi_adapter()
        made = self._target(target)
        with contextlib.suppress(errors.AlreadyExists):
            self._call('AddInternetScsiStaticTargets', self._storage_system(),
                       iScsiHbaDevice=adapter.device, targets=[made])
        if target.user:
            # One that was there may have another secret.
            self._call(
                'UpdateInternetScsiAuthenticationProperties',
                self._storage_system(), iScsiHbaDevice=adapter.device,
                authenticationProperties=self._chap(target),
                targetSet=self._make('HostInternetScsiHbaTargetSet',
                                     staticTargets=[self._target(target)]))
        self._rescan(adapter)

    def _take_up(self, target: api.FibreChannelTarget) -> None:
        """Let the host use again what it was told to let go of."""
        with contextlib.suppress(errors.VolumeUnavailable):
            found = self.find_lun(target, 0)
            if found.detached:
                self._call('AttachScsiLun', self._storage_system(),
                           lunUuid=found.uuid)

    def remove_target(self, target: api.Target) -> None:
        if isinstance(target, api.FibreChannelTarget):
            self._let_go(target)
            return
        adapter = self.iscsi_adapter()
        with contextlib.suppress(errors.NotFound):
            self._call('RemoveInternetScsiStaticTargets',
                       self._storage_system(), iScsiHbaDevice=adapter.device,
                       targets=[self._target(target, chap=False)])
        self._rescan(adapter)

    def _let_go(self, target: api.FibreChannelTarget) -> None:
        """Detach a disk, before the storage takes it away.

        A host that loses one without that goes on looking for it: VMware's
        knowledge base, "How to detach a LUN device from ESXi hosts".
        """
        with contextlib.suppress(errors.VolumeUnavailable, errors.NotFound):
            found = self.find_lun(target, 0)
            if not found.detached:
                self._call('DetachScsiLun', self._storage_system(),
                           lunUuid=found.uuid)

    def rescan(self, target: api.Target) -> None:
        if isinstance(target, api.IscsiTarget):
            self._rescan(self.iscsi_adapter())
            return
        adapters = self.fibre_channel_adapters()
        if not adapters:
            raise errors.VolumeUnavailable(
                'the host has no Fibre Channel adapter')
        for adapter in adapters:
            self._rescan(adapter)

    def find_lun(self, target: api.Target, lun: int) -> api.ScsiDisk:
        found = self._storage(_LUNS, _TOPOLOGY)
        key = _lun_key(found.get(_TOPOLOGY), target, lun)
        if key is not None:
            for item in values.items(found.get(_LUNS), 'ScsiLun'):
                if values.text(item, 'key') == key:
                    return _disk(item, target, lun)
        raise errors.VolumeUnavailable(
            f'the host does not see {_place(target, lun)}')

    def _rescan(self, adapter: api.IscsiAdapter | api.FibreChannelAdapter,
                ) -> None:
        self._session.call('RescanHba', self._storage_system(),
                           timeout_s=self._task_timeout_s,
                           hbaDevice=adapter.device)

    def _storage(self, *paths: str) -> dict[str, values.Element]:
        return self._read(self._storage_system(), *paths)

    def _storage_system(self) -> values.Ref:
        if self._disks_system is None:
            self._disks_system = tasks.needed(
                self._read(self._place.host, _SYSTEM).get(_SYSTEM),
                'the storage system')
        return self._disks_system

    def _target(self, target: api.IscsiTarget, chap: bool = True) -> Any:
        made = self._make(
            'HostInternetScsiHbaStaticTarget', address=target.address,
            port=target.port, iScsiName=target.iqn)
        if chap and target.user:
            made.authenticationProperties = self._chap(target)
        return made

    def _chap(self, target: api.IscsiTarget) -> Any:
        return self._make(
            'HostInternetScsiHbaAuthenticationProperties',
            chapAuthEnabled=True, chapName=target.user,
            chapSecret=values.Secret(target.secret),
            chapAuthenticationType=_CHAP_REQUIRED,
            chapInherited=False, mutualChapAuthenticationType=_CHAP_NONE,
            mutualChapInherited=False)


def _software_adapter(array: values.Element | None,
                      ) -> api.IscsiAdapter | None:
    for item in values.items(array, 'HostHostBusAdapter'):
        if (values.kind(item) == 'HostInternetScsiHba'
                and values.is_true(item, 'isSoftwareBased')):
            return api.IscsiAdapter(values.text(item, 'device'),
                                    values.text(item, 'iScsiName'))
    return None


def _place(target: api.Target, lun: int) -> str:
    if isinstance(target, api.IscsiTarget):
        return f'LUN {lun} of {target.iqn} at {target.address}:{target.port}'
    return ' or '.join(f'LUN {lun} of the Fibre Channel port {port}'
                       for port, lun in target.ports)


def _lun_key(topology: values.Element | None, target: api.Target,
             lun: int) -> str | None:
    """Return the key of the ScsiLun that a target has under a number.

    :param lun: of a target of iSCSI
    """
    wanted = {(target.iqn, lun)} if isinstance(
        target, api.IscsiTarget) else set(target.ports)
    for adapter in values.items(topology, 'HostScsiTopologyInterface'):
        for one in values.items(adapter, 'target'):
            name = (values.text(one, 'transport/iScsiName')
                    or _wwn(one, 'transport/portWorldWideName'))
            for item in values.items(one, 'lun'):
                if (name, values.integer(item, 'lun', -1)) in wanted:
                    return values.text(item, 'scsiLun')
    return None


def _wwn(item: values.Element, path: str) -> str:
    """Read a name, which the API has as a number with a sign."""
    return f'{values.integer(item, path) % (1 << 64):016x}'


def _disk(item: values.Element, target: api.Target,
          lun: int) -> api.ScsiDisk:
    return api.ScsiDisk(
        canonical_name=values.text(item, 'canonicalName'),
        device=values.text(item, 'deviceName'),
        uuid=values.text(item, 'uuid'),
        size=values.integer(item, 'capacity/block')
        * values.integer(item, 'capacity/blockSize'),
        lun=lun, target=target.name,
        detached=_OFF in [values.text(state) for state
                          in values.items(item, 'operationalState')])
