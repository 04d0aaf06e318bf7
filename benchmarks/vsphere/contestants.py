# SPDX-License-Identifier: Apache-2.0
"""The same few things, done by each client of the API."""

from __future__ import annotations

import io
import ssl
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.vsphere import full_wsdl

USER, PASSWORD = 'root', 'secret'
_PATHS = ('name', 'runtime.powerState', 'config.instanceUuid')


class Ours:
    """:param host: and the other arguments: of all contestants"""

    def __init__(self, host: str, port: int, ca_file: str) -> None:
        from nova_hypervisors.clients.vsphere import esx
        self._client = esx.ESXHost(host, USER, lambda: PASSWORD, port=port,
                                   ca_file=ca_file)

    def connect(self) -> None:
        self._client.connect()

    def no_op(self) -> None:
        self._client.host_time()

    def machines(self) -> int:
        """Read them from the host, not from what is watched."""
        from nova_hypervisors.clients.vsphere import properties
        found = properties.read(self._client._session, properties.Wanted(
            self._client._place.host, {'VirtualMachine': _PATHS},
            (properties.Step('HostSystem', 'vm'),)))
        return len(found)

    def task(self) -> None:
        machine = min(self._client.list_machines(), key=lambda one: one.ref)
        (self._client.power_off if machine.state.value == 'poweredOn'
         else self._client.power_on)(machine.ref)

    def upload(self, size: int) -> None:
        from nova_hypervisors.clients.vsphere import api
        self._client.upload(api.DatastorePath('LocalDS_0', 'ours.bin'),
                            Zeros(size), size)


class Oslo:
    def __init__(self, host: str, port: int, ca_file: str) -> None:
        self._where = host, port, ca_file

    def connect(self) -> None:
        from oslo_vmware import api
        host, port, ca_file = self._where
        with tempfile.TemporaryDirectory() as folder:
            self._session = api.VMwareAPISession(
                host, USER, PASSWORD, 3, 0.5, port=port, cacert=ca_file,
                wsdl_loc=full_wsdl.write(Path(folder)))
        self._vim = self._session.vim
        content = self._vim.service_content
        self._view = self._session.invoke_api(
            self._vim, 'CreateContainerView', content.viewManager,
            container=content.rootFolder, type=['VirtualMachine'],
            recursive=True)

    def no_op(self) -> None:
        self._session.invoke_api(self._vim, 'CurrentTime', 'ServiceInstance')

    def machines(self) -> int:
        return len(self._read().objects)

    def _read(self) -> Any:
        from oslo_vmware import vim_util
        make = self._vim.client.factory
        step = vim_util.build_traversal_spec(
            make, 'v', 'ContainerView', 'view', False, [])
        start = vim_util.build_object_spec(make, self._view, [step])
        start.skip = True
        spec = vim_util.build_property_filter_spec(
            make, vim_util.build_property_spec(
                make, 'VirtualMachine', list(_PATHS)), start)
        options = make.create('ns0:RetrieveOptions')
        # An empty element would not be sent, and has to be.
        options.maxObjects = 10000
        return self._session.invoke_api(
            self._vim, 'RetrievePropertiesEx',
            self._vim.service_content.propertyCollector, specSet=[spec],
            options=options)

    def task(self) -> None:
        from oslo_vmware import vim_util
        ref = min((one.obj for one in self._read().objects),
                  key=lambda one: one.value)
        state = self._session.invoke_api(
            vim_util, 'get_object_property', self._vim, ref,
            'runtime.powerState')
        self._session.wait_for_task(self._session.invoke_api(
            self._vim, 'PowerOffVM_Task' if state == 'poweredOn'
            else 'PowerOnVM_Task', ref))

    def upload(self, size: int) -> None:
        from oslo_vmware import rw_handles
        host, port, ca_file = self._where
        handle = rw_handles.FileWriteHandle(
            host, port, 'ha-datacenter', 'LocalDS_0',
            self._vim.client.cookiejar, 'oslo.bin', size, cacerts=ca_file)
        source = Zeros(size)
        while block := source.read(65536):
            handle.write(block)
        handle.close()


class PyVmomi:
    def __init__(self, host: str, port: int, ca_file: str) -> None:
        self._where = host, port, ca_file

    def connect(self) -> None:
        from pyVim import connect
        host, port, ca_file = self._where
        self._instance = connect.SmartConnect(
            host=host, port=port, user=USER, pwd=PASSWORD,
            sslContext=ssl.create_default_context(cafile=ca_file))
        self._content = self._instance.RetrieveContent()

    def no_op(self) -> None:
        self._instance.CurrentTime()

    def machines(self) -> int:
        from pyVmomi import vim
        from pyVmomi import vmodl
        query = vmodl.query.PropertyCollector
        view = self._content.viewManager.CreateContainerView(
            self._content.rootFolder, [vim.VirtualMachine], True)
        spec = query.FilterSpec(
            propSet=[query.PropertySpec(type=vim.VirtualMachine, all=False,
                                        pathSet=list(_PATHS))],
            objectSet=[query.ObjectSpec(
                obj=view, skip=True, selectSet=[query.TraversalSpec(
                    name='v', path='view', skip=False,
                    type=vim.view.ContainerView)])])
        found = self._content.propertyCollector.RetrievePropertiesEx(
            [spec], query.RetrieveOptions())
        view.Destroy()
        return len(found.objects)


class Floor:
    """requests and lxml, and messages that are written down."""

    def __init__(self, host: str, port: int, ca_file: str) -> None:
        self._where = f'https://{host}:{port}'
        self._ca_file = ca_file

    def _call(self, body: str) -> bytes:
        return self._session.post(
            f'{self._where}/sdk', verify=self._ca_file, data=(
                '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/'
                'envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-'
                f'instance"><e:Body>{body}</e:Body></e:Envelope>'),
            timeout=60).content

    def connect(self) -> None:
        import requests
        self._session = requests.Session()
        self._call('<Login xmlns="urn:vim25"><_this type="SessionManager">'
                   f'ha-sessionmgr</_this><userName>{USER}</userName>'
                   f'<password>{PASSWORD}</password></Login>')

    def no_op(self) -> None:
        self._call('<CurrentTime xmlns="urn:vim25"><_this type='
                   '"ServiceInstance">ServiceInstance</_this></CurrentTime>')

    def machines(self) -> int:
        from lxml import etree
        answer = self._call(
            '<RetrievePropertiesEx xmlns="urn:vim25"><_this type='
            '"PropertyCollector">ha-property-collector</_this><specSet>'
            '<propSet><type>VirtualMachine</type>'
            + ''.join(f'<pathSet>{path}</pathSet>' for path in _PATHS)
            + '</propSet><objectSet><obj type="HostSystem">ha-host</obj>'
            '<skip>true</skip><selectSet xsi:type="TraversalSpec"><type>'
            'HostSystem</type><path>vm</path></selectSet></objectSet>'
            '</specSet><options/></RetrievePropertiesEx>')
        return sum(1 for _ in etree.iterparse(
            io.BytesIO(answer), tag='{urn:vim25}objects'))

    def upload(self, size: int) -> None:
        self._session.put(
            f'{self._where}/folder/floor.bin?dcPath=ha-datacenter&'
            'dsName=LocalDS_0', data=Zeros(size), verify=self._ca_file,
            timeout=60).raise_for_status()


class Zeros(io.RawIOBase):
    """A file of so many bytes."""

    def __init__(self, size: int) -> None:
        self._left = self._size = size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        self._left -= size
        return bytes(size)

    def readable(self) -> bool:
        return True


CONTESTANTS = {'ours': Ours, 'oslo.vmware': Oslo, 'pyvmomi': PyVmomi,
               'floor': Floor}
