# SPDX-License-Identifier: Apache-2.0
"""How the deploy ramdisk is put together; that it works is seen elsewhere."""

import gzip
import json
import lzma
import os
import re
import subprocess
import types
from importlib import resources

import pytest

from nova_hypervisors.baremetal.ramdisk import builder
from nova_hypervisors.baremetal.ramdisk import modules
from nova_hypervisors.baremetal.ramdisk import packages
from nova_hypervisors.clients import errors

HERE = resources.files('nova_hypervisors.baremetal.ramdisk')


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / 'tree'
    (root / 'bin').mkdir(parents=True)
    (root / 'bin/program').write_bytes(b'a program')
    (root / 'bin/program').chmod(0o755)
    (root / 'bin/other').symlink_to('program')
    return root


def unpacked(path, folder):
    folder.mkdir()
    subprocess.run(['cpio', '--quiet', '-i'], check=True, cwd=folder,
                   input=gzip.decompress(path.read_bytes()))
    return folder


class TestPacking:
    def test_a_kernel_can_unpack_it(self, tree, tmp_path):
        builder.pack(tree, tmp_path / 'packed')
        folder = unpacked(tmp_path / 'packed', tmp_path / 'out')
        assert (folder / 'bin/other').read_bytes() == b'a program'
        assert os.access(folder / 'bin/program', os.X_OK)

    def test_the_same_makes_the_same(self, tree, tmp_path):
        builder.pack(tree, tmp_path / 'first')
        for path in (tree, *tree.rglob('*')):
            os.utime(path, (1, 1), follow_symlinks=False)
        builder.pack(tree, tmp_path / 'second')
        assert (tmp_path / 'first').read_bytes() == (
            tmp_path / 'second').read_bytes()


class TestScripts:
    @pytest.mark.parametrize('name', ['init', 'finish', 'dhcp'])
    def test_its_shell_reads_them(self, name):
        subprocess.run(['busybox', 'sh', '-n', HERE / name], check=True)

    def read(self, text, tmp_path):
        """Run the part of init that reads parameters."""
        script = (HERE / 'init').read_text()
        function = re.search(r'^read_parameters\(\) {.*?^}', script,
                             re.DOTALL | re.MULTILINE)[0]
        (tmp_path / 'parameters.txt').write_text(text)
        function = function.replace('/run/', f'{tmp_path}/')
        return subprocess.run(
            ['busybox', 'sh', '-c', f'{function}\nread_parameters\nset'],
            check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    def test_parameters_are_values_and_never_run(self, tmp_path):
        said = self.read('url=https://[::1]/?a=b c\nevil=$(touch ran)`touch '
                         'ran`\nna;touch ran=x\nBAD=x\nlast=here', tmp_path)
        assert "p_url='https://[::1]/?a=b c'" in said
        assert "p_evil='$(touch ran)`touch ran`'" in said
        assert "p_last='here'" in said
        assert 'p_BAD' not in said
        assert not (tmp_path / 'ran').exists()

    @pytest.mark.parametrize(('line', 'heard'), [
        ('the-key halt', True), ('the-kex halt', False), (' halt', False),
        ('', False)])
    def test_only_who_has_the_key_ends_it(self, tmp_path, line, heard):
        script = (HERE / 'finish').read_text().replace(
            '/run/', f'{tmp_path}/')
        (tmp_path / 'key').write_text('the-key\n')
        said = subprocess.run(['busybox', 'sh', '-c', script], check=False,
                              input=f'{line}\n', capture_output=True,
                              text=True).stdout
        assert (said == 'flushed\n') is heard
        assert (tmp_path / 'done').exists() is heard

    def test_without_a_key_nobody_ends_it(self, tmp_path):
        script = (HERE / 'finish').read_text().replace(
            '/run/', f'{tmp_path}/')
        (tmp_path / 'key').write_text('\n')
        subprocess.run(['busybox', 'sh', '-c', script], check=False,
                       input='\n', text=True)
        assert not (tmp_path / 'done').exists()


class TestPackages:
    @pytest.fixture
    def apt(self, monkeypatch):
        """What apt knows, by the names of packages."""
        known = {'tgt': ['libaio1', 'perl', 'libconfig-general-perl'],
                 'libaio1': ['libc6'], 'libc6': ['libgcc-s1'],
                 'libgcc-s1': ['libc6'],
                 'linux-image-amd64': ['linux-image-6.1.0-1-amd64'],
                 'linux-image-6.1.0-1-amd64': ['kmod']}

        def run(*words):
            return ''.join(
                f'{name}\n' + ''.join(f'  Depends: {other}\n'
                                      for other in known[name])
                for name in words[2:] if name in known)

        monkeypatch.setattr(packages, 'programs',
                            types.SimpleNamespace(run=run))

    def test_libraries_of_libraries(self, apt):
        assert packages.libraries(['tgt']) == {'libaio1', 'libc6',
                                               'libgcc-s1'}

    def test_the_newest_kernel(self, apt):
        assert packages.kernel('linux-image-amd64') == (
            'linux-image-6.1.0-1-amd64')
        assert packages.kernel('linux-image-6.1.0-1-amd64') == (
            'linux-image-6.1.0-1-amd64')

    def test_a_package_that_there_is_not(self, apt):
        with pytest.raises(errors.NotFound, match='apt-get update'):
            packages.dependencies('no-such')


class TestModules:
    @pytest.fixture
    def source(self, tmp_path):
        """A kernel whose modules need one another."""
        root = tmp_path / 'source'
        folder = root / 'lib/modules/6.1.0'
        for name, data in (
                ('kernel/drivers/scsi/sd_mod.ko', b'plain'),
                ('kernel/lib/crc.ko.xz', lzma.compress(b'packed')),
                ('kernel/sound/loud.ko', b'loud')):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    def test_those_that_are_needed_and_no_more(self, source, tmp_path,
                                               monkeypatch):
        def depmod(_, root, release):
            (root / 'lib/modules' / release / 'modules.dep').write_text(
                'kernel/drivers/scsi/sd_mod.ko: kernel/lib/crc.ko.xz\n'
                'kernel/lib/crc.ko.xz:\nkernel/sound/loud.ko:\n')

        monkeypatch.setattr(modules, '_depmod', depmod)
        target = tmp_path / 'target'
        (target / 'lib/modules/6.1.0').mkdir(parents=True)
        assert modules.select(source, target) == '6.1.0'
        found = {str(path.relative_to(target / 'lib/modules/6.1.0')):
                 path.read_bytes() for path in target.rglob('*.ko')}
        assert found == {'kernel/drivers/scsi/sd_mod.ko': b'plain',
                         'kernel/lib/crc.ko': b'packed'}

    def test_two_kernels_are_one_too_many(self, source, tmp_path):
        (source / 'lib/modules/6.2.0').mkdir()
        with pytest.raises(errors.InvalidState, match=r'6\.1\.0, 6\.2\.0'):
            modules.select(source, tmp_path / 'target')


def test_what_it_was_made_of_is_written_down(tmp_path, monkeypatch):
    source = tmp_path / 'source'
    (source / 'boot').mkdir(parents=True)
    (source / 'boot/vmlinuz-6.1.0').write_bytes(b'a kernel')
    monkeypatch.setattr(builder, 'make_tree', lambda source, root: None)
    built = builder.assemble(builder.Recipe(boot_modes=['bios']), source,
                             {'tgt': '1.0'}, tmp_path)
    assert built.kernel.read_bytes() == b'a kernel'
    assert json.loads((tmp_path / 'deploy.json').read_text()) == {
        'packages': {'tgt': '1.0'}}
    assert built.iso.stat().st_size > 20000
