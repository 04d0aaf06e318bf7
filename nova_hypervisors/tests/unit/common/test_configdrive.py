# SPDX-License-Identifier: Apache-2.0
"""Config drives, read back as a guest would."""

import io
import shutil
import subprocess

import pycdlib
import pytest

from nova_hypervisors.common import configdrive

FILES = [('openstack/latest/meta_data.json', '{"uuid": "ü"}'),
         ('openstack/2012-08-10/meta_data.json', b'{}'),
         ('openstack/content/0000', b'\0binary\xff'),
         ('ec2/latest/a-name.with.dots', '')]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'config.iso'
    with path.open('wb') as target:
        configdrive.write_iso(FILES, target)
    return path


def content(path, name, **by):
    image = pycdlib.PyCdlib()
    image.open(str(path))
    found = io.BytesIO()
    image.get_file_from_iso_fp(found, **{next(iter(by)): f'/{name}'})
    image.close()
    return found.getvalue()


@pytest.mark.parametrize('by', ['rr_path', 'joliet_path'])
@pytest.mark.parametrize(('name', 'data'), FILES)
def test_every_file_is_there_by_its_name(path, name, data, by):
    expected = data.encode() if isinstance(data, str) else data
    assert content(path, name, **{by: True}) == expected


def test_guests_find_it_by_its_label(path):
    assert path.read_bytes()[0x8028:0x8048].strip() == b'config-2'


def test_another_program_reads_it(path, tmp_path):
    """libarchive's reader, which knows nothing of the library."""
    bsdtar = shutil.which('bsdtar')
    assert bsdtar, 'install libarchive-tools'
    subprocess.run([bsdtar, '-xf', path, '-C', tmp_path], check=True)
    for name, data in FILES:
        expected = data.encode() if isinstance(data, str) else data
        assert (tmp_path / name).read_bytes() == expected
