# SPDX-License-Identifier: Apache-2.0
"""Configuration files, checked as an operator would."""

import datetime
import json
import sys
from pathlib import Path

import pytest

from nova_hypervisors import checking
from nova_hypervisors import conf
from nova_hypervisors.common import availability
from nova_hypervisors.common import checks
from nova_hypervisors.common import health
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.unit import samples
from nova_hypervisors.vmwareapi import oldflags

OK, WARNING, FAILED = checks.Outcome

# From the README of the first driver.
FORMER = '''
[DEFAULT]
verbose=true
debug=true
use_cow_images=True
allow_resize_to_same_host=true
vnc_enabled=True
vncserver_listen = 127.0.0.1
vncserver_proxyclient_address = 127.0.0.1
novncproxy_base_url=http://127.0.0.1:6080/vnc_auto.html
[cinder]
anything = x
[virtualbox]
remote_display = true
vrde_module = VNC
vrde_port = 5900-6000
vrde_unique_port = true
vrde_password_length=20
vrde_require_instance_uuid_as_password=True
[rdp]
enabled=false
'''


@pytest.fixture
def write(tmp_path, short_path, vboxmanage):
    """Write a configuration file that is fine, and some more into it."""
    def write(text='', name='nova.conf', driver='VirtualBoxDriver',
              program=vboxmanage.path):
        path = tmp_path / name
        path.write_text(f'''
[DEFAULT]
compute_driver = nova_hypervisors.{driver}
state_path = {short_path}/state
instances_path = {short_path}/i
[virtualbox]
vboxmanage_cmd = {program}
home = {tmp_path}/home
physical_network_mappings = *:nat
retry_count = 0
{text}''')
        return str(path)

    yield write
    conf.CONF.reset()


@pytest.fixture
def check(write):
    """Check files with some text in them; return all that was found."""
    def check(*texts, **arguments):
        paths = [write(text, f'{number}.conf', **arguments)
                 for number, text in enumerate(texts or [''])]
        return checking.run(paths)
    return check


def unread(results):
    return [result.details.partition('nothing reads ')[2]
            for result in results if result.name == 'option']


def outcomes(results, name):
    return [result.outcome for result in results if result.name == name]


class TestFiles:
    def test_one_that_is_fine(self, check):
        results = check()
        assert outcomes(results, 'configuration') == [OK]
        assert outcomes(results, 'option') == []
        assert outcomes(results, 'options') == [OK, OK]
        driver, = (result for result in results if result.name == 'driver')
        assert driver.outcome is OK
        assert driver.details.startswith(
            'nova_hypervisors.VirtualBoxDriver loads from ')
        assert 'nova/virt/nova_hypervisors' in driver.details

    def test_each_is_looked_at(self, check):
        results = check('[rdp]\nfirst = x', '[rdp]\nsecond = x')
        assert len(unread(results)) == 2
        assert '0.conf' in results[1].details
        assert '1.conf' in results[2].details

    @pytest.mark.parametrize('text', ['no assignment', '[DEFAULT', '= x'])
    def test_one_that_is_none_is_the_end(self, check, text):
        result, = check(text)
        assert (result.name, result.outcome) == ('configuration', FAILED)
        assert '0.conf' in result.details

    def test_so_is_one_that_is_not_there(self, tmp_path, write):
        result, = checking.run([str(tmp_path / 'none.conf')])
        assert result.outcome is FAILED
        assert 'none.conf' in result.details


class TestKeys:
    def test_those_of_the_first_driver_have_successors(self, check):
        found = set(unread(check(FORMER)))
        always = {
            '[DEFAULT] verbose: use [DEFAULT] debug',
            '[DEFAULT] vncserver_listen: use [vnc] server_listen',
            ('[DEFAULT] vncserver_proxyclient_address: use [vnc] '
             'server_proxyclient_address')}
        # As long as Nova reads them by their old names they are fine.
        perhaps = {
            '[DEFAULT] vnc_enabled: use [vnc] enabled',
            '[DEFAULT] novncproxy_base_url: use [vnc] novncproxy_base_url'}
        assert always <= found <= always | perhaps

    def test_what_nobody_reads_is_named(self, check):
        results = check('''
vrde_prot = 3389
vrde-module = VNC
zzz = 1
zzz = 2
[vnc]
enable = true
[rdp]
security = TLS
''')
        assert unread(results) == [
            '[virtualbox] vrde_prot: did you mean vrde_port?',
            '[virtualbox] vrde-module: did you mean vrde_module?',
            '[virtualbox] zzz: take it out',
            '[vnc] enable: did you mean enabled?',
            '[rdp] security: did you mean security_method?']
        assert set(outcomes(results, 'option')) == {WARNING}

    def test_what_somebody_reads_is_not(self, check):
        assert unread(check('''
[vnc]
server_listen = 127.0.0.1
[oslo_concurrency]
lock_path = /x
[oslo_messaging_rabbit]
rabbit_quorum_queue = true
[keystone_authtoken]
username = nova
[placement]
password = x
[DEFAULT]
transport_url = fake:/
debug = true
# Nova's old name of an option.
vnc_enabled = true
''')) == []

    @pytest.mark.parametrize(('section', 'advice'), [
        ('virtual_box', ': did you mean [virtualbox]?'),
        ('somebody_else_s', '')])
    def test_a_section_that_nobody_reads_is_named(self, check, section,
                                                  advice):
        results = check(f'[{section}]\nanything = x\nmore = y')
        assert outcomes(results, 'option') == [WARNING]
        details = next(result.details for result in results
                       if result.name == 'option')
        assert details.endswith(f'knows no section [{section}]{advice}')

    def test_that_is_no_reason_to_stop(self, check):
        results = check('zzz = 1')
        assert outcomes(results, 'driver') == [OK]

    def test_the_first_esx_driver_s_have_successors(self, check):
        text = '\n'.join(f'{flag.name} = x' for flag in oldflags.FLAGS)
        found = unread(check(f'[DEFAULT]\n{text}'))
        assert len(found) == 13
        assert '[DEFAULT] vmwareapi_host_ip: use [vmware] host_ip' in found
        assert ('[DEFAULT] image_service: take it out: images come from '
                'Glance and from nowhere else') in found
        assert not [line for line in found if 'did you mean' in line]

    def test_their_flag_files_are_told_from_others(self, write):
        path = Path(write())
        path.write_text('--connection_type=vmwareapi\n--verbose\n'
                        '--vlan_interface vmnic0\n# --glance_host\n')
        first, *others = checking.run([str(path)])
        assert first.outcome is FAILED
        assert [result.outcome for result in others] == [WARNING, WARNING]
        assert others[0].details.endswith(
            '--connection_type: use [DEFAULT] compute_driver = '
            'nova_hypervisors.VMwareESXDriver')
        assert '--vlan_interface: use [vmware]' in others[1].details


class TestValues:
    @pytest.mark.parametrize(('text', 'words'), [
        ('vrde_password_length = long', 'vrde_password_length'),
        ('remote_display = perhaps', 'remote_display'),
        ('console_port = 99999', 'console_port'),
        ('snapshot_image_format = iso', 'snapshot_image_format'),
        ('[rdp]\nsecurity_method = none', 'security_method'),
        ('[vmware]\nscreen_protocol = rdp', 'screen_protocol'),
        ('[vnc]\nenabled = perhaps', 'enabled'),
        ('[health]\nlisten_address = localhost', 'listen_address'),
        ('[health]\nlisten_port = 65536', 'listen_port'),
    ])
    def test_one_that_cannot_be_is_the_end(self, check, text, words):
        result, = check(text)
        assert (result.name, result.outcome) == ('configuration', FAILED)
        assert words in result.details


class TestDriver:
    def set(self, check, line):
        return check(f'[DEFAULT]\ncompute_driver = {line}\n')

    @pytest.mark.parametrize('name', ['libvirt.LibvirtDriver', ''])
    def test_one_that_is_not_ours_is_not_ours_to_check(self, check, name):
        results = self.set(check, name)
        assert outcomes(results, 'driver') == [FAILED]
        assert 'begin with nova_hypervisors.' in results[-1].details
        assert outcomes(results, 'VirtualBox') == []

    def test_one_that_there_is_not_does_not_load(self, check):
        results = self.set(check, 'nova_hypervisors.Nonsense')
        assert outcomes(results, 'driver') == [FAILED]
        assert ('it has BareMetalDriver, VMwareESXDriver, VirtualBoxDriver'
                in results[-1].details)

    def test_one_that_nova_does_not_find_has_to_be_linked(self, check,
                                                          monkeypatch):
        monkeypatch.setitem(sys.modules, 'nova.virt.nova_hypervisors', None)
        results = check()
        assert outcomes(results, 'driver') == [FAILED]
        assert '"nova-hypervisors link"' in results[-1].details
        assert outcomes(results, 'VirtualBox') == []


class TestCommand:
    @pytest.fixture
    def host(self, vboxmanage):
        """One that is fine, with and without the kernel module."""
        text = samples.read('vbox-7.2.22', 'list-hostinfo.txt')
        vboxmanage.says('list hostinfo', text.replace(
            'HW virtualization: no', 'HW virtualization: yes'))

    @pytest.fixture
    def status_and_rows(self, run, host):
        def status_and_rows(*files, options=()):
            words = [word for path in files
                     for word in ('--config-file', path)]
            status, output, _ = run('check', '-f', 'json', *options, *words)
            return status, json.loads(output)
        return status_and_rows

    def test_a_host_that_works_is_0(self, status_and_rows, write):
        status, rows = status_and_rows(write())
        assert status == 0
        assert {row['Result'] for row in rows} <= {'ok', 'warning'}
        assert {row['Check'] for row in rows} == {
            'configuration', 'options', 'driver', 'permissions',
            'free space', 'VirtualBox', 'execution engine', 'machines',
            'extension packs', 'networks'}

    def test_a_warning_is_0_too(self, status_and_rows, write):
        status, rows = status_and_rows(write('zzz = 1'))
        assert status == 0
        row, = (row for row in rows if row['Check'] == 'option')
        assert row['Result'] == 'warning'
        assert '[virtualbox] zzz' in row['Details']

    def test_one_that_does_not_is_1(self, status_and_rows, write):
        status, rows = status_and_rows(write(program='/no/such/program'))
        assert status == 1
        row, = (row for row in rows if row['Result'] == 'FAILED')
        assert row['Check'] == 'VirtualBox'
        assert '/no/such/program' in row['Details']

    def test_several_files_are_read_as_one(self, status_and_rows, write):
        first = write(program='/no/such/program')
        second = write(name='second.conf')
        status, _ = status_and_rows(first, second)
        assert status == 0

    def test_people_get_a_table(self, run, write, host):
        status, output, _ = run('check', '--config-file', write())
        assert status == 0
        for heading in ('Check', 'Result', 'Details'):
            assert heading in output

    def test_without_a_file_there_is_nothing_to_check(self, run):
        status, _, errors = run('check')
        assert status == 2
        assert '--config-file' in errors

    @pytest.fixture
    def alive(self):
        """Have a nova-compute that says so; return its port."""
        port = peers.free_port()
        endpoint = health.Endpoint('127.0.0.1', port, lambda: (
            availability.Standing(availability.State.ANSWERS,
                                  datetime.datetime.now(datetime.UTC),
                                  None)), None)
        endpoint.start()
        yield port
        endpoint.stop()

    def _live(self, status_and_rows, *files):
        """Return the status and what is said of that which runs."""
        status, rows = status_and_rows(*files, options=['--live'])
        return status, {row['Check']: row['Result'] for row in rows
                        if row['Check'] in ('process', 'hypervisor')}

    def test_what_runs_is_asked(self, status_and_rows, write, alive):
        path = write(f'[health]\nlisten_port = {alive}')
        assert self._live(status_and_rows, path) == (
            0, {'process': 'ok', 'hypervisor': 'ok'})

    def test_it_is_1_if_nothing_does(self, status_and_rows, write):
        path = write(f'[health]\nlisten_port = {peers.free_port()}')
        assert self._live(status_and_rows, path) == (1, {'process': 'FAILED'})

    def test_or_if_it_cannot_be_asked(self, status_and_rows, write):
        assert self._live(status_and_rows, write()) == (
            1, {'process': 'FAILED'})

    def test_nothing_is_asked_unless_that_is_wanted(self, status_and_rows,
                                                    write):
        path = write(f'[health]\nlisten_port = {peers.free_port()}')
        status, rows = status_and_rows(path)
        assert status == 0
        assert 'process' not in {row['Check'] for row in rows}

    @pytest.mark.parametrize('driver', [
        'BareMetalDriver', 'VMwareESXDriver', 'VirtualBoxDriver'])
    def test_no_driver_answers_others(self, status_and_rows, write, driver):
        status, rows = status_and_rows(write(
            '[health]\nlisten_address = 0.0.0.0', driver=driver))
        assert status == 1
        assert [row['Result'] for row in rows if row['Details'].startswith(
            '[health] listen_address: 0.0.0.0 ')] == ['FAILED']
