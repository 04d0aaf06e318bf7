# SPDX-License-Identifier: Apache-2.0
"""The WSDL that is made of what is installed."""

import threading
import time

import pytest
from pyVmomi import VmomiSupport
from suds import client

from nova_hypervisors.clients.vsphere import operations
from nova_hypervisors.clients.vsphere import wsdl

# The start of nova-compute waits for it.
_START_S = 0.6


def published():
    """Return the arguments of each operation as pyVmomi has them."""
    found = {}
    for name in list(VmomiSupport._managedDefMap):
        if not name.startswith(('vim.', 'vmodl.')):
            continue
        kind = VmomiSupport.GetVmodlType(name)
        for method in kind._methodInfo.values():
            found.setdefault(method.wsdlName, tuple(
                argument(one) for one in method.params))
    return found


def argument(param):
    kind = param.type
    is_list = issubclass(kind, VmomiSupport.Array)
    if is_list:
        kind = kind.Item
    if issubclass(kind, VmomiSupport.ManagedObject):
        name = 'ref'
    elif issubclass(kind, str) or kind is type:
        name = 'string'
    else:
        name = VmomiSupport.GetQualifiedWsdlName(kind)[1]
    return operations.Argument(
        param.name, name, is_list,
        bool(param.flags & VmomiSupport.F_OPTIONAL))


@pytest.fixture(scope='module')
def tables():
    # They are read when a type is first asked for.
    VmomiSupport.GetVmodlType('vim.VirtualMachine')
    return published()


@pytest.mark.parametrize('name', operations.parsed())
def test_an_operation_is_as_it_is_published(name, tables):
    ours = operations.parsed()[name]
    if name == 'HttpNfcLeaseAbort':
        # pyVmomi has the fault itself, the schema it with its text.
        assert ours[0].name == tables[name][0].name
        return
    assert ours == tables[name]


def test_suds_reads_it_in_time(wsdl_file):
    begun = time.process_time()
    made = client.Client(wsdl_file.as_uri(), cache=None)
    assert time.process_time() - begun < _START_S
    assert len(list(made.service._ServiceSelector__services[0].ports[
        0].methods)) == len(operations.parsed())


@pytest.mark.parametrize('name', [
    'VirtualMachineConfigSpec', 'VirtualDiskRawDiskMappingVer1BackingInfo',
    'ParaVirtualSCSIController', 'VirtualVmxnet3', 'TraversalSpec',
    'FileBackedVirtualDiskSpec', 'VirtualMachineImportSpec',
    'HostPortGroupSpec', 'HostInternetScsiHbaStaticTarget'])
def test_it_has_what_is_sent(made, name):
    assert made.make(name) is not None


def test_it_is_made_once(tmp_path):
    first = wsdl.ensure(tmp_path / 'cache')
    when = first.stat().st_mtime_ns
    assert wsdl.ensure(tmp_path / 'cache') == first
    assert first.stat().st_mtime_ns == when
    assert list(first.parent.iterdir()) == [first]


def test_what_is_made_of_other_operations_is_another(tmp_path, monkeypatch):
    first = wsdl.ensure(tmp_path)
    monkeypatch.setattr(operations, 'OPERATIONS', 'CurrentTime\n')
    assert wsdl.ensure(tmp_path) != first


def test_who_reads_it_sees_all_of_it(tmp_path):
    """Fifty computes may start at once, with one cache folder."""
    path = wsdl.path_in(tmp_path)
    whole = wsdl.text()
    seen = set()
    stop = threading.Event()

    def look():
        while not stop.is_set():
            if path.exists():
                seen.add(path.read_text() == whole)

    reader = threading.Thread(target=look)
    reader.start()
    writers = [threading.Thread(target=wsdl.write, args=(path,))
               for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    time.sleep(0.05)
    stop.set()
    reader.join()
    assert seen == {True}
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(wsdl, 'text', lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wsdl.write(tmp_path / 'w.wsdl')
    assert list(tmp_path.iterdir()) == []
