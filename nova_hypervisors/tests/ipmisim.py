# SPDX-License-Identifier: Apache-2.0
"""OpenIPMI's simulator of a BMC, with a machine in a file behind it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from nova_hypervisors.clients.bmc import api

# Its own words, of which "default" is the disk.
_DEVICES = {'pxe': api.BootDevice.PXE, 'default': api.BootDevice.DISK,
            'cdrom': api.BootDevice.CDROM}

_LAN = """\
name "machine"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{folder}/chassis 0x20"
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "admin" "secret" admin 10 none md2 md5 straight
"""

_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""

# Called by the simulator: <address> get NAME ..., <address> set NAME VALUE ...
_CHASSIS = """\
#!/bin/sh
cd {folder}/state
shift
operation=$1
shift
while [ $# -gt 0 ]; do
  case $operation in
    get)
      [ $1 = boot ] && none=none || none=0
      echo "$1:$(cat $1 2>/dev/null || echo $none)"
      shift ;;
    set)
      case $1 in
        power|boot) echo $2 > $1 ;;
        reset|shutdown) echo $2 >> $1 ;;
      esac
      [ $1 = shutdown ] && echo 0 > power
      shift 2 ;;
  esac
done
exit 0
"""


class Simulator:
    def __init__(self, folder: Path) -> None:
        program = shutil.which('ipmi_sim')
        if program is None:
            pytest.fail('There is no ipmi_sim: install openipmi',
                        pytrace=False)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.state = folder / 'state'
        self.state.mkdir()
        (folder / 'lan.conf').write_text(_LAN.format(port=self.port,
                                                     folder=folder))
        (folder / 'machine.emu').write_text(_EMULATION)
        chassis = folder / 'chassis'
        chassis.write_text(_CHASSIS.format(folder=folder))
        chassis.chmod(0o700)
        self._log = (folder / 'log').open('wb')
        self._process = subprocess.Popen(
            [program, '-n', '-c', str(folder / 'lan.conf'), '-f',
             str(folder / 'machine.emu'), '-s', str(folder / 'state')],
            stdin=subprocess.DEVNULL, stdout=self._log,
            stderr=subprocess.STDOUT)
        time.sleep(0.2)
        assert self._process.poll() is None, (folder / 'log').read_text()

    def boot_device(self) -> api.BootDevice | None:
        return _DEVICES.get((self.state / 'boot').read_text().strip())

    def reset(self) -> None:
        """Turn the machine off, and forget what it boots from."""
        for file in self.state.iterdir():
            if file.is_file():
                file.unlink()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
