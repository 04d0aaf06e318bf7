# SPDX-License-Identifier: Apache-2.0
import json
import types

import pytest
import webob

from nova_hypervisors.clients.bmc import fake
from nova_hypervisors.redfish import accounts
from nova_hypervisors.redfish import application
from nova_hypervisors.redfish import systems


@pytest.fixture
def machine():
    return fake.FakeMachine()


@pytest.fixture
def clock():
    return types.SimpleNamespace(now=0.0)


@pytest.fixture
def users(clock):
    return accounts.Accounts('admin', 'se cret', lambda: clock.now)


@pytest.fixture
def found(machine):
    return systems.Systems(lambda: {'one': systems.System(
        'one', lambda: machine, '6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f11')})


@pytest.fixture
def ask(found, users):
    """Ask the application; return the status and what it answers."""
    app = application.Application(
        found, users, '6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f12')

    def ask(method, path, body=None, *, user='admin:se cret', token=None,
            raw=None):
        request = webob.Request.blank('/redfish/v1' + path, method=method)
        if body is not None:
            request.json_body = body
        if raw is not None:
            request.body = raw
        if token is not None:
            request.headers['X-Auth-Token'] = token
        elif user is not None:
            request.authorization = ('Basic', _encoded(user))
        response = request.get_response(app)
        ask.headers = response.headers
        return response.status_code, (
            json.loads(response.body) if response.body else None)

    return ask


def _encoded(user):
    import base64
    return base64.b64encode(user.encode()).decode()
