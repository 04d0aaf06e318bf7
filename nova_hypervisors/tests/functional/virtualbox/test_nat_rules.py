# SPDX-License-Identifier: Apache-2.0
"""The script that leads DevStack's ports out of its machine."""

import re
import subprocess

import pytest

from lab import layout
from lab import virtualbox

SCRIPT = layout.CHECKOUT / 'tools/virtualbox/nat_rules.sh'

PORTS = {'message-broker': 5672, 'iscsi-target': 3260, 'block-storage': 8776,
         'networking': 9696, 'identity': 5000, 'image': 9292,
         'image-registry': 9191, 'http': 80, 'http-alternate': 8080,
         'https': 443}


@pytest.fixture
def machine(real_virtualbox, folder):
    """A machine with two adapters behind NAT, by its name."""
    real_virtualbox.manage('createvm', '--name=DevStack box', '--register',
                           f'--basefolder={folder}')
    real_virtualbox.manage('modifyvm', 'DevStack box', '--nic1=nat',
                           '--nic2=nat', '--nic3=null')
    yield 'DevStack box'
    real_virtualbox.clear()


@pytest.fixture
def script(real_virtualbox, machine):
    def script(*words):
        return subprocess.run(
            [SCRIPT, *words], capture_output=True, text=True, timeout=120,
            check=False, env={
                **virtualbox.environment(real_virtualbox.home),
                'VBOX_MANAGE': str(real_virtualbox.lab.vboxmanage)})
    return script


@pytest.fixture
def rules(real_virtualbox, machine):
    """Return the rules of all adapters, as VBoxManage shows them."""
    def rules():
        info = real_virtualbox.manage('showvminfo', machine,
                                      '--machinereadable')
        return set(re.findall(r'^Forwarding\(\d+\)="(.*)"$', info,
                              re.MULTILINE))
    return rules


def all_rules(offset=0):
    return {f'nova-{name},tcp,127.0.0.1,{port + offset},10.0.2.15,{port}'
            for name, port in PORTS.items()}


def test_ten_ports_are_led_to_this_host_and_no_more(
        script, machine, rules, real_virtualbox):
    real_virtualbox.manage('modifyvm', machine, '--natpf1=ssh,tcp,,2222,,22')
    assert script('add', machine).returncode == 0
    assert rules() == {'ssh,tcp,,2222,,22', *all_rules()}
    again = script('add', machine)
    assert again.stdout.count('is there already') == 10
    shown = script('show', machine)
    assert set(shown.stdout.splitlines()) == all_rules()
    for _ in range(2):
        done = script('remove', machine)
        assert (done.returncode, done.stderr) == (0, '')
        assert rules() == {'ssh,tcp,,2222,,22'}


def test_led_elsewhere_a_port_is_moved(script, machine, rules):
    script('--only', '9292,443', 'add', machine)
    done = script('--only', '9292,443', '--offset', '10000', 'add', machine)
    assert done.returncode == 0
    assert rules() == {'nova-image,tcp,127.0.0.1,19292,10.0.2.15,9292',
                       'nova-https,tcp,127.0.0.1,10443,10.0.2.15,443'}


def test_the_other_adapter_and_other_addresses(script, machine, rules):
    done = script('--adapter', '2', '--host-ip', '192.0.2.1', '--guest-ip',
                  '10.0.3.15', '--identity-port', '35357', '--only', '35357',
                  'add', machine)
    assert (done.returncode, done.stderr) == (0, '')
    assert rules() == {
        'nova-identity,tcp,192.0.2.1,35357,10.0.3.15,35357'}
    assert script('show', machine).stdout == ''
    assert script('--adapter', '2', 'remove', machine).returncode == 0
    assert rules() == set()


def test_a_machine_that_runs_is_changed_too(script, machine, rules,
                                            real_virtualbox):
    real_virtualbox.manage('modifyvm', machine, '--nic2=none', '--nic3=none')
    real_virtualbox.manage('startvm', machine, '--type=headless')
    try:
        done = script('--offset', '20000', 'add', machine)
        assert (done.returncode, done.stderr) == (0, '')
        assert rules() == all_rules(20000)
        script('remove', machine)
        assert rules() == set()
    finally:
        real_virtualbox.manage('controlvm', machine, 'poweroff')


@pytest.mark.parametrize(('words', 'message'), [
    (['start', 'DevStack box'],
     "the action is 'start': choose add, remove or show"),
    (['add', 'Devstack'], "has no machine 'Devstack': choose from DevStack"),
    (['--adapter', '3', 'add', 'DevStack box'],
     '''the adapter 3 of 'DevStack box' is attached to "null"'''),
    (['--adapter', '9', 'add', 'DevStack box'],
     "--adapter is '9': give a number from 1 to 8"),
    (['--guest-ip', '10.0.2.256', 'add', 'DevStack box'],
     "--guest-ip is '10.0.2.256': give an IPv4 address"),
    (['--host-ip', 'localhost', 'add', 'DevStack box'],
     "--host-ip is 'localhost': give an IPv4 address"),
    (['--offset', '60000', 'add', 'DevStack box'],
     "--offset is '60000': port 5672 would be more than 65535"),
    (['--only', '22', 'add', 'DevStack box'],
     "--only has '22': choose from 5672,"),
    (['--only'], '--only needs a value'),
    (['--all', 'add', 'DevStack box'], "there is no option '--all'"),
    (['add'], 'usage: nat_rules.sh'),
])
def test_what_is_wrong_is_said_and_nothing_is_done(script, rules, words,
                                                   message):
    done = script(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert rules() == set()
