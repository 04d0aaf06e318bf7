# SPDX-License-Identifier: Apache-2.0
"""The machine of QEMU behind controllers that speak what real ones speak."""

from nova_hypervisors.baremetal.management import ilo4 as ilo4_management
from nova_hypervisors.baremetal.management import redfish as rf_management
from nova_hypervisors.baremetal.power import ilo4 as ilo4_power
from nova_hypervisors.baremetal.power import redfish as redfish_power
from nova_hypervisors.redfish import systems
from nova_hypervisors.tests import redfishfront
from nova_hypervisors.tests.fakes.ribcl import commands
from nova_hypervisors.tests.fakes.ribcl import machine as ribcl_machine
from nova_hypervisors.tests.fakes.ribcl import server as fakeilo

_DEVICES = {'HDD': 'disk', 'CDROM': 'cdrom', 'NETWORK': 'pxe',
            'NETWORK1': 'pxe'}


class IloMachine(ribcl_machine.Machine):
    """What the iLO's stand-in switches; its drives are read when it boots."""

    def __init__(self, machine):
        super().__init__()
        self._machine = machine

    @property
    def power(self):
        return 'ON' if self._machine.qemu.on else 'OFF'

    def switch(self, power):
        qemu = self._machine.qemu
        qemu.power_off()
        if power == 'ON':
            self._start()

    def _start(self):
        qemu = self._machine.qemu
        for name, drive in self.drives.items():
            kind = name.lower()
            if drive.url and drive.connected:
                qemu.insert(kind, drive.url)
            elif qemu.urls[kind]:
                qemu.eject(kind)
        super()._start()
        device, _ = self.boots[-1]
        qemu.boot_once = _DEVICES[device]
        qemu.power_on()


class Ilo4:
    """An iLO 4, over HTTPS."""

    power = ilo4_power.Ilo4PowerInterface
    management = ilo4_management.Ilo4ManagementInterface

    def __init__(self, machine, authority, password_file):
        self._ilo = fakeilo.Ilo4(authority.server(), 'admin', 'se cret')
        self.machine = IloMachine(machine)
        self._ilo.machine = self.machine
        self._ilo._commands = commands.Commands(self.machine)
        self.driver_info = {
            'ilo_address': '127.0.0.1', 'client_port': self._ilo.port,
            'ilo_username': 'admin', 'ilo_password': f'file:{password_file}',
            'ilo_verify_ca': str(authority.path)}

    def inserted(self):
        return [drive.name for drive in self.machine.drives.values()
                if drive.url]

    def close(self):
        self._ilo.close()


class Redfish:
    """A Redfish service, over HTTPS: our own, asked by sushy."""

    power = redfish_power.RedfishPowerInterface
    management = rf_management.RedfishManagementInterface

    def __init__(self, machine, authority, password_file):
        self._front = redfishfront.Front(authority.server())
        self._machine = machine
        self._front.machines['machine'] = systems.System(
            'machine', lambda: machine)
        self.driver_info = {
            'redfish_address': self._front.url, 'redfish_username': 'admin',
            'redfish_password': f'file:{password_file}',
            'redfish_verify_ca': str(authority.path)}

    def inserted(self):
        return [kind for kind, url in self._machine.qemu.urls.items() if url]

    def close(self):
        self._front.close()
