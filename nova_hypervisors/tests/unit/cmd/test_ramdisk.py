# SPDX-License-Identifier: Apache-2.0
"""The command that builds the deploy ramdisk; it is built by the lab."""

import pytest

from nova_hypervisors.baremetal.ramdisk import builder
from nova_hypervisors.clients import errors


@pytest.fixture
def asked(monkeypatch):
    """What is to be built; nothing is."""
    found = []

    def build(recipe, folder):
        found.append(recipe)
        folder.mkdir()
        names = ('kernel', 'ramdisk', 'iso')
        for name in names:
            (folder / name).write_bytes(bytes(1 << 20))
        return builder.Built(*(folder / name for name in names), {})

    monkeypatch.setattr(builder, 'build', build)
    return found


def test_it_says_what_it_has_made(run, asked, tmp_path):
    status, output, errors = run('ramdisk', 'build', str(tmp_path / 'new'))
    assert (status, errors) == (0, '')
    assert output.splitlines() == [
        f'{tmp_path}/new/{name} 1.0 MiB'
        for name in ('kernel', 'ramdisk', 'iso')]
    assert asked == [builder.Recipe()]


def test_what_can_be_chosen(run, asked, tmp_path):
    run('ramdisk', 'build', '--kernel-package', 'k', '--package', 'a',
        '--package', 'b', '--kernel-append', 'quiet', '--boot-mode', 'uefi',
        str(tmp_path / 'new'))
    assert asked == [builder.Recipe('k', ('a', 'b'), 'quiet', ('uefi',))]


def test_what_goes_wrong_is_said(run, tmp_path, monkeypatch):
    def build(recipe, folder):
        raise errors.NotFound('apt knows no package k')

    monkeypatch.setattr(builder, 'build', build)
    assert run('ramdisk', 'build', str(tmp_path)) == (
        1, '', 'apt knows no package k\n')
