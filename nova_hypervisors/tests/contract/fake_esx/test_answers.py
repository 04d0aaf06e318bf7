# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host's answers, against the published XML schema.

oslo.vmware has VMware's vim-types.xsd of vSphere 8.0, which is not what the
fake makes its answers of.
"""

from pathlib import Path

import oslo_vmware
import pytest
from lxml import etree
from pyVmomi import vim

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.tests.fakes.esx import managed

TYPES = Path(oslo_vmware.__file__).parent / 'wsdl/8.0/vim-types.xsd'
XS = 'http://www.w3.org/2001/XMLSchema'
VIM = '{urn:vim25}'
COLLECTOR = ('PropertyCollector', 'ha-property-collector')

#: What answers hold, by its element.
ANSWERS = {'returnval': 'RetrieveResult', 'update': 'UpdateSet',
           'content': 'ServiceContent', 'session': 'UserSession',
           'fault': 'MethodFault'}


@pytest.fixture(scope='module')
def schema(tmp_path_factory):
    file = tmp_path_factory.mktemp('schema') / 'answers.xsd'
    elements = ''.join(f'<element name="{name}" type="v:{kind}"/>'
                       for name, kind in ANSWERS.items())
    file.write_text(
        f'<schema xmlns="{XS}" xmlns:v="urn:vim25" '
        'targetNamespace="urn:vim25" elementFormDefault="qualified">'
        f'<include schemaLocation="{TYPES.as_uri()}"/>{elements}</schema>')
    return etree.XMLSchema(etree.parse(file))


@pytest.fixture
def host(tmp_path):
    with esx.running(tmp_path / 'host') as made:
        made.luns.append(esx.Lun('iqn.a', 1 << 30))
        with esxpeers.Peer(made) as peer:
            one = peer.create('one', deviceChange=[
                esxpeers.controller(), esxpeers.disk(create=True),
                esxpeers.nic()])
            peer.wait(one.CreateSnapshot_Task('snap', '', False, False))
            peer.wait(one.PowerOnVM_Task())
        made.storage.UpdateSoftwareInternetScsiEnabled(True)
        made.storage.AddInternetScsiSendTargets('vmhba64', [
            vim.host.InternetScsiHba.SendTarget(address='127.0.0.1')])
        made.storage.RescanAllHba()
        yield made


def check(schema, reply, name='returnval'):
    """Say what the schema does not allow in an answer."""
    assert reply.status_code == 200, reply.text
    [answer] = etree.fromstring(reply.content).iter(f'{VIM}returnval')
    validate(schema, answer, name)


def validate(schema, answer, name):
    answer.tag = f'{VIM}{name}'
    schema.validate(answer)
    assert not [str(one) for one in schema.error_log]


def select(ref, paths='<all>true</all>'):
    return (f'<propSet><type>{ref[0]}</type>{paths}</propSet><objectSet>'
            f'<obj type="{ref[0]}">{ref[1]}</obj></objectSet>')


def test_service_and_session(schema, host):
    raw = esxpeers.Raw(host)
    check(schema, raw.call('RetrieveServiceContent',
                           ('ServiceInstance', 'ServiceInstance')), 'content')
    check(schema, raw.call(
        'Login', ('SessionManager', 'ha-sessionmgr'),
        '<userName>root</userName><password>se cret</password>'), 'session')


def test_all_properties_of_everything(schema, host, raw):
    for thing in list(host.objects.values()):
        spec = select(managed.key_of(thing.ref))
        check(schema, raw.call(
            'RetrievePropertiesEx', COLLECTOR,
            f'<specSet>{spec}</specSet><options/>'))


def test_updates(schema, host, raw):
    raw.call('CreateFilter', COLLECTOR,
             f'<spec>{select(("VirtualMachine", "1"))}</spec>'
             '<partialUpdates>false</partialUpdates>')
    for version in ('', '1'):
        check(schema, raw.call('WaitForUpdatesEx', COLLECTOR,
                               f'<version>{version}</version>'), 'update')
        host.guest_powers_off('1')


def test_missing_properties(schema, host):
    raw = esxpeers.Raw(host)
    check(schema, raw.call(
        'RetrievePropertiesEx', COLLECTOR, '<specSet>' + select(
            ('HostSystem', 'ha-host'), '<pathSet>name</pathSet>')
        + '</specSet><options/>'))


def test_faults(schema, host, raw):
    host.faults_at_once = True
    machine = ('VirtualMachine', '1')
    files = ('FileManager', 'ha-nfc-file-manager')
    for reply in (
            raw.call('PowerOnVM_Task', machine),
            raw.call('PowerOnVM_Task', ('VirtualMachine', 'gone')),
            raw.call('SessionIsActive', ('SessionManager', 'ha-sessionmgr'),
                     '<sessionID>a</sessionID><userName>b</userName>'),
            raw.call('MakeDirectory', files, '<name>[datastore1] one</name>'),
            raw.call('MakeDirectory', files, '<name>nowhere</name>'),
            raw.call('MakeDirectory', files),
            esxpeers.Raw(host).call('MakeDirectory', files,
                                    '<name>[datastore1] a</name>')):
        assert reply.status_code == 500
        [detail] = etree.fromstring(reply.content).iter('detail')
        [fault] = detail
        assert fault.tag.endswith('Fault')
        validate(schema, fault, 'fault')
