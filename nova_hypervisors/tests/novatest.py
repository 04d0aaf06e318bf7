# SPDX-License-Identifier: Apache-2.0
"""Using Nova's own test classes from here, and under pytest."""

from __future__ import annotations

import datetime
import inspect
from pathlib import Path

import fixtures
from nova import objects
from nova.compute import task_states
from nova.tests.unit.virt import test_virt_drivers
from oslo_utils import fixture as utils_fixture
from oslo_utils import timeutils

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers


class RunsUnderPytest:
    """A mixin for nova.test.TestCase.

    Nova empties a test object when its test is over; pytest still wants to
    delete the test method that it has put there.
    """

    def _clear_attrs(self):
        kept = ('id', self._testMethodName)
        for key in [key for key in self.__dict__ if not key.startswith('_')]:
            if key not in kept:
                del self.__dict__[key]


class LooksAtServers:
    """A mixin for Nova's integrated tests of servers."""

    def _tags(self, server):
        """Return the tags that Nova's metadata service would tell now."""
        instance = objects.Instance.get_by_uuid(
            builders.admin_context(), server['id'],
            expected_attrs=['device_metadata'])
        return {device.path: device.tags for device
                in instance.device_metadata.devices}

    def _host_of(self, server):
        return self.admin_api.get_server(server['id'])[
            'OS-EXT-SRV-ATTR:host']

    def _is_rebooted_when_it_hangs(self, server, started):
        """Let a reboot hang, until Nova does it hard.

        :param started: returns what tells one start of the server from
            another
        """
        context = builders.admin_context()
        instance = objects.Instance.get_by_uuid(context, server['id'])
        instance.task_state = task_states.REBOOT_STARTED
        instance.save()
        self.flags(reboot_timeout=60)
        before = started()
        self.compute.manager._poll_rebooting_instances(context)
        self.assertEqual(before, started())
        clock = self.useFixture(utils_fixture.TimeFixture())
        clock.advance_time_delta(datetime.timedelta(seconds=90))
        self.compute.manager._poll_rebooting_instances(context)
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertNotEqual(before, started())

    def _wait_for_migration_status(self, server, expected_statuses):
        # Nova's own waits five seconds.
        api = getattr(self, 'admin_api', self.api)

        def has_it():
            found = api.api_get('/os-migrations').body['migrations']
            return any(migration['status'] in expected_statuses
                       for migration in found
                       if migration['instance_uuid'] == server['id'])

        peers.wait_until(has_it, timeout_s=120)


class PollsReboots:
    """A mixin for Nova's suite for compute drivers."""

    def test_poll_rebooting_instances(self):
        # Nova's own hands pairs over, of which the first is the instance.
        instance, _ = self._get_running_instance()
        instance.vm_state, instance.task_state = 'active', 'rebooting'
        instance.host, instance.launched_at = 'here', timeutils.utcnow()
        # It is on a node since before.
        instance.obj_reset_changes(['node'])
        self.connection.poll_rebooting_instances(10, [instance])


class Context(fixtures.Fixture):
    """A context that lasts as long as a test.

    :ivar value: what it gives
    """

    def __init__(self, manager):
        self._manager = manager

    def _setUp(self):
        self.value = self._manager.__enter__()
        self.addCleanup(self._manager.__exit__, None, None, None)


def fill(glance, guest: Path) -> None:
    """Give Nova's fake images the content that they claim to have."""
    content = guest.read_bytes()
    for image in glance.images.values():
        image.update(disk_format='raw', size=len(content))
        glance._imagedata[image['id']] = content
    update = glance.update

    def keep(context, image_id, metadata, data=None, **arguments):
        # Nova's own throws what was uploaded away.
        if data is not None:
            glance._imagedata[image_id] = data.read()
            metadata = {**metadata,
                        'size': len(glance._imagedata[image_id])}
        return update(context, image_id, metadata, **arguments)

    glance.update = keep


def insist(cls, not_there):
    """Let a suite of Nova's for drivers insist on what it tests.

    Nova lets a method pass that raises NotImplementedError.  Here it fails,
    but for the tests of what is not made yet or cannot be.

    :param cls: has the suite among its bases
    :param not_there: the reason of each such test, by its name; one that would
        pass must not be there
    """
    suite = test_virt_drivers._VirtDriverTestCase
    for name in dir(suite):
        if name.startswith('test_') and getattr(cls, name) is getattr(
                suite, name):
            setattr(cls, name, _insisting(name, getattr(suite, name),
                                          name in not_there))


def _insisting(name, method, is_missing):
    """Make a test of NotImplementedError fail, or insist on it."""
    def run(self):
        inner = _without_catching(method)
        if is_missing:
            self.assertRaises(NotImplementedError, inner, self)
        else:
            inner(self)
    run.__name__ = name
    return run


def _without_catching(method):
    """Take Nova's catch_notimplementederror off a test."""
    if method.__code__.co_name != 'wrapped_func':
        return method
    if hasattr(method, '__wrapped__'):
        return method.__wrapped__
    # Nova 31 and 32 do not say what it wraps.
    return inspect.getclosurevars(method).nonlocals['f']
