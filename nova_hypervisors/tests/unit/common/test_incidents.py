# SPDX-License-Identifier: Apache-2.0
"""The file that a failed method of a driver leaves."""

import json
import os
import threading
import types

import pytest
from nova import exception

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.common import incidentfiles
from nova_hypervisors.common import incidents as common
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import incidents

CONTEXT = builders.admin_context()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'incidents'


@pytest.fixture
def clock():
    return types.SimpleNamespace(now=1000.0)


@pytest.fixture
def watched(folder, clock):
    """Make a driver whose methods do this."""
    def watched(work, most=10):
        driver = incidents.Driver(work)
        common.Incidents(incidentfiles.Files(folder, most, 30),
                         driver.column, set,
                         lambda: clock.now).watch(driver)
        return driver
    return watched


@pytest.fixture
def failing(watched):
    """A driver whose machines are busy, as a call has told."""
    def work():
        with recording.call('here', 'lock', lambda: {'uuid': 1}) as noted:
            noted.answer = 'busy'
            raise errors.Busy('locked', operation='lock')
    return watched(work)


def fail(driver, instance=None, method='unpause'):
    instance = instance or builders.instance()
    with pytest.raises(exception.InstanceInvalidState):
        (driver.unpause(instance) if method == 'unpause' else
         driver.power_on(CONTEXT, instance, []))
    return instance


def look():
    """Find a machine that is off."""
    with recording.call('here', 'look') as noted:
        noted.answer = 'off'
    raise errors.InvalidState('it is off')


def only(folder):
    path, = folder.iterdir()
    return bundles.load(path)


def test_it_says_what_failed(failing, folder):
    instance = fail(failing)
    bundle = only(folder)
    assert (bundle.operation, bundle.server) == ('unpause', instance.uuid)
    assert bundle.error == incidents.failure(errors.Busy, 'locked',
                                             operation='lock')
    assert bundle.nova.kind == 'InstanceInvalidState'
    assert bundle.call == 0
    assert bundle.calls[0].request == {'uuid': 1}
    assert bundle.calls[0].error == bundle.error
    assert bundle.versions.keys() == {'nova_hypervisors', 'nova', 'python',
                                      'system'}
    assert bundle.places[-1].endswith(' work')


def test_only_its_owner_reads_it_and_its_name_says_what_it_is(failing,
                                                              folder):
    instance = fail(failing)
    path, = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.name.startswith('incident-')
    assert path.name.endswith(f'Z-unpause-{instance.uuid}.json')


def test_what_goes_well_leaves_nothing(watched, folder):
    driver = watched(lambda: 'done')
    assert driver.unpause(builders.instance()) == 'done'
    assert not folder.exists()


def test_an_operation_within_another_is_part_of_it(failing, folder):
    fail(failing, method='power_on')
    assert only(folder).operation == 'power_on'


def test_the_calls_of_one_operation_are_not_those_of_another(failing, folder):
    fail(failing)
    fail(failing)
    assert [len(bundles.load(path).calls) for path in folder.iterdir()] == [
        1, 1]


def test_the_same_is_not_written_soon_again(failing, folder, clock):
    instance = fail(failing)
    fail(failing, instance)
    assert len(list(folder.iterdir())) == 1
    clock.now += 601
    fail(failing, instance)
    assert len(list(folder.iterdir())) == 2


def test_what_no_hypervisor_was_asked_for_is_left_out(watched, folder):
    def work():
        raise errors.InvalidState('it is off')

    fail(watched(work))
    assert not folder.exists()


def test_an_error_that_the_driver_made_is_of_no_call(watched, folder):
    fail(watched(look))
    bundle = only(folder)
    assert bundle.call is None
    assert bundle.calls[0].error is None


def test_the_version_is_that_which_was_told_last(failing, folder):
    failing.get_available_resource('here')
    fail(failing)
    assert only(folder).hypervisor == {
        'column': 'virtualbox-vboxmanage', 'kind': 'VirtualBox',
        'version': '7.2.22'}


def test_the_last_calls_are_kept(watched, folder):
    def work():
        for number in range(recording.MOST_CALLS + 5):
            with recording.call('here', str(number)) as noted:
                noted.answer = number
        raise errors.InvalidState('it is off')

    fail(watched(work))
    bundle = only(folder)
    assert bundle.dropped == 5
    assert bundle.calls[0].operation == '5'


def test_a_long_answer_is_cut(watched, folder):
    def work():
        with recording.call('here', 'list') as noted:
            noted.answer = {'stdout': 'x' * 100_000, 'stderr': 'short'}
        raise errors.InvalidState('it is off')

    fail(watched(work))
    call = only(folder).calls[0]
    assert call.cut
    assert call.answer == {'stdout': 'x' * (16 << 10), 'stderr': 'short'}


def test_a_secret_is_not_cut_in_two(watched, folder):
    def work():
        recording.hide(['secrets'])
        with recording.call('here', 'list') as noted:
            # Whatever is cut off, it ends in the middle of one.
            noted.answer = b'secrets' * 20_000
        raise errors.InvalidState('it is off')

    fail(watched(work))
    call = only(folder).calls[0]
    assert call.cut
    assert set(call.answer) == {'*'}


def test_the_newest_files_are_kept(watched, folder):
    driver = watched(look, most=2)
    servers = [fail(driver).uuid for _ in range(4)]
    assert {bundles.load(path).server
            for path in folder.iterdir()} == set(servers[2:])


def test_old_files_are_deleted_and_others_are_not(failing, folder):
    fail(failing)
    old, = folder.iterdir()
    os.utime(old, (0, 0))
    others = folder / 'notes.json'
    others.write_text('')
    os.utime(others, (0, 0))
    fail(failing)
    assert not old.exists()
    assert others.exists()
    assert len(list(folder.iterdir())) == 2


def test_nova_has_its_error_when_no_file_can_be_written(failing, folder,
                                                        caplog):
    folder.write_text('no folder')
    fail(failing)
    assert 'was not written: File exists' in caplog.text


def test_the_log_says_where_it_is(failing, folder, caplog):
    fail(failing)
    path, = folder.iterdir()
    assert f'nova-hypervisors replay {path}' in caplog.text


def test_a_thread_of_ones_own_is_not_recorded(watched, folder):
    def work():
        def call():
            with recording.call('here', 'elsewhere'):
                pass
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(10)
        look()

    fail(watched(work))
    assert [call.operation for call in only(folder).calls] == ['look']


def test_nothing_is_kept_when_it_is_off(config):
    driver = incidents.Driver()
    before = dict(vars(driver))
    common.watch(config.conf, driver)
    assert vars(driver) == before


def test_a_file_is_json_that_one_can_read(failing, folder):
    fail(failing)
    path, = folder.iterdir()
    assert json.loads(path.read_text())['error']['kind'] == 'Busy'


@pytest.mark.parametrize(('name', 'said'), [
    ('incidents', 'incidents is no absolute path: name the whole path'),
    ('/proc/incidents', '/proc/incidents cannot be made'),
])
def test_a_folder_that_cannot_be_is_named(config, name, said):
    config.config(group='incidents', directory=name)
    finding, = common.findings(config.conf)
    assert finding.option == '[incidents] directory'
    assert said in finding.message
    assert finding.fatal


def test_one_that_can_be_is_made(config, folder):
    config.config(group='incidents', directory=str(folder))
    assert list(common.findings(config.conf)) == []
    assert folder.is_dir()
