# SPDX-License-Identifier: Apache-2.0
"""What a host reaches by iSCSI and Fibre Channel: HostStorageSystem.

What there is to be reached is declared by a test, in ``host.luns``.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import fibrechannel
from nova_hypervisors.tests.fakes.esx import managed

_H = vim.host
_I = _H.InternetScsiHba


@dataclasses.dataclass(slots=True)
class Lun:
    """A disk that a target would give.

    :param size: in bytes
    :param wwpn: the name of a target's port, of Fibre Channel; then the rest
        that belongs to iSCSI is nothing
    :param user: what CHAP asks for; nobody is asked if it is empty
    """

    iqn: str
    size: int
    lun: int = 0
    address: str = '127.0.0.1'
    port: int = 3260
    user: str = ''
    secret: str = dataclasses.field(default='', repr=False)
    wwpn: str = ''
    naa: str = dataclasses.field(
        default_factory=lambda: f'naa.6{uuid.uuid4().hex[:31]}')

    @property
    def uuid(self) -> str:
        return f'02000000{self.lun:02x}{self.naa[4:]}'


class StorageSystem(fibrechannel.FibreChannel, managed.Managed):
    kind = _H.StorageSystem

    device = 'vmhba64'

    def __init__(self, esx: Any, moid: str) -> None:
        managed.Managed.__init__(self, esx, moid)
        fibrechannel.FibreChannel.__init__(self)
        self.enabled = False
        self._static: dict[tuple[str, int, str], Any] = {}
        self._send: dict[tuple[str, int], Any] = {}
        self._seen: list[Lun] = []

    @property
    def storageDeviceInfo(self) -> Any:
        return _H.StorageDeviceInfo(
            hostBusAdapter=[*([self._hba()] if self.enabled else []),
                            *self._fc_adapters()],
            scsiLun=[_disk(lun, lun.uuid in self.detached)
                     for lun in self._all_seen()],
            scsiTopology=_H.ScsiTopology(adapter=[*self._fc_topology(), *(
                [_H.ScsiTopology.Interface(
                    key=f'key-vim.host.ScsiTopology.Interface-{self.device}',
                    adapter=self._key, target=self._targets())]
                if self.enabled else [])]),
            softwareInternetScsiEnabled=self.enabled)

    def _all_seen(self) -> list[Lun]:
        return [*self._seen, *self._seen_by_fc()]

    def _path_of(self, uuid: str) -> str:
        return next(_path(lun) for lun in self._all_seen()
                    if lun.uuid == uuid)

    @property
    def _key(self) -> str:
        return f'key-vim.host.InternetScsiHba-{self.device}'

    def find_device(self, name: str | None, lun_uuid: str | None) -> Any:
        """Return a ScsiDisk that the host sees, by its path or its UUID.

        Guess: one that was detached is as good as none.
        """
        for lun in self._all_seen():
            if lun.uuid in self.detached:
                continue
            if name == _path(lun) or (lun_uuid and lun_uuid == lun.uuid):
                return _disk(lun)
        return None

    @property
    def static_targets(self) -> list[str]:
        """The names of those that the adapter has been told of."""
        return [iqn for _, _, iqn in self._static]

    def _hba(self) -> Any:
        return _I(
            key=self._key, device=self.device, bus=0, status='online',
            model='iSCSI Software Adapter', driver='iscsi_vmk',
            isSoftwareBased=True, iScsiName='iqn.1998-01.com.vmware:fake',
            discoveryCapabilities=_I.DiscoveryCapabilities(
                iSnsDiscoverySettable=False, slpDiscoverySettable=False,
                staticTargetDiscoverySettable=True,
                sendTargetsDiscoverySettable=True),
            discoveryProperties=_I.DiscoveryProperties(
                iSnsDiscoveryEnabled=False, slpDiscoveryEnabled=False,
                staticTargetDiscoveryEnabled=True,
                sendTargetsDiscoveryEnabled=True),
            authenticationCapabilities=_I.AuthenticationCapabilities(
                chapAuthSettable=True, krb5AuthSettable=False,
                srpAuthSettable=False, spkmAuthSettable=False,
                mutualChapSettable=True, targetChapSettable=True,
                targetMutualChapSettable=True),
            authenticationProperties=_I.AuthenticationProperties(
                chapAuthEnabled=False),
            ipCapabilities=_I.IPCapabilities(
                addressSettable=False, ipConfigurationMethodSettable=False,
                subnetMaskSettable=False, defaultGatewaySettable=False,
                primaryDnsServerAddressSettable=False,
                alternateDnsServerAddressSettable=False),
            ipProperties=_I.IPProperties(dhcpConfigurationEnabled=False),
            configuredStaticTarget=[
                _shown(one) for one in self._static.values()],
            configuredSendTarget=[
                _shown(one) for one in self._send.values()])

    def _targets(self) -> list[Any]:
        made = {}
        for lun in self._seen:
            key = f'key-vim.host.ScsiTopology.Target-{self.device}:{lun.iqn}'
            target = made.setdefault(lun.iqn, _H.ScsiTopology.Target(
                key=key, target=len(made),
                transport=_H.InternetScsiTargetTransport(
                    iScsiName=lun.iqn, iScsiAlias='',
                    address=[f'{lun.address}:{lun.port}'])))
            target.lun.append(_H.ScsiTopology.Lun(
                key=f'key-vim.host.ScsiTopology.Lun-{lun.naa}', lun=lun.lun,
                scsiLun=f'key-vim.host.ScsiDisk-{lun.uuid}'))
        return list(made.values())

    def UpdateSoftwareInternetScsiEnabled(self, enabled: bool) -> None:
        self.enabled = enabled
        if not enabled:
            self._static.clear()
            self._send.clear()
            self._seen = []

    def AddInternetScsiStaticTargets(self, iScsiHbaDevice: str,
                                     targets: Any) -> None:
        """Guess: one that is there stays as it is."""
        self._need(iScsiHbaDevice)
        for one in targets:
            self._static.setdefault(_place(one), one)

    def RemoveInternetScsiStaticTargets(self, iScsiHbaDevice: str,
                                        targets: Any) -> None:
        self._need(iScsiHbaDevice)
        for one in targets:
            if self._static.pop(_place(one), None) is None:
                raise _missing(one.iScsiName)

    def AddInternetScsiSendTargets(self, iScsiHbaDevice: str,
                                   targets: Any) -> None:
        self._need(iScsiHbaDevice)
        for one in targets:
            self._send.setdefault((one.address, one.port or 3260), one)

    def RemoveInternetScsiSendTargets(self, iScsiHbaDevice: str, targets: Any,
                                      force: bool | None = None) -> None:
        self._need(iScsiHbaDevice)
        for one in targets:
            if self._send.pop((one.address, one.port or 3260), None) is None:
                raise _missing(one.address)

    def UpdateInternetScsiAuthenticationProperties(
            self, iScsiHbaDevice: str, authenticationProperties: Any,
            targetSet: Any = None) -> None:
        self._need(iScsiHbaDevice)
        for one in targetSet.staticTargets if targetSet else ():
            if _place(one) not in self._static:
                raise _missing(one.iScsiName)
            found = self._static[_place(one)]
            found.authenticationProperties = authenticationProperties
        for one in targetSet.sendTargets if targetSet else ():
            found = self._send.get((one.address, one.port or 3260))
            if found is None:
                raise _missing(one.address)
            found.authenticationProperties = authenticationProperties

    def RescanHba(self, hbaDevice: str) -> None:
        """Only now a host finds what has come, and misses what has gone."""
        if self._rescan_fc(hbaDevice):
            return
        self._need(hbaDevice)
        self._seen = [dataclasses.replace(lun) for lun in self.esx.luns
                      if self._reaches(lun)]

    def RescanAllHba(self) -> None:
        for one in self.esx.fc_adapters:
            self.RescanHba(one.device)
        if self.enabled:
            self.RescanHba(self.device)

    def RescanVmfs(self) -> None:
        pass

    RefreshStorageSystem = RescanVmfs

    def _reaches(self, lun: Lun) -> bool:
        if lun.wwpn:
            return False
        target = self._static.get((lun.address, lun.port, lun.iqn)) or (
            self._send.get((lun.address, lun.port)))
        if target is None:
            return False
        given = target.authenticationProperties
        if not lun.user:
            return True
        return bool(given and given.chapAuthEnabled) and (
            given.chapName, given.chapSecret) == (lun.user, lun.secret)

    def _need(self, device: str) -> None:
        if not self.enabled or device != self.device:
            raise _missing(device)


def _place(target: Any) -> tuple[str, int, str]:
    return target.address, target.port or 3260, target.iScsiName


def _missing(name: str) -> Any:
    return vim.fault.NotFound(
        msg=f'The object or item referred to could not be found: {name}')


def _shown(target: Any) -> Any:
    """Guess: a secret is never given away."""
    properties = target.authenticationProperties
    kept = {name: getattr(target, name) for name in (
        'address', 'port', 'iScsiName') if hasattr(target, name)}
    made = type(target)(**kept)
    if properties:
        made.authenticationProperties = _I.AuthenticationProperties(
            chapAuthEnabled=properties.chapAuthEnabled,
            chapName=properties.chapName,
            chapAuthenticationType=properties.chapAuthenticationType,
            chapInherited=properties.chapInherited)
    return made


def _path(lun: Lun) -> str:
    return f'/vmfs/devices/disks/{lun.naa}'


def _disk(lun: Lun, detached: bool = False) -> Any:
    return _H.ScsiDisk(
        deviceName=_path(lun), devicePath=_path(lun), deviceType='disk',
        key=f'key-vim.host.ScsiDisk-{lun.uuid}', uuid=lun.uuid,
        canonicalName=lun.naa, displayName=f'A disk ({lun.naa})',
        lunType='disk', vendor='FAKE', model='A disk', revision='1.0',
        operationalState=['off' if detached else 'ok'],
        capacity=_H.DiskDimensions.Lba(
            blockSize=512, block=lun.size // 512))
