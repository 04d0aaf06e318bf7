# SPDX-License-Identifier: Apache-2.0
"""The checks of a host, on what the real VBoxManage has said."""

import sys

import pytest

from nova_hypervisors import conf
from nova_hypervisors.common import checks
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.unit import samples
from nova_hypervisors.virtualbox import checking

OK, WARNING, FAILED = checks.Outcome

UUID = '5d0e6a6e-0000-4000-8000-000000000001'


@pytest.fixture
def check(config, vboxmanage, short_path):
    """Check a host; return the outcome and the details of one check."""
    def check(name, instances_path=None, **options):
        builders.configure(config, short_path, **{
            'vboxmanage': vboxmanage.path, 'home': short_path / 'home',
            **options})
        if instances_path is not None:
            config.config(instances_path=str(instances_path))
        results = checks.Results()
        checking.run(conf.CONF, results)
        return [(result.outcome, result.details) for result in results
                if result.name == name]
    return check


class TestOptions:
    def test_they_go_together(self, check):
        assert check('options') == [(OK, 'they go together')]

    def test_what_stops_the_driver_fails(self, check):
        (outcome, details), = check('options', vrde_port='nonsense')
        assert outcome is FAILED
        assert '[virtualbox] vrde_port' in details

    def test_what_does_not_is_a_warning(self, check):
        (outcome, details), = check('options', vrde_password_length=20)
        assert outcome is WARNING
        assert 'vrde_password_length' in details

    def test_all_are_told(self, check):
        found = check('options', vrde_port='nonsense',
                      vrde_password_length=20)
        assert {outcome for outcome, _ in found} == {FAILED, WARNING}


class TestFolders:
    def test_they_need_not_be_there_yet(self, check, tmp_path):
        path = tmp_path / 'a/b/c'
        found = check('permissions', instances_path=path)
        assert (OK, f'{path} can be written') in found
        assert {outcome for outcome, _ in found} == {OK}
        assert not path.exists()

    def test_one_that_cannot_be_made_fails(self, check, tmp_path):
        path = tmp_path / 'file'
        path.touch()
        (outcome, details), = check('permissions',
                                    instances_path=path / 'instances')
        assert outcome is FAILED
        assert f'{path}/instances cannot be written' in details
        assert 'user of nova-compute' in details

    @pytest.mark.parametrize(('enough_gb', 'outcome'), [
        (0, OK), (1 << 40, WARNING)])
    def test_little_space_is_told(self, check, monkeypatch, enough_gb,
                                  outcome):
        monkeypatch.setattr(checking, '_LITTLE_SPACE_GB', enough_gb)
        (found, details), = check('free space')
        assert found is outcome
        assert ' GiB for ' in details


class TestProgram:
    def test_it_answers(self, check, vboxmanage):
        assert check('VirtualBox') == [
            (OK, f'VirtualBox 7.2.22 answers through {vboxmanage.path}')]

    @pytest.mark.parametrize(('text', 'outcome', 'words'), [
        ('6.1.50r161033\n', FAILED, 'too old: install 7.0 or newer'),
        ('7.0.0r1\n', OK, '7.0.0 answers'),
        ('8.0.0r1\n', WARNING, 'this driver, which treats it as 7.2')])
    def test_its_version(self, check, vboxmanage, text, outcome, words):
        vboxmanage.says('--version', text)
        (found, details), = check('VirtualBox')
        assert found is outcome
        assert words in details

    def test_one_that_is_not_there_ends_the_check(self, check):
        (outcome, details), = check('VirtualBox',
                                    vboxmanage='/no/such/VBoxManage')
        assert outcome is FAILED
        for part in ('/no/such/VBoxManage cannot be run',
                     '[virtualbox] vboxmanage_cmd'):
            assert part in details
        assert check('networks', vboxmanage='/no/such/VBoxManage') == []

    @pytest.mark.parametrize('text', [None, 'nonsense\n'])
    def test_so_does_one_that_says_nothing_useful(self, check, vboxmanage,
                                                  text):
        vboxmanage.says('--version', text)
        (outcome, _), = check('VirtualBox', retry_count=0)
        assert outcome is FAILED
        assert check('networks', retry_count=0) == []

    def test_what_fails_later_leaves_what_was_found(self, check, vboxmanage):
        vboxmanage.says('list extpacks', None)
        found = check('VirtualBox', retry_count=0)
        assert [outcome for outcome, _ in found] == [OK, FAILED]
        assert 'not recorded' in found[1][1]


class TestEngine:
    @pytest.fixture
    def kernel_module(self, tmp_path, monkeypatch):
        path = tmp_path / 'vboxdrv'
        monkeypatch.setattr(checking, '_KERNEL_MODULE', path)
        return path

    @pytest.fixture
    def engine(self, check, kernel_module):
        def engine():
            result, = check('execution engine')
            return result
        return engine

    @pytest.fixture
    def processor(self, vboxmanage):
        """Let the processor have virtualization or not."""
        def processor(answer):
            text = samples.read('vbox-7.2.22', 'list-hostinfo.txt')
            line = 'Processor supports HW virtualization: '
            assert line + 'no' in text
            vboxmanage.says('list hostinfo',
                            text.replace(line + 'no', line + answer))
        return processor

    def test_the_processor_runs_guests(self, engine, kernel_module,
                                       processor):
        kernel_module.touch()
        processor('yes')
        outcome, details = engine()
        assert outcome is OK
        assert details.startswith('hardware')

    def test_it_cannot_if_the_firmware_forbids_it(self, engine,
                                                  kernel_module, processor):
        kernel_module.touch()
        processor('no')
        outcome, details = engine()
        assert outcome is FAILED
        assert 'VT-x or AMD-V' in details

    def test_guests_are_interpreted(self, engine):
        # It was recorded so.
        outcome, details = engine()
        assert outcome is WARNING
        assert details.startswith('interpreter')

    def test_without_a_kernel_module_nothing_runs(self, engine, vboxmanage):
        vboxmanage.says('getextradata global enumerate', '')
        outcome, details = engine()
        assert outcome is FAILED
        for part in ('vboxdrv is not there', '/sbin/vboxconfig',
                     'virtualbox-dkms'):
            assert part in details

    def test_elsewhere_the_system_may_run_guests(self, engine, monkeypatch):
        monkeypatch.setattr(sys, 'platform', 'darwin')
        outcome, details = engine()
        assert outcome is OK
        assert details.startswith('NEM')


class TestMachines:
    def test_there_are_none(self, check):
        assert check('machines') == [(OK, 'VirtualBox has 0')]

    def test_one_that_is_inaccessible_is_no_fault_of_ours(self, check,
                                                          vboxmanage):
        vboxmanage.says('list vms', f'"<inaccessible>" {{{UUID}}}\n')
        assert check('machines') == [(OK, 'VirtualBox has 1')]

    def test_settings_that_are_elsewhere_fail(self, check, vboxmanage):
        vboxmanage.says('list vms', f'"a machine" {{{UUID}}}\n')
        (outcome, details), = check('machines', retry_count=0)
        assert outcome is FAILED
        for part in ('a machine', '[virtualbox] home'):
            assert part in details


class TestPacks:
    def test_the_one_that_is_used_is_named(self, check):
        assert check('extension packs') == [(OK, 'VNC 7.2.22; VNC is used')]

    def test_none_is_needed_without_displays(self, check):
        (outcome, details), = check('extension packs', remote_display=False)
        assert outcome is OK
        assert 'none is needed' in details

    def test_one_that_is_not_there_fails(self, check, vboxmanage):
        vboxmanage.says('list extpacks', 'Extension Packs: 0\n')
        (outcome, details), = check('extension packs')
        assert outcome is FAILED
        assert '"VNC" is not installed' in details


class TestNetworks:
    def networks(self, check, *entries):
        return check('networks', physical_network_mappings=list(entries))

    @pytest.mark.parametrize('entry', [
        '*:nat', 'a:intnet:any name', 'a:bridged:eth0', 'a:natnetwork:net1',
        'a:udptunnel:switch:7000:1-2'])
    def test_what_is_there_is_fine(self, check, entry):
        assert self.networks(check, entry) == [(OK, entry)]

    @pytest.mark.parametrize(('entry', 'words'), [
        ('a:bridged:eth9', "no bridged 'eth9'; it has "),
        ('a:natnetwork:net9', "no natnetwork 'net9'; it has net1"),
        ('a:hostonly:vboxnet0', "no hostonly 'vboxnet0'; it has none"),
        # A kind that VirtualBox has on another system.
        ('a:hostonlynet:x', "no hostonlynet 'x'; it has none")])
    def test_what_is_not_fails(self, check, entry, words):
        (outcome, details), = self.networks(check, entry)
        assert outcome is FAILED
        assert details.startswith(f'{entry}: VirtualBox has ')
        assert words in details

    def test_each_entry_is_checked(self, check):
        found = self.networks(check, '*:nat', 'a:bridged:eth9')
        assert [outcome for outcome, _ in found] == [OK, FAILED]

    def test_an_entry_that_is_none_was_named_before(self, check):
        assert self.networks(check, 'nonsense') == []
        (outcome, _), = check('options',
                              physical_network_mappings=['nonsense'])
        assert outcome is FAILED

    def test_no_network_at_all_is_told(self, check):
        (outcome, details), = self.networks(check)
        assert outcome is WARNING
        assert 'physical_network_mappings is empty' in details
