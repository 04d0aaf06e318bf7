# SPDX-License-Identifier: Apache-2.0
import subprocess

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.common import locks
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import guestops
from nova_hypervisors.virtualbox import machines

ACCOUNT = guestops.Account('nova', lambda: 'let me in')
ODD = "a $(touch x) 'b' \"c\" %s ü"


@pytest.fixture
def set_password(vbox, machine):
    def set_password(account=ACCOUNT, **changes):
        uuid = machine(api.MachineState.RUNNING)
        guestops.GuestOps(vbox, machines.Machines(vbox),
                          locks.InstanceLocks(), account).set_admin_password(
            builders.instance(uuid=uuid, **changes), ODD)
        return vbox.machines[uuid].programs
    return set_password


class TestPasswords:
    def test_the_additions_are_asked_for_a_program(self, set_password, vbox):
        vbox.has_additions = True
        program, = set_password()
        assert (program.user, program.password) == ('nova', 'let me in')
        assert ODD not in ''.join(program.words)

    def test_the_shell_of_a_linux_takes_nothing_apart(
            self, set_password, vbox, tmp_path):
        vbox.has_additions = True
        program, = set_password()
        # What chpasswd would read.
        chpasswd = tmp_path / 'chpasswd'
        chpasswd.write_text('#!/bin/sh\ncat\n')
        chpasswd.chmod(0o755)
        done = subprocess.run(
            program.words, cwd=tmp_path, capture_output=True, text=True,
            check=True, env={'PATH': f'{tmp_path}:/bin:/usr/bin',
                             **program.environment})
        assert done.stdout == f'root:{ODD}\n'
        assert not (tmp_path / 'x').exists()

    def test_windows_has_another_program(self, set_password, vbox):
        vbox.has_additions = True
        program, = set_password(os_type='windows')
        assert program.words[0].endswith('powershell.exe')

    def test_without_the_additions_it_is_refused(self, set_password):
        with pytest.raises(exception.InstanceAgentNotEnabled,
                           match='Guest Additions'):
            set_password()

    def test_without_an_account_it_is_refused(self, set_password, caplog):
        with pytest.raises(exception.SetAdminPasswdNotSupported):
            set_password(None)
        assert 'guest_password_file' in caplog.text


def test_vboxmanage_is_told_the_program_s_name_twice():
    words = commands.run_in_guest('a uuid', guests.GuestProgram(
        ('/bin/sh', '-c', 'true'), 'nova', 'pw', {'A': 'b'}), 60)
    assert words == (
        'guestcontrol', 'a uuid', 'run', '--username', 'nova', '--password',
        'pw', '--timeout', '60000', '--putenv', 'A=b', '--exe', '/bin/sh',
        '--', '/bin/sh', '-c', 'true')
