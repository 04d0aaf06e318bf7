# SPDX-License-Identifier: Apache-2.0
"""What is sent while it is read, messages, and errors of connections."""

import io
import logging
import socket
import threading

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import folder
from nova_hypervisors.clients.vsphere import transport
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import wire
from nova_hypervisors.tests import peers

MB = 1 << 20
FOLDER = values.Ref('Folder', 'ha-folder-vm')


class Endless(io.RawIOBase):
    """:ivar given: how many blocks were read"""

    given = 0

    def read(self, size=-1):
        self.given += 1
        return b'x' * size


def test_what_is_read_ahead_is_bounded():
    source = Endless()
    stream = iter(folder.Stream(source, 100 * MB))
    next(stream)
    peers.wait_until(lambda: source.given >= 5)
    assert source.given <= 7
    stream.close()
    peers.wait_until(lambda: 'vsphere-upload' not in {
        thread.name for thread in threading.enumerate()})


def test_it_is_what_was_read():
    data = bytes(range(256)) * 10000
    stream = folder.Stream(io.BytesIO(data), len(data))
    assert len(stream) == len(data)
    assert b''.join(stream) == data
    assert stream.sent == len(data)


def test_a_secret_is_in_the_message_and_in_no_log(made, link, caplog):
    link.answers = ['<LoginResponse xmlns="urn:vim25"/>']
    with caplog.at_level(logging.DEBUG):
        made.call('Login', values.Ref('SessionManager', 's'),
                  userName='root', password=values.Secret('pass <word>'))
    [(_, message)] = link.sent
    assert b'>pass &lt;word&gt;</' in message
    assert b'secret-' not in message
    assert 'pass' not in caplog.text.replace('password', '')
    assert 'pass <word>' not in repr(values.Secret('pass <word>'))


def test_what_is_empty_and_means_something_is_sent(made, link):
    link.answers = ['<XResponse xmlns="urn:vim25"/>']
    made.call('ReconfigVM_Task', FOLDER, spec=made.make(
        'VirtualMachineConfigSpec', extraConfig=[made.make(
            'OptionValue', key='machine.id', value='')]))
    assert link.sent[0][1].count(b'machine.id') == 1
    assert b'value xsi:type="xsd:string"' in link.sent[0][1]
    assert b'xmlns:xsd=' in link.sent[0][1]
    assert b'numCPUs' not in link.sent[0][1]


def test_it_speaks_the_host_s_version(made, link):
    link.answers = ['<XResponse xmlns="urn:vim25"/>']
    made.call('CurrentTime', FOLDER)
    made.speak('8.0.2.0')
    made.call('CurrentTime', FOLDER)
    assert [one['SOAPAction'] for one in link.headers] == [
        '"urn:vim25/6.5"', '"urn:vim25/8.0.2.0"']


def test_messages_of_many_threads_are_their_own(made, link):
    """suds is not made for it."""
    link.answers = ['<XResponse xmlns="urn:vim25"/>']

    def call(number):
        for _ in range(20):
            made.call('MakeDirectory', FOLDER, name=f'[ds] {number}')

    threads = [threading.Thread(target=call, args=(number,))
               for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [message.partition(b'[ds] ')[2][:1] for _, message in link.sent]
    assert sorted(names) == sorted(b'01234567'[n:n + 1]
                                   for n in range(8) for _ in range(20))


@pytest.mark.parametrize('place', ['/no/such.wsdl', 'file:///no/such.wsdl'])
def test_a_wsdl_that_is_not_there_is_named(link, place):
    with pytest.raises(errors.ClientError, match=r'no/such\.wsdl'):
        wire.Wire(link, place)


def test_a_wsdl_that_is_none_is_named(link, tmp_path):
    (tmp_path / 'w.wsdl').write_text('<html>Not found</html')
    with pytest.raises(errors.ClientError, match=r'w\.wsdl'):
        wire.Wire(link, str(tmp_path / 'w.wsdl'))


def test_a_host_that_does_not_speak_is_given_up():
    with socket.create_server(('127.0.0.1', 0)) as server:
        link = transport.Link('127.0.0.1', server.getsockname()[1],
                              connect_timeout_s=0.3, timeout_s=0.3)
        with pytest.raises((errors.Unreachable, errors.TimedOut)):
            link.request('GET', '/', 'GET', None, {})


def test_a_host_that_does_not_resolve_is_not_reached():
    link = transport.Link('no-such-host.invalid', connect_timeout_s=1)
    with pytest.raises(errors.Unreachable, match=r'no-such-host\.invalid'):
        link.request('GET', '/', 'GET', None, {})


def test_an_address_of_version_6_is_in_brackets():
    assert transport.Link('2001:db8::1').where == 'https://[2001:db8::1]:443'


@pytest.mark.parametrize(('text', 'path'), [
    ('[ds] a/b.vmdk', api.DatastorePath('ds', 'a/b.vmdk')),
    ('[a b]', api.DatastorePath('a b', ''))])
def test_paths(text, path):
    assert api.DatastorePath.parse(text) == path
    assert str(path) == text
