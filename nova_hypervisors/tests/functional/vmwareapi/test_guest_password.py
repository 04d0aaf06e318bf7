# SPDX-License-Identifier: Apache-2.0
"""The password of a server, by an account in its guest."""

import shlex
import subprocess

import pytest
from nova import exception

from nova_hypervisors.tests import builders
from nova_hypervisors.vmwareapi import options

NEW = "a $(touch x) 'b' \"c\" %s ü <d>&"


@pytest.fixture
def account(config, tmp_path, host):
    path = tmp_path / 'guest-password'
    path.write_text('let me in\n')
    config.config(group='vmware', guest_user='setter',
                  guest_password_file=str(path))
    host.guest_accounts['setter'] = 'let me in'


@pytest.fixture
def server(account, spawn, host, details, image):
    def server(**properties):
        instance = spawn(builders.instance(image, **properties))
        host.run_tools(details(instance).machine.ref)
        return instance
    return server


@pytest.mark.feature('operation.set-admin-password')
def test_the_guest_of_a_linux_sets_it(account, driver, server, host, tmp_path):
    driver.set_admin_password(server(), NEW)
    program, = host.guest_programs
    assert 'touch' not in program.programPath + program.arguments
    # What chpasswd of the guest would read, when its shell has started it.
    chpasswd = tmp_path / 'chpasswd'
    chpasswd.write_text('#!/bin/sh\ncat\n')
    chpasswd.chmod(0o755)
    environment = dict(one.split('=', 1) for one in program.envVariables)
    environment['PATH'] = f'{tmp_path}:{environment["PATH"]}'
    done = subprocess.run(
        ['/bin/sh', '-c', f'{program.programPath} {program.arguments}'],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True)
    assert done.stdout == f'root:{NEW}\n'
    assert not (tmp_path / 'x').exists()


def test_windows_has_another_program(account, driver, server, host):
    driver.set_admin_password(server(os_type='windows'), NEW)
    program, = host.guest_programs
    assert program.programPath.endswith('powershell.exe')
    assert shlex.split(program.arguments)[-1].startswith(
        'net user Administrator $env:NOVA_PASSWORD')
    assert f'NOVA_PASSWORD={NEW}' in program.envVariables
    assert 'SystemRoot=C:\\Windows' in program.envVariables


def test_a_session_that_has_ended_does_not_change_it(account, driver, server,
                                                     host):
    instance = server()
    host.before_next('StartProgramInGuest', host.expire_sessions)
    driver.set_admin_password(instance, NEW)
    program, = host.guest_programs
    assert f'NOVA_PASSWORD={NEW}' in program.envVariables


def test_what_the_guest_refuses_is_told(account, driver, server, host, caplog):
    instance = server()
    host.guest_status = 1
    with pytest.raises(exception.NovaException, match='the status 1'):
        driver.set_admin_password(instance, NEW)
    host.guest_accounts.clear()
    with pytest.raises(exception.NovaException, match='InvalidGuestLogin'):
        driver.set_admin_password(instance, NEW)
    for secret in ('touch x', 'let me in'):
        assert secret not in caplog.text


def test_without_the_tools_it_is_refused(account, driver, spawn):
    with pytest.raises(exception.InstanceAgentNotEnabled):
        driver.set_admin_password(spawn(), NEW)


def test_without_an_account_it_is_refused(driver, spawn):
    with pytest.raises(exception.SetAdminPasswdNotSupported):
        driver.set_admin_password(spawn(), NEW)


def test_the_options_are_looked_at(config):
    config.config(group='vmware', guest_user='somebody')
    assert '[vmware] guest_user' in [
        finding.option for finding in options.findings(config.conf)]
