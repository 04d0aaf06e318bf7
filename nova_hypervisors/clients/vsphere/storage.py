# SPDX-License-Identifier: Apache-2.0
"""Storage that a host reaches by its software iSCSI adapter.

Source: HostStorageSystem and HostInternetScsiHba of the vSphere Web Services
API reference.
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

    def add_target(self, target: api.IscsiTarget) -> None:
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

    def remove_target(self, target: api.IscsiTarget) -> None:
        adapter = self.iscsi_adapter()
        with contextlib.suppress(errors.NotFound):
            self._call('RemoveInternetScsiStaticTargets',
                       self._storage_system(), iScsiHbaDevice=adapter.device,
                       targets=[self._target(target, chap=False)])
        self._rescan(adapter)

    def rescan(self) -> None:
        self._rescan(self.iscsi_adapter())

    def find_lun(self, target: api.IscsiTarget, lun: int) -> api.ScsiDisk:
        found = self._storage(_LUNS, _TOPOLOGY)
        key = _lun_key(found.get(_TOPOLOGY), target, lun)
        if key is not None:
            for item in values.items(found.get(_LUNS), 'ScsiLun'):
                if values.text(item, 'key') == key:
                    return _disk(item, target, lun)
        raise errors.VolumeUnavailable(
            f'the host does not see LUN {lun} of {target.iqn} at '
            f'{target.address}:{target.port}')

    def _rescan(self, adapter: api.IscsiAdapter) -> None:
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


def _lun_key(topology: values.Element | None, target: api.IscsiTarget,
             lun: int) -> str | None:
    """Return the key of the ScsiLun that a target has under a number."""
    for adapter in values.items(topology, 'HostScsiTopologyInterface'):
        for one in values.items(adapter, 'target'):
            if values.text(one, 'transport/iScsiName') != target.iqn:
                continue
            for item in values.items(one, 'lun'):
                if values.integer(item, 'lun', -1) == lun:
                    return values.text(item, 'scsiLun')
    return None


def _disk(item: values.Element, target: api.IscsiTarget,
          lun: int) -> api.ScsiDisk:
    return api.ScsiDisk(
        canonical_name=values.text(item, 'canonicalName'),
        device=values.text(item, 'deviceName'),
        uuid=values.text(item, 'uuid'),
        size=values.integer(item, 'capacity/block')
        * values.integer(item, 'capacity/blockSize'),
        lun=lun, target=target.iqn)
