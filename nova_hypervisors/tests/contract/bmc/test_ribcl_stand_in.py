# SPDX-License-Identifier: Apache-2.0
"""Our stand-in for an iLO 4 answers as a real one has.

HPE's library was tested with answers that were captured, which are in its
wheel; python-hpilo is a client that others have written.
"""

from xml.etree import ElementTree

import hpilo
import pytest
from proliantutils.tests.ilo import ribcl_sample_outputs as captured

from nova_hypervisors.tests.fakes.ribcl import machine as machines

_REQUEST = ('<RIBCL VERSION="2.0"><LOGIN USER_LOGIN="admin" '
            'PASSWORD="{password}"><SERVER_INFO MODE="write">{command}'
            '</SERVER_INFO></LOGIN></RIBCL>')


def ask(ilo, command, password='se cret'):
    return ilo.answer(_REQUEST.format(command=command, password=password))


def documents(text):
    """Return the documents of an answer."""
    return [ElementTree.fromstring(('<?xml' + part).strip())
            for part in text.strip().split('<?xml')[1:]]


def shape(element):
    """Return the names in an element, those of its attributes in one case."""
    return (element.tag,
            tuple(sorted(name.upper() for name in element.attrib)),
            tuple(sorted({shape(child) for child in element})))


def data(text):
    """Return the shape of what comes with an answer."""
    return [shape(child) for document in documents(text)
            for child in document if child.tag != 'RESPONSE']


def responses(text):
    return [(child.get('STATUS'), child.get('MESSAGE'))
            for document in documents(text) for child in document
            if child.tag == 'RESPONSE']


class TestAsCaptured:
    @pytest.mark.parametrize(('command', 'name'), [
        ('<GET_VM_STATUS DEVICE="FLOPPY"/>', 'GET_VM_STATUS_XML'),
        ('<GET_ALL_LICENSES/>', 'GET_ALL_LICENSES_XML'),
        ('<GET_ONE_TIME_BOOT/>', 'GET_ONE_TIME_BOOT_XML'),
        ('<GET_HOST_POWER_STATUS/>', 'GET_HOST_POWER_STATUS_XML'),
        ('<GET_PERSISTENT_BOOT/>', 'GET_PERSISTENT_BOOT_DEVICE_BIOS_XML'),
        ('<GET_PRODUCT_NAME/>', 'GET_PRODUCT_NAME')])
    def test_what_comes_with_an_answer(self, ilo4, command, name):
        assert data(ask(ilo4, command)) == data(getattr(captured, name))

    def test_how_a_boot_order_is_described(self, ilo4):
        ilo4.machine.mode = 'UEFI'
        assert data(ask(ilo4, '<GET_PERSISTENT_BOOT/>')) == data(
            captured.GET_PERSISTENT_BOOT_DEVICE_CDROM_UEFI_XML)

    def test_a_wrong_password(self, ilo4):
        assert responses(ask(ilo4, '<GET_PRODUCT_NAME/>', 'wrong')) == (
            responses(captured.LOGIN_FAIL_XML))

    @pytest.mark.parametrize(('command', 'name'), [
        ('<RESET_SERVER/>', 'RESET_SERVER_XML'),
        ('<SET_HOST_POWER HOST_POWER="Yes"/>', 'SET_HOST_POWER_XML'),
        ('<GET_PENDING_BOOT_MODE/>', 'BOOT_MODE_NOT_SUPPORTED'),
        ('<GET_VM_STATUS DEVICE="NONE"/>', 'GET_VM_STATUS_ERROR_XML')])
    def test_messages(self, ilo4, command, name):
        ilo4.machine.switch('ON')
        told = {text for text in responses(ask(ilo4, command))
                if text[1] != 'No error'}
        assert told
        assert told <= set(responses(getattr(captured, name)))


class TestAnotherClient:
    @pytest.fixture
    def client(self, ilo4):
        return hpilo.Ilo('127.0.0.1', 'admin', 'se cret', port=ilo4.port,
                         timeout=10)

    def test_power(self, ilo4, client):
        assert client.get_host_power_status() == 'OFF'
        client.set_host_power(True)
        assert client.get_host_power_status() == 'ON'
        assert client.get_product_name() == machines.GEN8

    def test_boot(self, client):
        client.set_one_time_boot('network')
        assert client.get_one_time_boot() == 'network'
        assert client.get_persistent_boot()[0] == 'cdrom'

    def test_media(self, client):
        client.insert_virtual_media('CDROM', 'http://192.0.2.1/x.iso')
        client.set_vm_status('CDROM', 'boot_once', True)
        status = client.get_vm_status('CDROM')
        assert status['image_inserted'] == 'YES'
        assert status['boot_option'] == 'BOOT_ONCE'
        client.eject_virtual_media('CDROM')
        assert client.get_vm_status('CDROM')['image_inserted'] == 'NO'

    def test_a_wrong_password(self, ilo4):
        client = hpilo.Ilo('127.0.0.1', 'admin', 'wrong', port=ilo4.port)
        with pytest.raises(hpilo.IloLoginFailed):
            client.get_product_name()
