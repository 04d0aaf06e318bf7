# SPDX-License-Identifier: Apache-2.0
"""Disks that are compressed streams: imported by a lease.

A host takes a stream-optimised VMDK only as the disk of a machine that is
imported.  That machine is forgotten then, and its disk moved.

Source: HttpNfcLease of the vSphere Web Services API reference.
"""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import details
from nova_hypervisors.clients.vsphere import disks
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import folder
from nova_hypervisors.clients.vsphere import specs
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values

# A lease ends after five minutes of which the host hears nothing.
_TELL_S = 15.0
_READY_S = 60.0
_LOOK_S = 0.2
_STREAM = 'application/x-vnd.vmware-streamVmdk'
_STATE, _ERROR, _INFO = 'state', 'error', 'info'


class Leases(disks.Disks):
    """import_disk of FileApi of :mod:`.interface`."""

    def import_disk(self, target: api.DatastorePath, data: BinaryIO,
                    size: int, capacity: int) -> None:
        lease = self._lease(self._import_spec(target.datastore, capacity))
        stream = folder.Stream(data, size)
        info = None
        try:
            info = self._when_ready(lease)
            with self._kept_alive(lease, stream):
                self._send(info, stream)
            self._call('HttpNfcLeaseComplete', lease)
        except BaseException:
            self._give_up(lease, info)
            raise
        machine = tasks.needed(values.find(info, 'entity'),
                               'the machine that was imported')
        self._take_disk(machine, target)

    def _give_up(self, lease: values.Ref,
                 info: values.Element | None) -> None:
        with contextlib.suppress(errors.ClientError):
            self._call('HttpNfcLeaseAbort', lease)
        machine = values.ref(None if info is None
                             else values.find(info, 'entity'))
        if machine is not None:
            # The host should have deleted it with the lease.
            with contextlib.suppress(errors.ClientError):
                self._run('Destroy_Task', machine)

    def _lease(self, spec: Any) -> values.Ref:
        place = self._place
        answer = self._call('ImportVApp', place.pool, spec=spec,
                            folder=place.folder, host=place.host)
        return tasks.needed(values.find(answer, 'returnval'), 'the lease')

    def _import_spec(self, datastore: str, capacity: int) -> Any:
        name = f'import-{uuid.uuid4().hex[:12]}'
        machine = api.MachineSpec(
            uuid=str(uuid.uuid4()), name=name, vcpus=1, memory_mb=4,
            path=api.DatastorePath(datastore, f'{name}/{name}.vmx'),
            disks=(api.Disk(path=None, size=capacity, create=True),))
        return self._make('VirtualMachineImportSpec',
                          configSpec=specs.machine(self._make, machine))

    def _when_ready(self, lease: values.Ref) -> values.Element:
        """Return the HttpNfcLeaseInfo."""
        end = time.monotonic() + _READY_S
        while True:
            found = self._read(lease, _STATE, _ERROR, _INFO)
            state = values.text(found.get(_STATE))
            if state == 'ready' and _INFO in found:
                return found[_INFO]
            if state == 'error':
                tasks.raise_fault(faults.of_task(found[_ERROR]),
                                  'ImportVApp')
            if time.monotonic() > end:
                raise errors.TimedOut(
                    f'the lease was not ready within {_READY_S:g} seconds',
                    operation='ImportVApp')
            time.sleep(_LOOK_S)

    @contextlib.contextmanager
    def _kept_alive(self, lease: values.Ref,
                    stream: folder.Stream) -> Iterator[None]:
        done = threading.Event()

        def tell() -> None:
            while not done.wait(_TELL_S):
                percent = 100 * stream.sent // max(len(stream), 1)
                # The next one may get through, and the upload says the rest.
                with contextlib.suppress(errors.ClientError):
                    self._call('HttpNfcLeaseProgress', lease,
                               percent=min(percent, 99))

        thread = threading.Thread(target=tell, name='vsphere-lease',
                                  daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()

    def _send(self, info: values.Element, stream: folder.Stream) -> None:
        urls = values.items(info, 'deviceUrl')
        if not urls:
            raise errors.ClientError('the lease has no URL for the disk',
                                     operation='ImportVApp')
        answer = folder.send(
            self._link, self._here(values.text(urls[0], 'url')), 'import',
            stream, method='POST', Content_Type=_STREAM)
        folder.check(answer, 'import', 'the disk')

    def _here(self, url: str) -> str:
        """Name this host: it calls itself ``*``, without its port."""
        parts = urllib.parse.urlsplit(url)
        return parts._replace(
            scheme='https',
            netloc=urllib.parse.urlsplit(self._link.where).netloc).geturl()

    def _take_disk(self, machine: values.Ref,
                   target: api.DatastorePath) -> None:
        found = details.disks(self._read(machine, details.PATH).get(
            details.PATH))
        self._call('UnregisterVM', machine)
        if not found or found[0].path is None:
            raise errors.ClientError('the machine that was imported has no '
                                     'disk', operation='ImportVApp')
        try:
            self.move_disk(found[0].path, target)
        finally:
            with contextlib.suppress(errors.ClientError):
                self.delete_file(found[0].path.parent)
