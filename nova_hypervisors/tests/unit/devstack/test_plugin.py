# SPDX-License-Identifier: Apache-2.0
"""The plugin of DevStack: its phases, and the files that they leave."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab import layout
from nova_hypervisors.tests import devstack

HOST = socket.gethostname()

NODES = '''
- name: rack1-1
  resource_class: baremetal.small
  interfaces: {power: fake, management: fake, boot: fake, deploy: fake}
  properties: {cpus: 16, memory_mb: 65536, local_gb: 480, cpu_arch: x86_64}
  ports: [{address: "52:54:00:aa:00:01"}]
'''


@pytest.fixture
def make(tmp_path, vboxmanage):
    """Make a DevStack with a local.conf that is fine for a hypervisor."""
    password = tmp_path / 'password'
    password.write_text('secret')
    nodes = tmp_path / 'nodes.yaml'
    nodes.write_text(NODES)
    settings = {
        'virtualbox': {'VBOX_MANAGE': str(vboxmanage.path)},
        'esx': {'ESX_HOST': 'esx1.example.org',
                'ESX_PASSWORD_FILE': str(password)},
        'baremetal': {'BAREMETAL_NODES_FILE': str(nodes)},
    }

    def make(hypervisor, **changes):
        return devstack.DevStack(tmp_path, NOVA_HYPERVISOR=hypervisor,
                                 **{**settings.get(hypervisor, {}), **changes})
    return make


@pytest.mark.parametrize(('hypervisor', 'driver', 'extra'), [
    ('virtualbox', 'VirtualBoxDriver', ''),
    ('esx', 'VMwareESXDriver', '[vmware]'),
    ('baremetal', 'BareMetalDriver', '[baremetal]')])
def test_nova_has_the_driver_and_no_option_that_nobody_reads(
        make, hypervisor, driver, extra):
    stack = make(hypervisor)
    stack.configure()
    written = devstack.read(stack.nova_conf)
    assert (written['DEFAULT']['compute_driver']
            == f'nova_hypervisors.{driver}')
    assert written['DEFAULT']['my_ip'] == '192.0.2.10'
    assert devstack.complaints(
        stack.nova_conf, 'nova.conf', 'oslo.messaging', 'oslo.log',
        'nova_hypervisors') == ''
    assert stack.shim.resolve() == (
        layout.CHECKOUT / 'nova/virt/nova_hypervisors')
    assert stack.calls('pip_install') == [f'{layout.CHECKOUT}{extra}']


@pytest.mark.parametrize(('hypervisor', 'mechanism'), [
    ('virtualbox', 'vbox'), ('esx', 'esx')])
def test_neutron_binds_ports_on_this_host(make, hypervisor, mechanism):
    stack = make(hypervisor, PHYSICAL_NETWORK='physnet1')
    stack.configure()
    written = devstack.read(stack.ml2_conf)
    assert written['ml2']['mechanism_drivers'] == f'{mechanism},openvswitch'
    assert written[f'ml2_{mechanism}'] == {
        'physical_networks': f'{HOST}:physnet1'}
    assert devstack.complaints(stack.ml2_conf, 'neutron.ml2',
                               'nova_hypervisors.neutron') == ''


def test_a_second_time_changes_nothing(make):
    stack = make('virtualbox')
    stack.configure()
    before = stack.nova_conf.read_text(), stack.ml2_conf.read_text()
    stack.configure()
    assert (stack.nova_conf.read_text(), stack.ml2_conf.read_text()) == before


def test_all_hosts_and_networks_that_are_named(make):
    stack = make('virtualbox', NOVA_HYPERVISORS_HOSTS='one,two',
                 NOVA_HYPERVISORS_NETWORKS='a,b')
    stack.configure()
    assert devstack.read(stack.ml2_conf)['ml2_vbox'] == {
        'physical_networks': 'one:a,one:b,two:a,two:b'}


def test_virtualbox_on_this_host(make, vboxmanage):
    stack = make('virtualbox', VBOX_NETWORK_MAPPINGS='physnet1:bridged:eth1')
    output = stack.stack()
    assert devstack.read(stack.nova_conf)['virtualbox'] == {
        'backend': 'vboxmanage', 'vboxmanage_cmd': str(vboxmanage.path),
        'home': str(stack.data / 'nova-hypervisors/virtualbox-home'),
        'physical_network_mappings': 'physnet1:bridged:eth1',
        'remote_display': 'True', 'vrde_module': 'VNC',
        'vrde_port': '15900-15999', 'vrde_unique_port': 'True'}
    # What "nova-hypervisors check" says at the end.
    assert 'VirtualBox 7.2.22' in output


def test_virtualbox_around_the_machine_in_which_devstack_runs(make, tmp_path):
    stack = make('virtualbox', VBOX_BACKEND='webservice',
                 VBOX_WEBSERVICE_URL='https://192.0.2.20:18083/',
                 VBOX_WEBSERVICE_USER='nova',
                 VBOX_WEBSERVICE_PASSWORD_FILE=str(tmp_path / 'password'),
                 VBOX_WEBSERVICE_INSTANCES_PATH='D:\\OpenStack')
    # Nothing answers there, which ends no stack.sh.
    assert 'nova-compute does not work yet' in stack.stack()
    written = devstack.read(stack.nova_conf)['virtualbox']
    assert written['webservice_url'] == 'https://192.0.2.20:18083/'
    assert written['webservice_instances_path'] == 'D:\\OpenStack'
    assert 'webservice_ca_file' not in written
    assert 'home' not in written


def test_nodes_are_there_before_nova_compute(make):
    stack = make('baremetal')
    stack.configure()
    again = stack.run('stack post-config')
    assert again.returncode == 0, again.stderr
    listed = subprocess.run(
        [stack.nova_conf.parent / 'bin/nova-hypervisors', 'node', 'list',
         '--config-file', stack.nova_conf, '-f', 'value', '-c', 'Name'],
        capture_output=True, text=True, timeout=60, check=True)
    assert listed.stdout == 'rack1-1\n'


def test_a_flavor_takes_a_node_whole(make):
    stack = make('baremetal',
                 BAREMETAL_FLAVORS='metal.small:baremetal.small:65536:16:480')
    assert stack.run('stack extra').returncode == 0
    flavor, = stack.calls('openstack')
    assert 'create metal.small --ram 65536 --vcpus 16 --disk 480 ' in flavor
    assert '--property resources:CUSTOM_BAREMETAL_SMALL=1 ' in flavor
    assert '--property resources:VCPU=0 ' in flavor


def test_what_local_conf_names_is_installed_instead(make):
    stack = make('virtualbox',
                 NOVA_HYPERVISORS_REQUIREMENT='nova-hypervisors==1.0.0')
    stack.configure()
    assert stack.calls('pip_install') == ['nova-hypervisors==1.0.0']


def test_a_controller_without_nova_compute_needs_no_hypervisor(make):
    stack = make('virtualbox', ENABLED_SERVICES='n-api,neutron-api',
                 VBOX_MANAGE='/nowhere')
    before = stack.nova_conf.read_text()
    stack.configure()
    assert stack.nova_conf.read_text() == before
    assert not stack.shim.exists()
    assert (devstack.read(stack.ml2_conf)['ml2']['mechanism_drivers']
            == 'vbox,openvswitch')


def test_other_services_alone_are_left_as_they_are(make):
    stack = make('virtualbox', ENABLED_SERVICES='horizon')
    stack.configure()
    assert stack.calls('pip_install') == []


@pytest.mark.parametrize(('hypervisor', 'changes', 'message'), [
    ('kvm', {}, "NOVA_HYPERVISOR is 'kvm': set it to virtualbox, esx"),
    ('virtualbox', {'VBOX_MANAGE': '/nowhere'},
     "VBOX_MANAGE is '/nowhere', and there is no such program"),
    ('virtualbox', {'VBOX_BACKEND': 'webservice',
                    'VBOX_WEBSERVICE_PASSWORD_FILE': '/nowhere'},
     "VBOX_WEBSERVICE_PASSWORD_FILE is '/nowhere', which stack cannot read"),
    ('esx', {'ESX_HOST': ''}, 'ESX_HOST is not set: set it to the name'),
    ('esx', {'ESX_PASSWORD_FILE': ''}, 'ESX_PASSWORD_FILE is not set'),
    ('esx', {'ESX_CA_FILE': '/nowhere'}, "ESX_CA_FILE is '/nowhere', which"),
    ('baremetal', {'BAREMETAL_NODES_FILE': ''},
     'BAREMETAL_NODES_FILE is not set: set it to the path of a file'),
])
def test_what_is_wrong_is_said_before_anything_is_installed(
        make, hypervisor, changes, message):
    stack = make(hypervisor, **changes)
    done = stack.run('stack pre-install', 'stack install')
    assert done.returncode == 1
    assert message in done.stderr
    assert stack.calls('pip_install') == []


def test_a_flavor_that_cannot_be_read_is_named(make):
    stack = make('baremetal', BAREMETAL_FLAVORS='metal:small')
    done = stack.run('stack extra')
    assert done.returncode == 1
    assert "BAREMETAL_FLAVORS has 'metal:small': write NAME:" in done.stderr
    assert stack.calls('openstack') == []


@pytest.mark.parametrize('hypervisor', ['virtualbox', 'esx', 'baremetal'])
def test_the_samples_name_what_is_read(make, hypervisor):
    """All that is not DevStack's own is set by the plugin's settings too."""
    folder = layout.CHECKOUT / 'devstack'
    sample = (folder / f'local.conf.{hypervisor}').read_text()
    settings = (folder / 'settings').read_text()
    named = re.findall(r'^((?:NOVA_HYP|VBOX|ESX|BAREMETAL)\w*)=', sample,
                       re.MULTILINE)
    assert f'NOVA_HYPERVISOR={hypervisor}\n' in sample
    assert [name for name in named
            if f'\n{name}=${{{name}:-' not in settings] == []


def test_unstacked_and_cleaned_there_is_nothing_left(make):
    stack = make('esx')
    stack.configure()
    assert stack.run('unstack').returncode == 0
    assert not stack.shim.is_symlink()
    assert stack.calls('stop_process') == ['n-cpu']
    (stack.data / 'nova-hypervisors').mkdir(parents=True)
    assert stack.run('clean').returncode == 0
    assert stack.calls('pip_uninstall') == ['nova-hypervisors']
    assert list(stack.data.iterdir()) == []


@pytest.mark.parametrize('path', [
    *(layout.CHECKOUT / 'devstack' / name
      for name in ('override-defaults', 'plugin.sh', 'settings')),
    *(layout.CHECKOUT / 'tools').rglob('*.sh'),
    *(layout.CHECKOUT / 'nova_hypervisors').rglob('*.bash'),
], ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(path):
    done = subprocess.run(
        [Path(sys.executable).with_name('shellcheck'), path],
        capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, '')
