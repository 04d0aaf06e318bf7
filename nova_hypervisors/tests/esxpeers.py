# SPDX-License-Identifier: Apache-2.0
"""pyVmomi and plain requests, as clients of an ESX host that are not ours."""

from __future__ import annotations

import ssl
import time
from typing import Any

import requests
from pyVim import connect as pyvim
from pyVmomi import SoapStubAdapter
from pyVmomi import vim
from pyVmomi import vmodl

_D = vim.vm.device
_PC = vmodl.query.PropertyCollector
_ENVELOPE = (
    '<?xml version="1.0"?><e:Envelope '
    'xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
    '<e:Body>{}</e:Body></e:Envelope>')


class Raw:
    """Calls as text."""

    def __init__(self, host: Any) -> None:
        self.base = f'https://{host.address}:{host.port}'
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = host.ca_file
        self._host = host

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def post(self, body: str, **headers: str) -> requests.Response:
        return self.http.post(
            f'{self.base}/sdk', data=_ENVELOPE.format(body), timeout=30,
            headers={'Content-Type': 'text/xml', **headers})

    def call(self, method: str, ref: tuple[str, str], body: str = '',
             ) -> requests.Response:
        return self.post(
            f'<{method} xmlns="urn:vim25"><_this type="{ref[0]}">{ref[1]}'
            f'</_this>{body}</{method}>')

    def login(self) -> None:
        reply = self.call(
            'Login', ('SessionManager', 'ha-sessionmgr'),
            f'<userName>{self._host.user}</userName>'
            f'<password>{self._host.password}</password>')
        assert reply.status_code == 200, reply.text

    def file(self, method: str, path: str, datastore: str = 'datastore1',
             **options: Any) -> requests.Response:
        return self.http.request(
            method, f'{self.base}/folder/{path}', timeout=30,
            params={'dcPath': 'ha-datacenter', 'dsName': datastore},
            **options)


class Peer:
    """pyVmomi, logged in."""

    def __init__(self, host: Any) -> None:
        self.si = pyvim.Connect(
            host=host.address, port=host.port, user=host.user,
            pwd=host.password, version='vim.version.v8_0_2_0',
            sslContext=ssl.create_default_context(cafile=host.ca_file))
        self.content = self.si.RetrieveContent()
        center = self.content.rootFolder.childEntity[0]
        self.folder = center.vmFolder
        resource = center.hostFolder.childEntity[0]
        self.pool = resource.resourcePool
        self.host = resource.host[0]
        self.files = self.content.fileManager
        self.disks = self.content.virtualDiskManager

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self.stub.DropConnections()

    @property
    def stub(self) -> SoapStubAdapter:
        return self.si._stub

    def wait(self, task: Any, seconds: float = 20) -> Any:
        """Return a task's result.

        :raises vmodl.MethodFault: the task's
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Not task.info: vcsim's may name what is no entity.
            [found] = self.read(task, vim.Task, [
                'info.state', 'info.result', 'info.error']).objects
            info = {one.name: one.val for one in found.propSet}
            if info['info.state'] == 'success':
                return info.get('info.result')
            if info['info.state'] == 'error':
                raise _fault(info['info.error'])
            time.sleep(0.01)
        raise AssertionError(f'{task} does not end')

    def create(self, name: str = 'one', **config: Any) -> Any:
        return self.wait(self.folder.CreateVM_Task(
            machine(name, **config), self.pool, self.host))

    def read(self, start: Any, kind: Any, paths: list[str],
             traversal: tuple[Any, ...] = (), **options: Any) -> Any:
        """Return what RetrievePropertiesEx does."""
        return self.content.propertyCollector.RetrievePropertiesEx(
            [selection(start, kind, paths, traversal)],
            _PC.RetrieveOptions(**options))

    def machines_view(self) -> Any:
        return self.content.viewManager.CreateContainerView(
            self.content.rootFolder, [vim.VirtualMachine], True)


def _fault(error: Any) -> Any:
    """Return the fault of a LocalizedMethodFault, or of its own."""
    return getattr(error, 'fault', error)


def in_view() -> tuple[Any, ...]:
    return (_PC.TraversalSpec(name='view', type=vim.view.ContainerView,
                              path='view', skip=False),)


def selection(start: Any, kind: Any, paths: list[str],
              traversal: tuple[Any, ...] = ()) -> Any:
    return _PC.FilterSpec(
        objectSet=[_PC.ObjectSpec(obj=start, skip=bool(traversal),
                                  selectSet=list(traversal))],
        propSet=[_PC.PropertySpec(type=kind, pathSet=paths)])


def machine(name: str, **config: Any) -> Any:
    """Return a VirtualMachineConfigSpec."""
    return vim.vm.ConfigSpec(
        **{'name': name, 'guestId': 'otherGuest', 'memoryMB': 64,
           'numCPUs': 1, 'files': vim.vm.FileInfo(
               vmPathName=f'[datastore1] {name}/{name}.vmx'), **config})


def add(device: Any, operation: str | None = None) -> Any:
    return _D.VirtualDeviceSpec(operation='add', fileOperation=operation,
                                device=device)


def controller() -> Any:
    return add(_D.VirtualLsiLogicController(
        key=-101, busNumber=0, sharedBus='noSharing'))


def disk(path: str = '', size_kb: int = 1024, parent: str = '',
         create: bool = False, at: int = -101, unit: int = 0,
         **backing: Any) -> Any:
    backing = {'fileName': path, 'diskMode': 'persistent', **backing}
    if parent:
        backing['parent'] = _D.VirtualDisk.FlatVer2BackingInfo(
            fileName=parent, diskMode='persistent')
    return add(_D.VirtualDisk(
        key=-1, controllerKey=at, unitNumber=unit, capacityInKB=size_kb,
        backing=_D.VirtualDisk.FlatVer2BackingInfo(**backing)),
        'create' if create else None)


def nic(group: str = 'VM Network', mac: str = 'fa:16:3e:00:00:01') -> Any:
    return add(_D.VirtualVmxnet3(
        key=-47, addressType='manual', macAddress=mac,
        backing=_D.VirtualEthernetCard.NetworkBackingInfo(deviceName=group)))


def disk_spec(size_kb: int = 1024, kind: str = 'preallocated') -> Any:
    return vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
        diskType=kind, adapterType='lsiLogic', capacityKb=size_kb)
