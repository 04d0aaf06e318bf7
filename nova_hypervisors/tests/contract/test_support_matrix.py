# SPDX-License-Identifier: Apache-2.0
"""The support matrix says neither more nor less than the code does.

That its levels are proven is checked at the end of a complete test run, by
nova_hypervisors.tests.proofs.
"""

import ast
import inspect
import json
import textwrap

import os_traits
import pytest
from nova.virt import driver as nova_driver

from nova_hypervisors.baremetal import driver as baremetal
from nova_hypervisors.capabilities import model
from nova_hypervisors.capabilities import proofs
from nova_hypervisors.capabilities import registry
from nova_hypervisors.capabilities import render
from nova_hypervisors.tests import drivers
from nova_hypervisors.tests import proofs as proving
from nova_hypervisors.virtualbox import driver as virtualbox
from nova_hypervisors.vmwareapi import driver as vmwareapi

Level = model.Level

DRIVERS = {'virtualbox-vboxmanage': virtualbox.VirtualBoxDriver,
           'virtualbox-webservice': virtualbox.VirtualBoxDriver,
           'vmware-esx': vmwareapi.VMwareESXDriver,
           'baremetal': baremetal.BareMetalDriver}

# Overridden for Nova's sake; nobody would look for them in a matrix.
PLUMBING = {'plug_vifs', 'unplug_vifs'}
# Of a host with many nodes.
NODES_PLUMBING = set('''
prepare_for_spawn failed_spawn_cleanup rebuild node_is_available
is_node_deleted manages_network_binding_host_id network_binding_host_id
prepare_networks_before_block_device_mapping clean_networks_preparation
'''.split())

# What Nova asks for by itself, when a move was never finished.
MOVES_PLUMBING = {'delete_instance_files'}
MORE_PLUMBING = {'baremetal': NODES_PLUMBING,
                 'virtualbox-vboxmanage': MOVES_PLUMBING,
                 'virtualbox-webservice': MOVES_PLUMBING,
                 'vmware-esx': MOVES_PLUMBING}

# Nova's own matrix, as of Nova 34.
NOVAS_ROWS = '''
operation.attach-volume operation.attach-tagged-volume operation.detach-volume
operation.extend-volume operation.attach-interface
operation.attach-tagged-interface operation.detach-interface
operation.maintenance-mode operation.evacuate operation.rebuild
operation.rebuild-volume-backed operation.get-guest-info
operation.get-host-uptime operation.get-host-ip operation.live-migrate
operation.force-live-migration-to-complete
operation.abort-in-progress-live-migration operation.launch operation.pause
operation.reboot operation.rescue operation.resize operation.resume
operation.set-admin-password operation.snapshot operation.suspend
operation.swap-volume operation.terminate operation.trigger-crash-dump
operation.unpause guest.disk.autoconfig guest.disk.rate-limit
guest.setup.configdrive guest.setup.inject.file guest.setup.inject.networking
console.rdp console.serial.log console.serial.interactive console.spice
console.vnc storage.block storage.block.backend.fibrechannel
storage.block.backend.iscsi storage.block.backend.iscsi.auth.chap
storage.image operation.uefi-boot operation.device-tags operation.quiesce
operation.unquiesce operation.multiattach-volume operation.encrypted-volume
operation.trusted-certs operation.file-backed-memory
operation.report-cpu-traits operation.port-with-resource-request
operation.boot-encrypted-vm operation.cache-images
operation.boot-emulated-tpm operation.boot-stateless-firmware
'''.split()

# The matrix of the first VirtualBox driver had these titles.
FORMER_TITLES = '''
Attach block volume to instance
Detach block volume from instance
Evacuate instances from a host
Guest instance status
Guest host status
Live migrate instance across hosts
Launch instance
Stop instance CPUs (pause)
Reboot instance
Rescue instance
Resize instance
Restore instance
Service control
Set instance admin password
Save snapshot of instance disk
Suspend instance
Swap block volumes
Shutdown instance
Resume instance CPUs (unpause)
Auto configure disk
Instance disk I/O limits
Config drive support
Inject files into disk image
Inject guest networking config
Remote desktop over RDP
View serial console logs
Remote desktop over SPICE
Remote desktop over VNC
Block storage support
Block storage over fibre channel
Block storage over iSCSI
CHAP authentication for iSCSI
Image storage support
Network firewall rules
Network routing
Network security groups
Flat networking
VLAN networking
'''.strip().splitlines()


def cells():
    return [(feature, column) for feature in registry.FEATURES
            for column in DRIVERS]


def ids(value):
    return value.key if isinstance(value, model.Feature) else value


class TestRows:
    def test_every_row_of_nova_s_is_there(self):
        assert len(NOVAS_ROWS) == 59
        keys = {feature.key for feature in registry.FEATURES}
        assert set(NOVAS_ROWS) <= keys

    def test_every_row_of_the_first_driver_s_is_there(self):
        assert len(FORMER_TITLES) == 38
        titles = {feature.title for feature in registry.FEATURES}
        assert set(FORMER_TITLES) <= titles

    def test_no_row_is_there_twice(self):
        keys = [feature.key for feature in registry.FEATURES]
        assert len(keys) == len(set(keys))

    def test_every_row_has_every_column(self):
        for feature in registry.FEATURES:
            assert set(feature.support) == set(registry.COLUMNS)

    def test_a_limit_needs_a_reason(self):
        for level in (Level.PARTIAL, Level.MISSING):
            with pytest.raises(ValueError, match='note'):
                model.Support(level)

    def test_capabilities_are_nova_s(self):
        for column in registry.COLUMNS:
            assert set(registry.capabilities(column)) <= set(
                nova_driver.ComputeDriver.capabilities)

    def test_traits_are_standard(self):
        for feature in registry.FEATURES:
            assert set(feature.traits) <= set(os_traits.get_traits())

    def test_methods_are_compute_driver_s(self):
        for feature in registry.FEATURES:
            for name in feature.methods:
                assert hasattr(nova_driver.ComputeDriver, name), name


def only_refuses(method):
    """Return whether a method does nothing but raise NotImplementedError."""
    source = textwrap.dedent(inspect.getsource(method))
    body = ast.parse(source).body[0].body
    statements = [node for node in body if not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return len(statements) == 1 and isinstance(statements[0], ast.Raise)


def levels_against_code(feature, column, cls):
    """Return where a row's level and a driver's methods disagree."""
    there = feature.support[column].level.is_there
    # One that other rows stand on, too, says nothing against this one.
    others = {name for row in registry.supported(column)
              for name in row.methods}
    for name in feature.methods:
        ours, novas = getattr(cls, name), getattr(
            nova_driver.ComputeDriver, name)
        if there and (ours is novas or only_refuses(ours)):
            yield f'{feature.key}: {name} is not implemented'
        if not there and ours is not novas and name not in others:
            yield f'{feature.key}: {name} is implemented'


class TestLevels:
    @pytest.mark.parametrize(('feature', 'column'), cells(), ids=ids)
    def test_a_level_is_what_the_methods_say(self, feature, column):
        assert list(levels_against_code(feature, column,
                                        DRIVERS[column])) == []

    def test_this_can_fail(self):
        class Lacking(virtualbox.VirtualBoxDriver):
            pause = nova_driver.ComputeDriver.pause

            def quiesce(self):
                return 'done'

            def unpause(self, instance):
                """Say so."""
                raise NotImplementedError

        column = 'virtualbox-vboxmanage'
        rows = {feature.key: feature for feature in registry.FEATURES}
        for key, words in (('operation.pause', 'pause is not implemented'),
                           ('operation.unpause', 'unpause is not'),
                           ('operation.quiesce', 'quiesce is implemented')):
            fault, = levels_against_code(rows[key], column, Lacking)
            assert words in fault

    @pytest.mark.parametrize('column', DRIVERS)
    def test_every_method_belongs_to_a_row(self, column):
        methods = set(drivers.methods(DRIVERS[column]))
        rows = {name for feature in registry.supported(column)
                for name in feature.methods}
        assert methods - rows == PLUMBING | MORE_PLUMBING.get(column, set())

    @pytest.mark.parametrize('column', DRIVERS)
    def test_the_driver_has_the_capabilities_of_its_column(self, column):
        capabilities = DRIVERS[column].capabilities
        for name, there in registry.capabilities(column).items():
            assert capabilities[name] is there
        assert set(capabilities) == set(
            nova_driver.ComputeDriver.capabilities)

    def test_columns_without_a_driver_claim_nothing(self):
        for column in set(registry.COLUMNS) - set(DRIVERS):
            assert registry.supported(column) == []


class TestProofs:
    """What is checked at the end of a run is checked here with made-up runs.
    """

    COLUMN = 'virtualbox-vboxmanage'

    @pytest.fixture
    def proven(self):
        cells = [(feature.key, column) for column in registry.COLUMNS
                 for feature in registry.supported(column)]
        rows = {feature.key: feature for feature in registry.FEATURES}
        return ({cell: {'a test'} for cell in cells},
                {cell: set(rows[cell[0]].methods) for cell in cells})

    def test_a_complete_run_has_no_faults(self, proven):
        assert proving.faults(*proven) == []

    def test_a_row_without_a_proof_is_a_fault(self, proven):
        tests, methods = proven
        del tests['operation.pause', self.COLUMN]
        assert proving.faults(tests, methods) == [
            ('operation.pause (virtualbox-vboxmanage) is complete and no test '
            'proves it')]

    def test_a_proof_that_goes_elsewhere_is_a_fault(self, proven):
        tests, methods = proven
        methods['operation.pause', self.COLUMN] = {'unpause'}
        assert proving.faults(tests, methods) == [
            ('operation.pause (virtualbox-vboxmanage): its proofs do not go '
            'through pause')]

    def test_a_proof_of_what_is_not_claimed_is_a_fault(self, proven):
        tests, methods = proven
        tests['operation.quiesce', self.COLUMN] = {'a test'}
        assert len(proving.faults(tests, methods)) == 1

    def test_a_proof_of_no_row_is_a_fault(self, proven):
        tests, methods = proven
        tests['operation.none', self.COLUMN] = {'a test'}
        assert len(proving.faults(tests, methods)) == 1

    def test_calls_are_seen(self):
        with proving.watching() as called:
            driver = object.__new__(virtualbox.VirtualBoxDriver)
            driver.unplug_vifs(None, None)
        assert called == {self.COLUMN: {'unplug_vifs'}}
        with proving.watching() as called:
            pass
        assert called == {}

    def test_what_is_kept_is_of_rows_that_are_claimed(self):
        claimed = {feature.key for column in DRIVERS
                   for feature in registry.supported(column)}
        assert set(proofs.load()) == claimed


class TestRendering:
    def test_json_has_all_of_it(self):
        data = json.loads(render.as_json(list(registry.COLUMNS)))
        assert set(data) == {'features'}
        rows = {row['key']: row for row in data['features']}
        assert set(rows) == {feature.key for feature in registry.FEATURES}
        row = rows['operation.pause']
        assert set(row) == {'key', 'title', 'status', 'support'}
        cell = row['support']['virtualbox-vboxmanage']
        assert cell['level'] == 'complete'
        assert set(cell) == {'level', 'note', 'proof'}
        assert cell['proof'] == proofs.load()['operation.pause'][
            'virtualbox-vboxmanage']

    @pytest.mark.parametrize('name', ['table', 'markdown'])
    def test_every_title_is_shown(self, name):
        text = render.FORMATS[name](list(registry.COLUMNS))
        for feature in registry.FEATURES:
            assert feature.title in text

    def test_one_column_is_shown_with_its_notes(self):
        text = render.as_table(['virtualbox-vboxmanage'])
        assert 'partial' in text
        assert 'They come without a file system.' in text

    def test_the_ini_is_what_sphinx_reads(self):
        import configparser
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(render.as_ini(['virtualbox-vboxmanage']))
        row = parser['operation.launch']
        assert row['driver.virtualbox-vboxmanage'] == 'complete'
        assert row['status'] == 'mandatory'
