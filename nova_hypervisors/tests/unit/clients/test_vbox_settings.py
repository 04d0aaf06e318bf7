# SPDX-License-Identifier: Apache-2.0
"""What the real VirtualBox 7.2.22 wrote down, read."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import settings
from nova_hypervisors.tests.unit import samples

UUID = '5d0e6a6e-0000-4000-8000-00000000000{}'


@pytest.fixture
def home(tmp_path):
    """The registry as it was recorded, its machines in other folders."""
    text = samples.read('vbox-7.2.22', 'VirtualBox.xml')
    for number, name in ((1, 'running'), (2, 'quoted'), (3, 'saved')):
        path = tmp_path / name / f'{name}.vbox'
        path.parent.mkdir()
        shutil.copy(samples.path('vbox-7.2.22', f'{name}.vbox'), path)
        start = text.index(f'src="/srv/cloud/{UUID.format(number)}') + 5
        end = text.index('"', start)
        text = text[:start] + str(path) + text[end:]
    (tmp_path / 'VirtualBox.xml').write_text(text)
    return tmp_path


@pytest.fixture
def registry(home):
    return settings.Registry(home)


@pytest.fixture
def read(registry):
    def read(number):
        return registry.read(registry.settings_files()[UUID.format(number)])
    return read


def test_machines_are_registered(registry, home):
    assert registry.settings_files() == {
        UUID.format(1): home / 'running/running.vbox',
        UUID.format(2): home / 'quoted/quoted.vbox',
        UUID.format(3): home / 'saved/saved.vbox'}


def test_a_machine_s_hardware(read):
    found = read(2).settings
    assert found.uuid == UUID.format(2)
    assert found.name == 'a "quoted" {name} ünï'
    assert (found.vcpus, found.memory_mb) == (2, 128)
    assert found.boot_order == (api.BootDevice.NETWORK, api.BootDevice.DISK)
    assert found.display_ports == '5960-5990'
    assert found.nics == (
        api.Nic(1, 'fa:16:3e:00:00:01', '82540EM',
                api.Attachment(api.AttachmentKind.NAT)),
        api.Nic(2, 'fa:16:3e:00:00:02', 'virtio', api.Attachment(
            api.AttachmentKind.UDP_TUNNEL, properties={
                'dest': '127.0.0.1', 'dport': '20001', 'sport': '20002'}),
            cable_connected=False),
        api.Nic(3, 'fa:16:3e:00:00:03', 'Am79C973',
                api.Attachment(api.AttachmentKind.BRIDGED, 'eth0')))


def test_disks_that_another_machine_s_registry_knows(read):
    # The three have a common parent: the first one's file has all of them.
    assert [disk.path for disk in read(2).settings.disks] == [
        f'/srv/cloud/{UUID.format(2)}/root.vdi']
    assert 'location' not in samples.read('vbox-7.2.22', 'quoted.vbox')


def test_a_dvd_and_a_snapshot(read):
    found = read(1).settings
    assert [(disk.port, disk.kind) for disk in found.disks] == [
        (0, api.DiskKind.DISK), (1, api.DiskKind.DVD)]
    assert found.disks[1].path == '/srv/cloud/boot.iso'
    assert found.snapshots == ('nova-frozen',)
    # The snapshot has set the root disk apart.
    assert found.disks[0].path.endswith('.vdi')
    assert 'Snapshots' in found.disks[0].path


def test_how_a_machine_came_to_rest(read, home):
    assert [(read(number).saved, read(number).aborted)
            for number in (1, 2, 3)] == [
        (False, False), (False, False), (True, False)]
    path = home / 'saved/saved.vbox'
    text = path.read_text()
    start = text.index('stateFile=')
    end = text.index('.sav"') + len('.sav"')
    path.write_text(f'{text[:start]}aborted="true"{text[end:]}')
    assert (read(3).saved, read(3).aborted) == (False, True)


def test_a_change_is_seen(read, home):
    before = read(2)
    path = home / 'quoted/quoted.vbox'
    path.write_text(path.read_text().replace('RAMSize="128"',
                                             'RAMSize="4096"'))
    assert read(2).settings == dataclasses.replace(before.settings,
                                                   memory_mb=4096)


def test_what_is_not_registered(tmp_path):
    registry = settings.Registry(tmp_path)
    assert registry.settings_files() == {}
    with pytest.raises(errors.MachineNotFound):
        registry.read(tmp_path / 'none.vbox')


def test_what_is_no_settings_file(tmp_path):
    path = tmp_path / 'broken.vbox'
    path.write_text('<VirtualBox>')
    with pytest.raises(errors.ClientError, match='not a settings file'):
        settings.Registry(tmp_path).read(path)


def test_the_last_state_in_a_log(tmp_path):
    assert settings.last_logged_state(tmp_path) is None
    log = tmp_path / 'Logs/VBox.log'
    log.parent.mkdir()
    shutil.copy(samples.path('vbox-7.2.22', 'VBox.log'), log)
    assert settings.last_logged_state(tmp_path) in (
        'Running', 'LiveSnapshotting', 'OnlineSnapshotting')
    with log.open('a') as file:
        file.write("00:00:06.523206 Console: Machine state changed to "
                   "'Paused'\n00:00:07 something else\n")
    assert settings.last_logged_state(tmp_path) == 'Paused'


def test_another_folder_means_another_daemon():
    first = settings.environment(Path('/srv/a'))
    second = settings.environment(Path('/srv/b'))
    assert first['VBOX_USER_HOME'] == '/srv/a'
    assert first['VBOX_IPC_SOCKETID'] != second['VBOX_IPC_SOCKETID']
    assert first == settings.environment(Path('/srv/a'))


def test_the_folder_of_the_user(monkeypatch):
    monkeypatch.delenv('VBOX_USER_HOME', raising=False)
    monkeypatch.setenv('HOME', '/nowhere')
    # VirtualBox looks the user up and does not ask $HOME.
    assert '/nowhere' not in str(settings.default_home())
    monkeypatch.setenv('VBOX_USER_HOME', '/srv/a')
    assert settings.default_home() == Path('/srv/a')
    assert settings.default_home().is_absolute()
