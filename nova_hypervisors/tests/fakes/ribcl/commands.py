# SPDX-License-Identifier: Apache-2.0
"""What RIBCL's commands do, and what they answer.

Source: HPE iLO 4 Scripting and Command Line Guide, chapter 9.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from nova_hypervisors.tests.fakes.ribcl import machine as machines

Answer = tuple[int, str, str]

OK = (0, 'No error', '')

_BOOT_MODES = ('GET_CURRENT_BOOT_MODE', 'GET_PENDING_BOOT_MODE',
               'GET_SUPPORTED_BOOT_MODE', 'SET_PENDING_BOOT_MODE')

_NAMES = {'CDROM': 'iLO Virtual USB 2 : HP iLO Virtual USB CD/DVD ROM',
          'HDD': 'Embedded RAID 1 : Smart Array P440ar Controller',
          'NETWORK1': 'Embedded LOM 1 Port 1 : HP Ethernet - NIC (PXE IPv4)'}


def value(name: str, text: str) -> str:
    return f'<{name} VALUE={quoteattr(text)}/>'


def attribute(element: ElementTree.Element, name: str) -> str:
    """Return an attribute, in whichever case it is written."""
    return element.get(name) or element.get(name.lower()) or ''


class Commands:
    def __init__(self, machine: machines.Machine) -> None:
        self._machine = machine

    def run(self, element: ElementTree.Element) -> Answer:
        """Return an answer's status, its message, and what comes with it."""
        name = element.tag
        if name in _BOOT_MODES and self._machine.model == machines.GEN8:
            return 0x3c, f'Feature not supported - {name}', ''
        command: Callable[[ElementTree.Element], Answer] | None = getattr(
            self, f'_{name.lower()}', None)
        return command(element) if command else self._unknown(name)

    def _unknown(self, name: str) -> Answer:
        # A GUESS: the number.
        return 1, (f'Syntax error: Line #0: syntax error near "{name}" in '
                   f'the line: " <{name}/>"'), ''

    # About the machine

    def _get_product_name(self, _: ElementTree.Element) -> Answer:
        return 0, 'No error', (
            '<GET_PRODUCT_NAME>'
            f'{value("PRODUCT_NAME", self._machine.model)}'
            '</GET_PRODUCT_NAME>')

    def _get_all_licenses(self, _: ElementTree.Element) -> Answer:
        licence = self._machine.licence
        if not licence:
            return 0, 'No error', '<GET_ALL_LICENSES></GET_ALL_LICENSES>'
        return 0, 'No error', (
            f'<GET_ALL_LICENSES><LICENSE>{value("LICENSE_TYPE", licence)}'
            f'{value("LICENSE_KEY", "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX")}'
            f'{value("LICENSE_INSTALL_DATE", "Mon Dec  2 15:25:28 2013")}'
            f'{value("LICENSE_CLASS", "FQL")}</LICENSE></GET_ALL_LICENSES>')

    def _get_embedded_health(self, _: ElementTree.Element) -> Answer:
        return 0, 'No error', (
            '<GET_EMBEDDED_HEALTH_DATA>'
            '<FANS><FAN><ZONE VALUE="System"/><LABEL VALUE="Fan 1"/>'
            '<STATUS VALUE="OK"/><SPEED VALUE="31" UNIT="Percentage"/></FAN>'
            '</FANS><TEMPERATURE><TEMP><LABEL VALUE="01-Inlet Ambient"/>'
            '<LOCATION VALUE="Ambient"/><STATUS VALUE="OK"/>'
            '<CURRENTREADING VALUE="16" UNIT="Celsius"/></TEMP>'
            '<TEMP><LABEL VALUE="02-CPU 1"/><STATUS VALUE="Not Installed"/>'
            '<CURRENTREADING VALUE="N/A"/></TEMP></TEMPERATURE>'
            '<POWER_SUPPLIES><SUPPLY><LABEL VALUE="Power Supply 1"/>'
            '<STATUS VALUE="OK"/></SUPPLY></POWER_SUPPLIES>'
            '</GET_EMBEDDED_HEALTH_DATA>')

    # Power

    def _get_host_power_status(self, _: ElementTree.Element) -> Answer:
        return 0, 'No error', (
            f'<GET_HOST_POWER HOST_POWER="{self._machine.power}"/>')

    def _set_host_power(self, element: ElementTree.Element) -> Answer:
        wanted = ('ON' if attribute(element, 'HOST_POWER').upper() == 'YES'
                  else 'OFF')
        if self._machine.power == wanted:
            return 0, f'Host power is already {wanted}.', ''
        self._machine.switch(wanted)
        return OK

    def _press_pwr_btn(self, _: ElementTree.Element) -> Answer:
        if self._machine.power == 'OFF':
            self._machine.switch('ON')
        elif not self._machine.ignores_button:
            self._machine.switch('OFF')
        return OK

    def _hold_pwr_btn(self, _: ElementTree.Element) -> Answer:
        if self._machine.power == 'OFF':
            return 0, 'Host power is already OFF.', ''
        self._machine.switch('OFF')
        return OK

    def _reset_server(self, _: ElementTree.Element) -> Answer:
        if self._machine.power == 'OFF':
            # A GUESS: the number.
            return 0x5b, 'Server power is off.', ''
        self._machine.reset()
        return 0, 'Server being reset.', ''

    # Boot

    def _get_one_time_boot(self, _: ElementTree.Element) -> Answer:
        return 0, 'No error', (f'<ONE_TIME_BOOT>'
                               f'{value("BOOT_TYPE", self._machine.once)}'
                               '</ONE_TIME_BOOT>')

    def _set_one_time_boot(self, element: ElementTree.Element) -> Answer:
        self._machine.once = attribute(element, 'VALUE').upper()
        return OK

    def _get_persistent_boot(self, _: ElementTree.Element) -> Answer:
        described = self._machine.mode == 'UEFI'
        devices = ''.join(
            f'<DEVICE value={quoteattr(name)}'
            + (f' DESCRIPTION={quoteattr(_NAMES.get(name, name))}'
               if described else '') + '/>'
            for name in self._machine.order)
        return 0, 'No error', f'<PERSISTENT_BOOT>{devices}</PERSISTENT_BOOT>'

    def _set_persistent_boot(self, element: ElementTree.Element) -> Answer:
        self._machine.first([attribute(child, 'VALUE').upper()
                             for child in element])
        return OK

    def _get_pending_boot_mode(self, element: ElementTree.Element) -> Answer:
        return 0, 'No error', (f'<{element.tag}>'
                               f'{value("BOOT_MODE", self._machine.next_mode)}'
                               f'</{element.tag}>')

    def _set_pending_boot_mode(self, element: ElementTree.Element) -> Answer:
        self._machine.next_mode = attribute(element, 'VALUE').upper()
        return OK

    # Media

    def _get_vm_status(self, element: ElementTree.Element) -> Answer:
        drive = self._machine.drives.get(attribute(element, 'DEVICE'))
        if drive is None:
            return 0x35, 'An invalid Virtual Media option has been given', ''
        shown = {
            'VM_APPLET': 'CONNECTED' if drive.connected else 'DISCONNECTED',
            'DEVICE': drive.name, 'BOOT_OPTION': drive.boots,
            'WRITE_PROTECT': 'YES' if drive.protected else 'NO',
            'IMAGE_INSERTED': 'YES' if drive.url else 'NO',
            'IMAGE_URL': drive.url}
        return 0, 'No error', '<GET_VM_STATUS {}/>'.format(' '.join(
            f'{name}={quoteattr(text)}' for name, text in shown.items()))

    def _refusal(self) -> Answer | None:
        if any(word in self._machine.licence
               for word in ('Advanced', 'Essentials')):
            return None
        # A GUESS: the number and the words.
        return 0x3f, 'This feature requires an installed license key.', ''

    def _insert_virtual_media(self, element: ElementTree.Element) -> Answer:
        drive = self._machine.drives[attribute(element, 'DEVICE')]
        if self._refusal():
            return self._refusal() or OK
        if drive.url:
            # A GUESS: the number and the words.
            return 0x57, 'An image is already inserted.', ''
        drive.url = attribute(element, 'IMAGE_URL')
        return OK

    def _eject_virtual_media(self, element: ElementTree.Element) -> Answer:
        drive = self._machine.drives[attribute(element, 'DEVICE')]
        if not drive.url:
            # A GUESS: the number.
            return 0x54, 'No image present in the Virtual Media drive.', ''
        self._machine.drives[drive.name] = machines.Drive(drive.name)
        return OK

    def _set_vm_status(self, element: ElementTree.Element) -> Answer:
        drive = self._machine.drives[attribute(element, 'DEVICE')]
        for child in element:
            wanted = attribute(child, 'VALUE').upper()
            if child.tag == 'VM_WRITE_PROTECT':
                drive.protected = wanted == 'YES'
            elif wanted in ('CONNECT', 'DISCONNECT'):
                drive.connected = wanted == 'CONNECT'
            else:
                drive.boots = wanted
        return OK
