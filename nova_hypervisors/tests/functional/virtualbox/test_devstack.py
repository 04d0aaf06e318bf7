# SPDX-License-Identifier: Apache-2.0
"""What unstack.sh leaves of a cloud in VirtualBox."""

from nova_hypervisors.tests import devstack


def test_unstacked_no_machine_of_nova_is_left(real_virtualbox, folder):
    manage = real_virtualbox.manage
    for name in ('on', 'off'):
        manage('createvm', f'--name={name}', '--register',
               f'--basefolder={folder}')
    manage('startvm', 'on', '--type=headless')
    manage('setextradata', 'global', 'nova_hypervisors/machine', 'server')
    stack = devstack.DevStack(
        folder, NOVA_HYPERVISOR='virtualbox',
        VBOX_MANAGE=str(real_virtualbox.lab.vboxmanage),
        VBOX_HOME=str(real_virtualbox.home))
    done = stack.run('unstack')
    assert done.returncode == 0, done.stderr
    client = real_virtualbox.client
    assert client.list_machines() == []
    assert client.get_extradata('nova_hypervisors/') == {}
    assert not (folder / 'on').exists()
    # What it had before.
    assert 'Value: 1' in manage('getextradata', 'global', 'enumerate')
