# SPDX-License-Identifier: Apache-2.0
import stat

import pytest

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.vmwareapi import layout

UUID = '6c1d6d0e-9f5c-4d3a-8ad9-2c4d2f0d7d11'


@pytest.fixture
def where(tmp_path):
    found = layout.Layout('nova/here', 'images', tmp_path / 'private')
    found.make()
    return found


class TestOwner:
    def test_a_machine_in_our_folder_is_ours(self, where):
        machine = where.instance('ds', UUID).machine
        assert str(machine) == f'[ds] nova/here/{UUID}/{UUID}.vmx'
        assert where.owner(machine) == UUID

    @pytest.mark.parametrize('file', [
        f'{UUID}/{UUID}.vmx', f'nova/there/{UUID}/{UUID}.vmx',
        f'nova/here/{UUID}/other.vmx', f'nova/here/{UUID}/{UUID}.vmx.bak',
        'nova/here/mine/mine.vmx', ''])
    def test_any_other_is_not(self, where, file):
        assert where.owner(api.DatastorePath('ds', file)) is None

    def test_one_without_a_file_is_not(self, where):
        assert where.owner(None) is None


class TestPrivate:
    def test_nobody_else_reads_it(self, where):
        assert stat.S_IMODE(where.private.stat().st_mode) == 0o700

    def test_what_was_being_made_is_known_later(self, where):
        folder = where.instance('ds', UUID).folder
        where.spawning(UUID).write_text(str(folder))
        assert where.interrupted() == {UUID: folder}

    def test_old_downloads_are_deleted(self, where):
        (where.downloads / 'half').touch()
        where.make()
        assert list(where.downloads.iterdir()) == []


@pytest.mark.parametrize('text', ['[ds] a/b.vmdk', '[ds 1] x', '[ds]'])
def test_datastore_paths_are_read_and_written(text):
    assert str(api.DatastorePath.parse(text)) == text


@pytest.mark.parametrize('text', ['a/b.vmdk', '[ds a.vmdk', ''])
def test_what_is_no_datastore_path_is_refused(text):
    with pytest.raises(ValueError, match='is not a datastore path'):
        api.DatastorePath.parse(text)
