# SPDX-License-Identifier: Apache-2.0
import inspect

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.common import boundary
from nova_hypervisors.tests import builders

EVERY = [error for _, error in inspect.getmembers(errors, inspect.isclass)
         if issubclass(error, errors.ClientError)]


def raised(context, error):
    with pytest.raises(Exception) as caught, context:  # noqa: PT011
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.fixture
def instance():
    return builders.instance()


@pytest.mark.parametrize(('kind', 'expected'), [
    (errors.MachineNotFound, exception.InstanceNotFound),
    (errors.InvalidState, exception.InstanceInvalidState),
    (errors.Busy, exception.InstanceInvalidState),
    (errors.InUse, exception.InstanceInvalidState),
    (errors.Unreachable, exception.HypervisorUnavailable),
    (errors.NotInstalled, exception.HypervisorUnavailable),
    (errors.AuthenticationFailed, exception.HypervisorUnavailable),
    (errors.Unsupported, NotImplementedError),
    (errors.OutOfSpace, exception.ComputeResourcesUnavailable),
    (errors.TimedOut, exception.NovaException),
    (errors.MediumNotFound, exception.NovaException),
    (errors.AlreadyExists, exception.NovaException),
    (errors.ClientError, exception.NovaException)])
def test_about_an_instance(instance, kind, expected):
    error = raised(boundary.for_instance(instance), kind('why'))
    assert type(error) is expected


@pytest.mark.parametrize(('kind', 'expected'), [
    (errors.Unreachable, exception.HypervisorUnavailable),
    (errors.NotInstalled, exception.HypervisorUnavailable),
    (errors.AuthenticationFailed, exception.HypervisorUnavailable),
    (errors.Unsupported, NotImplementedError),
    (errors.OutOfSpace, exception.ComputeResourcesUnavailable),
    (errors.MachineNotFound, exception.NovaException),
    (errors.InvalidState, exception.NovaException)])
def test_about_the_host(kind, expected):
    error = raised(boundary.for_host(), kind('why'))
    assert type(error) is expected


@pytest.mark.parametrize('kind', EVERY)
def test_no_error_of_a_client_leaks(instance, kind):
    for context in (boundary.for_instance(instance), boundary.for_host()):
        error = raised(context, kind('why'))
        assert not isinstance(error, errors.ClientError)


def test_an_instance_is_named(instance):
    for kind in (errors.MachineNotFound, errors.InvalidState):
        error = raised(boundary.for_instance(instance), kind('why'))
        assert instance.uuid in str(error)


@pytest.mark.parametrize('kind', [
    kind for kind in EVERY if kind is not errors.MachineNotFound])
def test_what_was_wrong_is_said(instance, kind):
    error = raised(boundary.for_instance(instance),
                   kind('the reason', operation='startvm'))
    assert 'the reason' in str(error)
    assert 'startvm' in str(error)


def test_what_nova_raises_goes_through(instance):
    for context in (boundary.for_instance(instance), boundary.for_host()):
        with pytest.raises(exception.InstanceExists), context:
            raise exception.InstanceExists(name='x')


def test_what_is_returned_goes_through(instance):
    with boundary.for_instance(instance), boundary.for_host():
        found = 'a result'
    assert found == 'a result'
