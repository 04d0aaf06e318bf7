# SPDX-License-Identifier: Apache-2.0
import base64
import html.parser
import json
import urllib.parse

import pytest

from nova_hypervisors.vmwareapi import vmrc

PATH = '[local disk] nova/x/x.vmx'
TICKET = 'cst-VCT-52e50a99--tp-B5-72'


def credentials(host='esx1', password='pass', user='root'):
    return vmrc.with_credentials(host, 443, PATH, '7', user, password)


def session(host='esx1', ticket=TICKET):
    return vmrc.with_session(host, 443, '7', ticket)


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: its objects and its script."""

    def __init__(self, text):
        super().__init__()
        self.objects = []
        self.script = ''
        self.comments = ''
        self._within = ''
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._within = tag
        if tag == 'object':
            self.objects.append(dict(attributes))

    def handle_endtag(self, tag):
        self._within = ''

    def handle_data(self, data):
        if self._within == 'script':
            self.script += data

    def handle_comment(self, data):
        self.comments += data


def arguments(script, function):
    """Return what a function of the script is called with."""
    line, = (line.strip() for line in script.splitlines()
             if f'.{function}(' in line)
    assert line.startswith(f'vmrc.{function}(')
    assert line.endswith(', MODE_WINDOW);')
    inner = line.removeprefix(f'vmrc.{function}(').removesuffix(
        ', MODE_WINDOW);')
    return json.loads(f'[{inner}]'.replace("''", '""'))


class TestPassword:
    def decoded(self, console):
        return json.loads(base64.b64decode(console.password))

    def test_with_credentials(self):
        console = credentials()
        assert console.kind.value == 'vmrc+credentials'
        assert self.decoded(console) == {
            'vm_id': PATH, 'username': 'root', 'password': 'pass'}

    def test_with_a_session(self):
        console = session()
        assert console.kind.value == 'vmrc+session'
        assert self.decoded(console) == {
            'vm_id': '7', 'username': TICKET, 'password': TICKET}

    @pytest.mark.parametrize('console', [credentials(), session()])
    def test_nobody_prints_it_by_accident(self, console):
        for text in ('pass=', "'pass'", 'root', TICKET, console.password):
            assert text not in repr(console)

    def test_other_letters_stay_what_they_are(self):
        assert self.decoded(credentials(password='pä"ß'))['password'] == (
            'pä"ß')


class TestUri:
    def test_a_session_s(self):
        assert session().uri == (
            f'vmrc://clone:{TICKET}@esx1:443/?moid=7')

    def test_credentials_leave_the_password_out(self):
        assert credentials().uri == 'vmrc://root@esx1:443/?moid=7'

    def test_a_name_with_an_at_and_an_ipv6_address(self):
        found = urllib.parse.urlsplit(
            credentials(host='fd00::5', user='me@domain/x').uri)
        assert found.hostname == 'fd00::5'
        assert found.port == 443
        assert urllib.parse.unquote(found.username) == 'me@domain/x'


class TestPage:
    def test_both_objects_are_there(self):
        page = Page(session().page)
        other, = page.objects
        assert other == {
            'id': 'vmrc', 'type': 'application/x-vmware-vmrc;version=2.5.0.0'}
        explorer, = Page(page.comments).objects
        assert explorer == {
            'id': 'vmrc',
            'classid': 'CLSID:B94C2238-346E-4C5E-9B36-8CC627F35574'}

    def test_credentials_connect(self):
        script = Page(credentials().page).script
        assert 'var MODE_WINDOW = 2;' in script
        assert "var vmrc = document.getElementById('vmrc');" in script
        assert arguments(script, 'connect') == [
            'esx1:443', 'root', 'pass', '', PATH]

    def test_a_session_connects(self):
        script = Page(session().page).script
        assert arguments(script, 'connectWithSession') == [
            'esx1:443', '7', TICKET]

    @pytest.mark.parametrize('password', [
        '</script><script>alert(1)//', '<!--', '"\\', "');alert('",
        '\u2028', 'pä&amp;'])
    def test_a_password_stays_a_string(self, password):
        page = Page(credentials(password=password).page)
        assert arguments(page.script, 'connect')[2] == password
        assert len(page.objects) == 1
        assert credentials(password=password).page.count('<script') == 1


@pytest.mark.parametrize(('kind', 'words'), [
    (vmrc.Kind.CREDENTIALS, 'clear text'), (vmrc.Kind.SESSION, 'good once')])
def test_each_has_its_warning(kind, words):
    assert words in vmrc.WARNINGS[kind]
