# SPDX-License-Identifier: Apache-2.0
"""Secrets that are planted where they were found to pass; none comes out.

Each is seen to come out when nothing is redacted, so each test can fail.
"""

import base64
import json
import shlex
import urllib.parse
from xml.sax import saxutils

import pytest

from nova_hypervisors.clients import redaction
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.tests import incidents

SECRET = 'tr0ub4dor&3/<horse>'
# One that is no secret to a parser, and of the letters of such.
PLAIN = 'c0rrectB4tterySt4ple'
# One that every form of writing changes.
QUOTED = 'c0rrect "b4ttery" & st4ple\'s </é>'
HEXADECIMAL = '0f1e2d3c4b5a6978'
TOKEN = 'gAAAAABn' + PLAIN * 3
JWT = f'eyJhbGciOiJIUzI1NiJ9.{PLAIN}.{PLAIN}'

LEAKS = {}


def planted(secret, *forms):
    """Register a leak: ``forms`` are looked for beside the secret."""
    def register(function):
        LEAKS[function.__name__] = function, (secret, *forms)
        return function
    return register


# What is known to be secret, wherever it is said.

@planted(PLAIN)
def option_that_is_secret(leak):
    leak.configure('virtualbox', webservice_password=PLAIN)
    leak.says(f'who is {PLAIN}')


@planted(PLAIN)
def password_in_the_url_of_the_message_bus(leak):
    leak.declare('transport_url')
    leak.configure(None, transport_url=f'rabbit://nova:{PLAIN}@bus:5672/')
    leak.says(f'who is {PLAIN}')


@planted(PLAIN)
def word_of_a_command_that_is_secret(leak):
    leak.vboxmanage('modifyvm', 'x', '--vrde', PLAIN, secrets=[PLAIN],
                    said=f'set to {PLAIN}')


@planted(PLAIN)
def administrators_password_of_a_server(leak):
    leak.arguments['admin_password'] = PLAIN
    leak.vboxmanage('guestproperty', 'set', said=f'set to {PLAIN}')


@planted(PLAIN)
def chap_password_of_a_volume(leak):
    leak.arguments['block_device_info'] = {'block_device_mapping': [
        {'connection_info': {'data': {'auth_password': PLAIN}}}]}
    leak.vboxmanage('storageattach', 'x', said=f'by {PLAIN}')


@planted(PLAIN)
def chap_password_of_a_volume_as_nova_keeps_it(leak):
    leak.arguments['block_device_info'] = {'block_device_mapping': [
        {'connection_info': json.dumps({'auth_password': PLAIN})}]}
    leak.vboxmanage('storageattach', 'x', said=f'by {PLAIN}')


@planted(PLAIN)
def token_of_who_asks(leak):
    leak.context.auth_token = PLAIN
    leak.says(f'for {PLAIN}')


@planted(PLAIN)
def user_data(leak):
    leak.instance.user_data = base64.b64encode(PLAIN.encode()).decode()
    leak.says(leak.instance.user_data)


@planted(PLAIN)
def file_that_is_injected(leak):
    leak.arguments['injected_files'] = [('/root/key', PLAIN.encode())]
    leak.says(f'wrote {PLAIN}')


# ... in another form.

@planted(SECRET, *(base64.b64encode(f'{"x" * before}{SECRET}'.encode()
                                    ).decode()[4:20] for before in range(3)))
def base64_of_a_secret(leak):
    leak.vboxmanage('list', 'vms', secrets=[SECRET], said=' '.join(
        base64.b64encode(f'{"x" * before}{SECRET}'.encode()).decode()
        for before in range(3)))


@planted(SECRET, urllib.parse.quote(SECRET, safe=''),
         urllib.parse.quote(SECRET))
def secret_in_an_url(leak):
    leak.vboxmanage('list', 'vms', secrets=[SECRET], said=(
        f'/{urllib.parse.quote(SECRET, safe="")}'
        f'/{urllib.parse.quote(SECRET)}'))


@planted(SECRET, saxutils.escape(SECRET))
def secret_in_xml(leak):
    leak.vboxmanage('list', 'vms', secrets=[SECRET],
                    said=f'<x>{saxutils.escape(SECRET)}</x>')


@planted(PLAIN, PLAIN.encode().hex())
def secret_in_hexadecimal(leak):
    leak.vboxmanage('list', 'vms', secrets=[PLAIN],
                    said=PLAIN.encode().hex())


WRITTEN = {
    'xml': saxutils.escape(QUOTED),
    'attribute': saxutils.escape(QUOTED, {'"': '&quot;', "'": '&apos;'}),
    'url': urllib.parse.quote(QUOTED),
    'path': urllib.parse.quote(QUOTED, safe=''),
    'form': urllib.parse.quote_plus(QUOTED),
    'json': json.dumps(QUOTED)[1:-1],
    'python': repr(QUOTED)[1:-1],
    'shell': shlex.quote(QUOTED),
}


def written(form):
    def plant(leak):
        leak.vboxmanage('list', 'vms', secrets=[QUOTED], said=f'<{form}>')
    return plant


LEAKS.update({f'secret_as_{name}_has_it': (written(form), (form,))
              for name, form in WRITTEN.items()})


# What is secret by where it stands.

@planted(PLAIN)
def word_after_an_option_of_a_command(leak):
    leak.vboxmanage('guestcontrol', 'x', '--password', PLAIN)


@planted(PLAIN)
def option_of_a_command_that_is_printed(leak):
    leak.says(f'VBoxManage guestcontrol x --password {PLAIN} run')


@planted('st4ple')
def attribute_with_spaces(leak):
    leak.says('<LOGIN USER_LOGIN="a" PASSWORD="c0rrect b4ttery st4ple">')


@planted(PLAIN)
def signature_of_another_kind_of_url(leak):
    leak.says(f'https://store/x?sv=1&sig={PLAIN}')


@planted(PLAIN)
def key_and_value_in_an_output(leak):
    leak.vboxmanage('showmediuminfo', 'x',
                    said=f'Property: InitiatorSecret={PLAIN}')


@planted(PLAIN)
def property_of_a_machine(leak):
    leak.says(f'vrdeproperty[VNCPassword]="{PLAIN}"')


@planted(PLAIN)
def json_in_an_output(leak):
    leak.says(json.dumps({'adminPass': PLAIN}))


@planted(PLAIN)
def who_is_named_in_an_url(leak):
    leak.says(f'https://user:{PLAIN}@glance/v2')


@planted(PLAIN)
def signature_of_a_temporary_url(leak):
    leak.says(
        f'https://swift/v1/x?temp_url_sig={PLAIN}&temp_url_expires=1')


@planted(TOKEN)
def header_with_a_token(leak):
    leak.says(f'X-Auth-Token: {TOKEN}')


@planted(base64.b64encode(b'user:' + PLAIN.encode()).decode())
def header_with_a_password(leak):
    basic = base64.b64encode(b'user:' + PLAIN.encode()).decode()
    leak.says(f'Authorization: Basic {basic}')


@planted(PLAIN)
def cookie_of_a_session(leak):
    leak.says(f'vmware_soap_session="{PLAIN}"')


@planted(PLAIN)
def private_key(leak):
    leak.says(
        f'-----BEGIN RSA PRIVATE KEY-----\n{PLAIN}\n'
        '-----END RSA PRIVATE KEY-----')


@planted(PLAIN)
def private_key_that_is_cut(leak):
    leak.says(
        f'-----BEGIN PRIVATE KEY-----\n{PLAIN}')


@planted(TOKEN)
def token_of_keystone(leak):
    leak.says(f'for {TOKEN}.')


@planted(JWT)
def web_token(leak):
    leak.says(f'for {JWT}.')


@planted(PLAIN)
def attribute_of_ribcl(leak):
    leak.says(f'<LOGIN USER_LOGIN="a" PASSWORD="{PLAIN}">')


# VirtualBox's web service.

@planted(PLAIN)
def password_of_the_web_service(leak):
    leak.web_service('IVirtualBox_getMachines', password=PLAIN)


@planted(PLAIN)
def argument_of_the_web_service(leak):
    leak.web_service('IGuest_createSession', user='u', password=PLAIN)


@planted(PLAIN)
def element_of_an_answer(leak):
    leak.web_service('IVRDEServer_getVRDEProperty',
                     f'<VNCPassword>{PLAIN}</VNCPassword>')


@planted(HEXADECIMAL)
def log_on_to_the_web_service(leak):
    leak.web_service(
        'IVirtualBox_getMachines',
        f'<returnval>{HEXADECIMAL}-0000000000000001</returnval>')


# ESX.

@planted(SECRET, saxutils.escape(SECRET))
def password_of_an_esx_host(leak):
    leak.esx('Login', userName='root', password=values.Secret(SECRET))


@planted(PLAIN)
def ticket_of_a_console(leak):
    leak.esx('AcquireTicket', target='VirtualMachine', ticketType='webmks',
             answer=f'<r><returnval><ticket>{PLAIN}</ticket></returnval></r>')


@planted(PLAIN)
def option_of_a_machine(leak):
    leak.esx('CurrentTime', target='ServiceInstance', answer=(
        '<r><extraConfig><key>RemoteDisplay.vnc.password</key>'
        f'<value xsi:type="xsd:string">{PLAIN}</value></extraConfig></r>'))


@pytest.fixture
def leak(short_path, config):
    return incidents.Leak(short_path, config)


def is_in(form, text):
    """Say whether it is in a file of JSON."""
    return form in text or json.dumps(form)[1:-1] in text


def test_there_are_enough_kinds():
    assert len(LEAKS) >= 20


@pytest.mark.parametrize('name', LEAKS)
def test_it_does_not_come_out(leak, name):
    plant, forms = LEAKS[name]
    plant(leak)
    text = leak.fail().read_text()
    assert not [form for form in forms if is_in(form, text)]
    assert redaction.GONE in text


@pytest.mark.parametrize('name', LEAKS)
def test_it_would_without_redaction(leak, name, monkeypatch):
    monkeypatch.setattr(redaction.Redactor, 'text', lambda _, text: text)
    monkeypatch.setattr(redaction, 'is_secret_name', lambda _: False)
    plant, forms = LEAKS[name]
    plant(leak)
    text = leak.fail().read_text()
    assert any(is_in(form, text) for form in (
        *forms, base64.b64encode(forms[0].encode()).decode()))


def test_what_is_read_from_a_disk_is_not_kept(leak):
    data = base64.b64encode(PLAIN.encode()).decode()
    leak.web_service('IMediumIO_read', f'<returnval>{data}</returnval>')
    text = leak.fail().read_text()
    assert 'IMediumIO_read' in text
    assert data not in text


def test_what_a_property_is_that_is_called_like_a_secret(leak):
    leak.web_service('IVRDEServer_getVRDEProperty',
                     f'<returnval>{PLAIN}</returnval>', key='VNCPassword')
    text = leak.fail().read_text()
    assert 'VNCPassword' in text
    assert PLAIN not in text


def test_what_is_written_on_a_disk_is_not_kept(leak):
    leak.web_service('IMediumIO_write', data=PLAIN.encode())
    text = leak.fail().read_text()
    assert f'{len(PLAIN)} bytes' in text
    assert PLAIN not in text
