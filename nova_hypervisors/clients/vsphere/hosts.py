# SPDX-License-Identifier: Apache-2.0
"""An ESX host itself: what it is, what it gives, and who is refused."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import watcher

OLDEST = (6, 5)

_CONNECT_S = 30.0

_HOST = (
    'name', 'hardware.systemInfo.uuid', 'summary.hardware.vendor',
    'summary.hardware.model', 'summary.hardware.cpuModel',
    'summary.hardware.cpuMhz', 'summary.hardware.memorySize',
    'summary.hardware.numCpuPkgs', 'summary.hardware.numCpuCores',
    'summary.hardware.numCpuThreads', 'summary.managementServerIp',
    'runtime.bootTime', 'hardware.cpuPkg', 'hardware.cpuFeature')
_USAGE = ('runtime.connectionState', 'runtime.inMaintenanceMode',
          'summary.quickStats.overallMemoryUsage',
          'summary.quickStats.overallCpuUsage')
_DATASTORE = ('summary.name', 'summary.type', 'summary.capacity',
              'summary.freeSpace', 'summary.accessible',
              'summary.maintenanceMode')

_LICENSES = 'licenses'
# Editions whose API reads only, by their names and their keys: "vSphere 8
# Hypervisor", esxBasic.  From public reports; no such licence was at hand.
_READ_ONLY = re.compile(r'vSphere( \d+)? Hypervisor$|esxBasic|\.hypervisor\.')

# From the root folder to the host, each step once: hosts have one of each.
_TO_HOST = properties.Step('Folder', 'childEntity', (
    properties.Step('Datacenter', 'hostFolder', (
        properties.Step('Folder', 'childEntity', (
            properties.Step('ComputeResource', 'host'),)),)),))


class Hosts(tasks.HostTasks):
    """HostApi of :mod:`.interface`."""

    _facts: dict[str, values.Element] | None = None
    # Of which session: a host that was started anew has ended it.
    _facts_of = 0

    def connect(self) -> None:
        if self._watcher is not None:
            return
        try:
            self._session.open(self._refuse_others)
            self._look_around()
            self._begin_to_watch()
        except BaseException:
            self.close()
            raise

    def _look_around(self) -> None:
        licenses = self._service('licenseManager')
        found = properties.read(
            self._session,
            properties.Wanted(
                self._service('rootFolder'), {
                    'Datacenter': ('vmFolder', 'name'),
                    'ComputeResource': ('resourcePool',),
                    'HostSystem': _HOST},
                (_TO_HOST,)),
            properties.of(licenses, _LICENSES))
        self._inventory = _inventory(found)
        self._facts = found[self._inventory.host]
        self._facts_of = self._session.number
        self._refuse_managed()
        _refuse_read_only(_licenses(found.get(licenses, {})))

    def _begin_to_watch(self) -> None:
        self._watcher = watcher.Watcher(self._session, self._place.host)
        for listener in self._listeners:
            self._watcher.add_listener(listener)
        self._watcher.start()
        if not self._watcher.wait_until_in_step(_CONNECT_S):
            raise errors.TimedOut(
                f'{self._link.where} has not told of its machines within '
                f'{_CONNECT_S:g} seconds', operation='connect')

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        self._watcher = None
        self._session.close()

    def host(self) -> api.Host:
        if self._facts is None or self._facts_of != self._session.number:
            self._facts = self._read(self._place.host, *_HOST)
            self._facts_of = self._session.number
        facts = self._facts

        def text(path: str) -> str:
            return values.text(facts.get(path))

        def number(path: str) -> int:
            return values.integer(facts.get(f'summary.hardware.{path}'))

        packages = values.items(facts.get('hardware.cpuPkg'),
                                'HostCpuPackage')
        return api.Host(
            name=text('name'), uuid=text('hardware.systemInfo.uuid').lower(),
            version=self._session.about('version'),
            build=self._session.about('build'),
            api_version=self._session.about('apiVersion'),
            api_type=self._session.about('apiType'),
            vendor=text('summary.hardware.vendor'),
            model=text('summary.hardware.model'),
            cpu_model=text('summary.hardware.cpuModel'),
            cpu_vendor=values.text(packages[0] if packages else None,
                                   'vendor'),
            sockets=number('numCpuPkgs'), cores=number('numCpuCores'),
            threads=number('numCpuThreads'), cpu_mhz=number('cpuMhz'),
            memory=number('memorySize'),
            booted_at=values.time(facts.get('runtime.bootTime')),
            managed_by=text('summary.managementServerIp') or None,
            cpu_leaves=tuple(_leaf(item) for item in values.items(
                facts.get('hardware.cpuFeature'), 'HostCpuIdInfo')))

    def usage(self) -> api.HostUsage:
        found = self._with_datastores(_USAGE)
        host = found.get(self._place.host, {})
        return api.HostUsage(
            connected=values.text(
                host.get('runtime.connectionState')) == 'connected',
            in_maintenance=values.is_true(
                host.get('runtime.inMaintenanceMode')),
            memory_used=values.integer(host.get(
                'summary.quickStats.overallMemoryUsage')) << 20,
            cpu_used_mhz=values.integer(host.get(
                'summary.quickStats.overallCpuUsage')),
            datastores=tuple(_datastores(found)))

    def datastores(self) -> list[api.Datastore]:
        return _datastores(self._with_datastores(('name',)))

    def _with_datastores(self, paths: tuple[str, ...]) -> properties.Objects:
        return properties.read(self._session, properties.Wanted(
            self._place.host, {'HostSystem': paths, 'Datastore': _DATASTORE},
            (properties.Step('HostSystem', 'datastore'),)))

    def host_time(self) -> datetime.datetime:
        answer = self._call('CurrentTime', values.Ref('ServiceInstance',
                                                      'ServiceInstance'))
        moment = values.time(answer, 'returnval')
        if moment is None:
            raise errors.ClientError('the host gives no time',
                                     operation='CurrentTime')
        return moment

    def licenses(self) -> list[api.License]:
        return _licenses(self._read(self._service('licenseManager'),
                                    _LICENSES))

    def missing_privileges(self, wanted: Collection[str]) -> list[str]:
        names = list(wanted)
        operation = 'HasPrivilegeOnEntities'
        manager = self._service('authorizationManager')
        # With the key of the session that it is when it is called.
        answer = self._session.retried(
            operation, manager, lambda: self._session.try_call(
                operation, manager, entity=[self._place.host],
                sessionId=self._session.key, privId=names))
        granted = {
            values.text(item, 'privId')
            for item in values.items(answer, 'returnval/privAvailability')
            if values.is_true(item, 'isGranted')}
        return [name for name in names if name not in granted]

    def set_maintenance(self, on: bool, timeout_s: int) -> None:
        self._run('EnterMaintenanceMode_Task' if on else
                  'ExitMaintenanceMode_Task', self._place.host,
                  timeout=timeout_s)

    def _refuse_others(self, content: values.Element) -> None:
        about = values.find(content, 'about')
        if values.text(about, 'apiType') != 'HostAgent':
            raise errors.Unsupported(
                f'{self._link.where} is {values.text(about, "fullName")}, '
                'and no ESX host: name a host itself; for a vCenter there is '
                "Nova's own vmwareapi.VMwareVCDriver")
        version = values.text(about, 'apiVersion')
        numbers = tuple(int(word) for word in re.findall(r'\d+', version))
        if numbers[:2] < OLDEST:
            raise errors.Unsupported(
                f'{self._link.where} is {values.text(about, "fullName")}, '
                f'whose API is {version or "unknown"}: 6.5 is the oldest '
                'that is supported. Update the host')

    def _refuse_managed(self) -> None:
        server = self.host().managed_by
        if server:
            raise errors.Unsupported(
                f'{self._link.where} is managed by the vCenter {server}, '
                'which would move and change the machines: disconnect the '
                "host from it, or let Nova's vmwareapi.VMwareVCDriver talk to "
                'the vCenter')


def _leaf(item: values.Element) -> api.CpuLeaf:
    """Read a HostCpuIdInfo: '0000:1000:...', the highest bit first."""
    def register(name: str) -> int:
        bits = values.text(item, name).replace(':', '')
        return int(''.join('1' if bit == '1' else '0' for bit in bits) or '0',
                   2)

    # An xsd:int, which has a sign.
    return api.CpuLeaf(values.integer(item, 'level') % (1 << 32),
                       register('eax'), register('ebx'), register('ecx'),
                       register('edx'))


def _inventory(found: properties.Objects) -> tasks.Inventory:
    def first(kind: str) -> tuple[values.Ref, dict[str, values.Element]]:
        for ref, properties_of in found.items():
            if ref.type == kind:
                return ref, properties_of
        raise errors.Forbidden(
            f'the user sees no {kind}: it needs a role with at least the '
            'privileges that the documentation lists, on the whole host')

    datacenter, its = first('Datacenter')
    return tasks.Inventory(
        host=first('HostSystem')[0], datacenter=datacenter,
        datacenter_name=values.text(its.get('name')),
        folder=tasks.needed(its.get('vmFolder'), 'the folder of machines'),
        pool=tasks.needed(first('ComputeResource')[1].get('resourcePool'),
                          'the resource pool'))


def _datastores(found: properties.Objects) -> list[api.Datastore]:
    return sorted((
        api.Datastore(
            name=values.text(one.get('summary.name')),
            type=values.text(one.get('summary.type')),
            capacity=values.integer(one.get('summary.capacity')),
            free=values.integer(one.get('summary.freeSpace')),
            accessible=values.is_true(one.get('summary.accessible')),
            maintenance=values.text(
                one.get('summary.maintenanceMode'),
                default='normal') != 'normal')
        for ref, one in found.items() if ref.type == 'Datastore'),
        key=lambda datastore: datastore.name)


def _licenses(found: dict[str, values.Element]) -> list[api.License]:
    return [
        api.License(name=values.text(item, 'name'),
                    edition=values.text(item, 'editionKey'),
                    evaluation=values.text(item, 'editionKey') == 'eval')
        for item in values.items(found.get(_LICENSES),
                                 'LicenseManagerLicenseInfo')]


def _refuse_read_only(licenses: list[api.License]) -> None:
    """:raises Unsupported: every licence is of an edition that only reads"""
    if licenses and all(_READ_ONLY.search(one.name)
                        or _READ_ONLY.search(one.edition)
                        for one in licenses):
        raise errors.Unsupported(f'{licenses[0].name}: {faults.READ_ONLY}')
