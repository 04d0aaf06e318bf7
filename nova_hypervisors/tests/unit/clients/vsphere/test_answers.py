# SPDX-License-Identifier: Apache-2.0
"""Answers are read whatever types they have: each that is published."""

import datetime
import time

import pytest
from lxml import etree
from pyVmomi import SoapAdapter
from pyVmomi import VmomiSupport
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import watcher

NEWEST = VmomiSupport.newestVersions.Get('vim')
HOST = values.Ref('HostSystem', 'ha-host')
COLLECTOR = values.Ref('PropertyCollector', 'ha-property-collector')


def all_types(base):
    """Return the names of a published type's subclasses, itself included."""
    VmomiSupport.GetVmodlType('vim.VirtualMachine')
    found = []
    for name in list(VmomiSupport._dataDefMap):
        if name.startswith(('vim.', 'vmodl.')):
            kind = VmomiSupport.GetVmodlType(name)
            # There are those of vSAN, too, which is no part of a host's API.
            if issubclass(kind, base) and VmomiSupport.IsChildVersion(
                    NEWEST, kind._version):
                found.append(kind)
    return found


def published_name(kind):
    return VmomiSupport.GetQualifiedWsdlName(kind)[1]


def filled(kind):
    """Make an object with everything that it has to have."""
    made = kind()
    for field in kind._GetPropertyList():
        if not field.flags & VmomiSupport.F_OPTIONAL:
            setattr(made, field.name, example(field.type))
    return made


def example(kind):
    if issubclass(kind, VmomiSupport.Array):
        return kind([example(kind.Item)])
    if issubclass(kind, VmomiSupport.ManagedObject):
        return kind('object-1')
    if issubclass(kind, VmomiSupport.DataObject):
        return filled(kind)
    return _EXAMPLES.get(kind.__name__) or (
        kind(kind.values[0]) if hasattr(kind, 'values') else
        'x' if kind is object else
        kind('1' if issubclass(kind, str) else 1))


_EXAMPLES = {
    'datetime': datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    'type': vim.VirtualMachine, 'binary': VmomiSupport.binary(b'x'),
    'ManagedMethod': vim.VirtualMachine.PowerOn}


def written(thing, name):
    """Write an object as a host does, as an element with its type."""
    text = SoapAdapter.Serialize(
        thing, info=VmomiSupport.Object(
            name=name, type=object, wsdlName=name,
            version=NEWEST, flags=0),
        version=NEWEST)
    return text.decode()


def inner(localized):
    """Return the fault in a LocalizedMethodFault, as a fault's detail."""
    fault = etree.fromstring(localized)[0]
    return etree.tostring(fault, encoding='unicode')


def test_there_are_many():
    assert len(all_types(vmodl.MethodFault)) > 700
    assert len(all_types(vim.vm.device.VirtualDevice)) > 40
    assert len(all_types(vim.TaskReason)) >= 4


def test_every_fault_is_an_error_with_its_name(made, link):
    for kind in all_types(vmodl.MethodFault):
        name = published_name(kind)
        link.answers = [(
            '<e:Fault><faultcode>ServerFaultCode</faultcode>'
            f'<faultstring>It is so.</faultstring><detail>'
            f'{inner(written(filled(kind), "val"))}</detail></e:Fault>')]
        with pytest.raises(faults.Fault) as caught:
            made.call('CurrentTime', HOST)
        assert caught.value.name == name
        error = faults.to_error(caught.value, 'CurrentTime', HOST)
        assert isinstance(error, errors.ClientError)
        assert (error.fault, error.operation) == (name, 'CurrentTime')


@pytest.mark.parametrize('base', [
    vim.vm.device.VirtualDevice, vim.vm.device.VirtualDevice.BackingInfo,
    vim.TaskReason, vim.host.HostBusAdapter, vim.option.OptionType,
    vim.host.ScsiLun, vim.host.TargetTransport, vmodl.MethodFault,
    vim.Event, vmodl.DynamicData])
def test_every_type_of_a_value_is_read(made, link, base):
    for kind in all_types(base):
        link.answers = [(
            '<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>'
            '<objects><obj type="HostSystem">ha-host</obj><propSet>'
            f'<name>some.path</name>{written(filled(kind), "val")}</propSet>'
            '</objects></returnval></RetrievePropertiesExResponse>')]
        answer = made.call('RetrievePropertiesEx', COLLECTOR)
        found = {}
        properties._collect(answer, found)
        value = found[HOST]['some.path']
        if issubclass(kind, vmodl.MethodFault):
            assert faults.of_task(value).name == published_name(kind)
        else:
            assert values.kind(value) == published_name(kind)


def test_a_type_that_nobody_has_published_is_read(made, link):
    link.answers = [(
        '<e:Fault><faultstring>Well.</faultstring><detail>'
        '<vim25:NewFaultFault xsi:type="vim25:NewFault"><vim25:file>[ds] x'
        '</vim25:file></vim25:NewFaultFault></detail></e:Fault>')]
    with pytest.raises(faults.Fault) as caught:
        made.call('CurrentTime', HOST)
    assert str(faults.to_error(caught.value, 'CurrentTime')) == (
        'CurrentTime: Well (NewFault): [ds] x')


def test_an_answer_that_is_not_soap(made, link):
    for body, status in ((b'<html>', 200), (b'', 200), (b'<a/>', 200),
                         (b'no', 503)):
        link.answers, link.status = [body], status
        with pytest.raises(errors.ClientError):
            made.call('CurrentTime', HOST)


MACHINE = (
    '<objects><obj type="VirtualMachine">{0}</obj>'
    '<propSet><name>name</name><val xsi:type="xsd:string">m{0}</val>'
    '</propSet><propSet><name>config.instanceUuid</name>'
    '<val xsi:type="xsd:string">5f6fd0a7-7ac1-4a1b-9f10-{0:012}</val>'
    '</propSet><propSet><name>runtime.powerState</name>'
    '<val xsi:type="VirtualMachinePowerState">poweredOn</val></propSet>'
    '</objects>')


def test_a_thousand_machines_cost_little(made, link):
    """At most 0.02 seconds of CPU for their names, states and UUIDs."""
    link.answers = [(
        '<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>'
        f'{"".join(MACHINE.format(number) for number in range(1000))}'
        '</returnval></RetrievePropertiesExResponse>')]
    costs = []
    for _ in range(7):
        begun = time.process_time()
        found = {}
        properties._collect(made.call('RetrievePropertiesEx', COLLECTOR),
                            found)
        costs.append(time.process_time() - begun)
    machine = watcher.machine_of('7', watcher.texts(
        found[values.Ref('VirtualMachine', '7')]))
    assert machine.name == 'm7'
    assert machine.instance_uuid.endswith('-000000000007')
    assert len(found) == 1000
    assert min(costs) < 0.02
