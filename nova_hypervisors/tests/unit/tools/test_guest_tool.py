# SPDX-License-Identifier: Apache-2.0
"""What the guest tool would run; on Windows that is all there is to see.

That Linux takes its commands is seen in functional/vmwareapi.
"""

import ast
import subprocess

import pytest

from nova_hypervisors.tests.unit.tools import conftest

MAC = 'fa:16:3e:00:00:01'
TEXT = (f'{MAC};10.0.0.5;255.255.255.0;10.0.0.1;10.0.0.255;10.0.0.2,fd00::2#'
        f'{MAC};10.0.0.6;255.255.255.0;;;10.0.0.3#'
        f'{MAC};fd00::5;64;fd00::1;;#')
FIRST = ('address=10.0.0.5 mask=255.255.255.0 gateway=10.0.0.1 '
         'gwmetric=100')
V4 = 'address=10.0.0.2'
V6 = 'address=fd00::2'


@pytest.fixture
def shown(guest_tool, capsys):
    """Return the commands for an adapter of a system, a line each."""
    def shown(system, text=TEXT):
        system.names = lambda: {MAC: 'Local Area 1'}
        guest_tool.apply(system, text, show=True)
        return capsys.readouterr().out.splitlines()
    return shown


class TestWindows:
    def test_the_commands(self, guest_tool, shown, caplog):
        ipv4 = 'netsh interface ipv4'
        ipv6 = 'netsh interface ipv6'
        name = "'name=Local Area 1'"
        dns = 'validate=no'
        assert shown(guest_tool.Windows()) == [
            f'{ipv4} set address {name} source=static {FIRST}',
            f'{ipv4} add address {name} address=10.0.0.6 mask=255.255.255.0',
            f'{ipv4} set dnsservers {name} source=static {V4} {dns}',
            f'{ipv6} set dnsservers {name} source=static {V6} {dns}',
            f'{ipv4} add dnsservers {name} address=10.0.0.3 index=2 {dns}']
        assert 'fd00::5/64 is not set' in caplog.text

    def test_adapters_are_found_by_getmac(self, guest_tool, monkeypatch):
        # As Microsoft's documentation of getmac shows it; the third has no
        # cable.
        output = ('"Ethernet0","Intel(R) 82574L","FA-16-3E-00-00-01",'
                  '"\\Device\\Tcpip_{1}"\r\n'
                  '"Verbindung, neu","vmxnet3","FA-16-3E-00-00-02",'
                  '"\\Device\\Tcpip_{2}"\r\n'
                  '"Ethernet2","vmxnet3","N/A","Hardware not present"\r\n')
        monkeypatch.setattr(guest_tool, 'run', lambda *words, encoding: output)
        assert guest_tool.Windows().names() == {
            MAC: 'Ethernet0', 'fa:16:3e:00:00:02': 'Verbindung, neu'}

    def test_the_start_up_script_is_one_for_windows(self):
        text = (conftest.FOLDER / 'guest_tool.cmd').read_bytes()
        assert text.count(b'\r\n') == text.count(b'\n')
        assert b'"%~dp0guest_tool.py"' in text
        assert b'/ru SYSTEM' in text
        assert b'/sc onstart' in text


class TestProgram:
    @pytest.mark.parametrize('name', ['guest_tool.py', 'machine_id.py'])
    def test_python_38_understands_it(self, name):
        ast.parse((conftest.FOLDER / name).read_text(),
                  feature_version=(3, 8))

    def test_without_vmware_tools_that_is_said(self, guest_tool, monkeypatch,
                                               caplog):
        monkeypatch.setenv('PATH', '/nowhere')
        assert guest_tool.main(['--once']) == 1
        assert 'VMware Tools are not installed' in caplog.text

    @pytest.mark.parametrize('command', [
        ['echo', 'No machine id'], ['echo'],
        ['sh', '-c', 'echo No machine id >&2; exit 1']])
    def test_nothing_yet_is_no_fault(self, guest_tool, command):
        assert guest_tool.read(guest_tool.Linux(), command) is None

    def test_a_command_that_fails_is_told(self, guest_tool):
        with pytest.raises(guest_tool.GuestToolError) as error:
            guest_tool.read(guest_tool.Linux(),
                            ['sh', '-c', 'echo no; exit 3'])
        assert "'echo no; exit 3' failed with 3: no" in str(error.value)

    def test_one_that_hangs_is_ended(self, guest_tool, monkeypatch):
        monkeypatch.setattr(guest_tool, '_COMMAND_S', 0.1)
        with pytest.raises(guest_tool.GuestToolError) as error:
            guest_tool.read(guest_tool.Linux(), ['sleep', '60'])
        assert 'timed out' in str(error.value)
        assert isinstance(error.value.__cause__, subprocess.TimeoutExpired)
