# SPDX-License-Identifier: Apache-2.0
"""Who is let in, and for how long."""

import pytest

from nova_hypervisors.redfish import accounts

SESSIONS = '/SessionService/Sessions'
RIGHT = {'UserName': 'admin', 'Password': 'se cret'}


@pytest.fixture
def token(ask):
    status, _ = ask('POST', SESSIONS, RIGHT, user=None)
    assert status == 201
    return ask.headers['X-Auth-Token']


class TestPasswords:
    @pytest.mark.parametrize('user', [
        None, 'admin:wrong', 'other:se cret', 'admin', ':', 'admin:',
        'ädmin:se cret'])
    def test_who_is_not_let_in(self, ask, user):
        status, body = ask('GET', '/Systems', user=user)
        assert status == 401
        assert 'NoValidSession' in body['error']['code']
        assert ask.headers['WWW-Authenticate'].startswith('Basic')

    def test_who_is(self, ask):
        assert ask('GET', '/Systems')[0] == 200

    @pytest.mark.parametrize('path', ['', '/', '/odata'])
    def test_what_everybody_may_see(self, ask, path):
        assert ask('GET', path, user=None)[0] == 200

    @pytest.mark.parametrize(('method', 'path'), [
        ('GET', '/Systems/one'), ('PATCH', '/Systems/one'),
        ('POST', '/Systems/one/Actions/ComputerSystem.Reset'),
        ('GET', SESSIONS), ('GET', '/Managers/one/VirtualMedia/Cd'),
        ('GET', '/no/such'), ('DELETE', f'{SESSIONS}/x')])
    def test_what_nobody_may_without(self, ask, machine, method, path):
        assert ask(method, path, {'ResetType': 'On'}, user=None)[0] == 401
        assert machine.boots == []


class TestSessions:
    def test_a_token_lets_in(self, ask, token):
        assert ask('GET', '/Systems', token=token)[0] == 200

    def test_another_does_not(self, ask, token):
        assert ask('GET', '/Systems', token=token + 'x')[0] == 401

    @pytest.mark.parametrize('body', [
        {**RIGHT, 'Password': 'wrong'}, {**RIGHT, 'UserName': 'other'}])
    def test_a_wrong_password(self, ask, body):
        assert ask('POST', SESSIONS, body, user=None)[0] == 401
        assert 'X-Auth-Token' not in ask.headers

    @pytest.mark.parametrize('body', [{}, {'UserName': 'admin'},
                                      {**RIGHT, 'Password': 1}, []])
    def test_something_else(self, ask, body):
        assert ask('POST', SESSIONS, body, user=None)[0] == 400

    def test_one_that_is_ended(self, ask, token):
        path = ask('GET', SESSIONS)[1]['Members'][0]['@odata.id']
        path = path.removeprefix('/redfish/v1')
        assert ask('GET', path, token=token)[1]['UserName'] == 'admin'
        assert ask('DELETE', path, token=token)[0] == 204
        assert ask('GET', '/Systems', token=token)[0] == 401

    def test_one_that_nobody_uses_ends(self, ask, token, clock):
        clock.now = accounts.SESSION_S - 1
        assert ask('GET', '/Systems', token=token)[0] == 200
        clock.now += accounts.SESSION_S - 1
        assert ask('GET', '/Systems', token=token)[0] == 200
        clock.now += accounts.SESSION_S + 1
        assert ask('GET', '/Systems', token=token)[0] == 401

    def test_there_is_an_end_to_them(self, ask, users):
        for _ in range(256):
            users.log_on('admin', 'se cret')
        assert ask('POST', SESSIONS, RIGHT, user=None)[0] == 503

    def test_no_token_is_shown(self, users):
        session = users.log_on('admin', 'se cret')
        assert session.token not in repr(session)


def test_everybody_is_let_in_if_so_wanted():
    users = accounts.Accounts(None)
    assert users.may(None, None)
    assert users.log_on('anybody', 'x') is not None
