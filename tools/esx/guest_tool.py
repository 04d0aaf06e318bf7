#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Give a guest on VMware ESX the addresses that OpenStack has for it.

nova-compute writes them into the machine's ``machine.id``, and VMware Tools
in the guest tell it: ``vmtoolsd --cmd machine.id.get``.  This reads it,
compares it with what it has done before, and sets addresses, default routes
and name servers.  It goes on looking, so that adapters that are added later
are set, too.  Needs Python 3.8 and nothing else; on Linux also iproute2.
machine_id.py has to be beside it.
"""

from __future__ import annotations

import argparse
import csv
import ipaddress
import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from typing import Dict
from typing import Iterable
from typing import List
from typing import Sequence

import machine_id

LOG = logging.getLogger('guest_tool')

#: The addresses of each adapter, by its name.
Plan = Dict[str, List[machine_id.Address]]

# What VMware Tools have been called; the first that is there is run.
LINUX_RPC = (('vmtoolsd', '--cmd', 'machine.id.get'),
             ('vmware-rpctool', 'machine.id.get'),
             ('rpctool', 'machine.id.get'),
             ('vmware-guestd', '--cmd', 'machine.id.get'))
WINDOWS_RPC = tuple(
    (rf'C:\Program Files{bits}\VMware\VMware Tools\{name}.exe', '--cmd',
     'machine.id.get')
    for name in ('vmtoolsd', 'VMwareService') for bits in ('', ' (x86)'))
# What they say if there is none.
_NOTHING = 'No machine id'

_COMMAND_S = 30
# The first metric of a default route; each adapter's is one more.
_METRIC = 100
# glibc uses no more (MAXNS).
_MOST_DNS = 3

RESOLV_CONF = '/etc/resolv.conf'
STATE = '/run/nova-guest-tool.json'


class GuestToolError(Exception):
    """What to tell whoever looks into the log."""


def run(*words: str, encoding: str = 'utf-8') -> str:
    """Run a command; return what it prints.

    :raises GuestToolError: it fails, or does not end in time
    """
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_COMMAND_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GuestToolError(f'{_shown(words)}: {error}') from error
    output = done.stdout.decode(encoding, errors='replace')
    if done.returncode:
        raise GuestToolError(f'{_shown(words)} failed with '
                             f'{done.returncode}: {output.strip()}')
    return output


def _shown(words: Iterable[str]) -> str:
    return ' '.join(shlex.quote(word) for word in words)


class System:
    """An operating system of a guest."""

    rpc: Sequence[Sequence[str]] = ()

    def names(self) -> dict[str, str]:
        """Return the names of adapters, by their MAC addresses."""
        raise NotImplementedError

    def commands(self, name: str, metric: int,
                 addresses: Sequence[machine_id.Address]) -> list[list[str]]:
        """Return what sets an adapter; done again it changes nothing.

        :param metric: of its default routes
        """
        raise NotImplementedError

    def forget(self, plan: Plan) -> list[list[str]]:  # noqa: ARG002
        """Return what takes back those addresses that are told no more."""
        return []

    def finish(self, plan: Plan) -> None:
        """Do what is not done by a command of an adapter."""


class Linux(System):
    """Sets what is told, by iproute2, and takes back what it set before."""

    rpc = LINUX_RPC

    def names(self) -> dict[str, str]:
        links = json.loads(run('ip', '-json', 'link', 'show'))
        # The first one wins: VLAN interfaces have the address of their parent.
        return {link['address'].lower(): link['ifname']
                for link in reversed(links)
                if link.get('link_type') == 'ether' and 'master' not in link}

    def commands(self, name: str, metric: int,
                 addresses: Sequence[machine_id.Address]) -> list[list[str]]:
        found = [['ip', 'link', 'set', 'dev', name, 'up']]
        for one in addresses:
            words = ['ip', 'address', 'replace', str(one.interface)]
            if one.interface.version == 4:
                words += ['broadcast', str(one.broadcast or '+')]
            found.append([*words, 'dev', name])
        # A gateway need not be in the network: then it has to be said that it
        # is on this wire.
        return found + [
            ['ip', f'-{one.gateway.version}', 'route', 'replace', 'default',
             'via', str(one.gateway), 'dev', name, 'metric', str(metric),
             *([] if one.gateway in one.interface.network else ['onlink'])]
            for one in addresses if one.gateway]

    def forget(self, plan: Plan) -> list[list[str]]:
        gone = [pair for pair in _set_before() if pair not in _pairs(plan)]
        there = self._there()
        return [
            ['ip', 'address', 'del', what, 'dev', name] if '/' in what else
            ['ip', 'route', 'del', 'default', 'via', what, 'dev', name]
            for name, what in gone if [name, what] in there]

    def _there(self) -> list[list[str]]:
        """Return what there is, like :func:`_pairs`."""
        links = json.loads(run('ip', '-json', 'address', 'show'))
        routes = [route for version in ('-4', '-6') for route in json.loads(
            run('ip', version, '-json', 'route', 'show', 'default'))]
        return [
            *([route['dev'], route['gateway']] for route in routes
              if 'gateway' in route),
            *([link['ifname'], f'{one["local"]}/{one["prefixlen"]}']
              for link in links for one in link['addr_info'])]

    def finish(self, plan: Plan) -> None:
        _write(STATE, json.dumps(_pairs(plan)))
        if _has_resolved():
            for name, addresses in plan.items():
                if _servers(addresses):
                    run('resolvectl', 'dns', name, *_servers(addresses))
            return
        servers = _servers(one for group in plan.values() for one in group)
        if len(servers) > _MOST_DNS:
            LOG.warning('The first %d of the name servers %s are used',
                        _MOST_DNS, ', '.join(servers))
        if servers:
            _write_resolv_conf(servers[:_MOST_DNS])


class Windows(System):
    """Sets what is told, by netsh, which replaces what there was."""

    rpc = WINDOWS_RPC

    def names(self) -> dict[str, str]:
        # Connection name, adapter, physical address, transport name.  The
        # heads of the columns are translated, so they are left out.
        rows = csv.reader(run('getmac', '/v', '/fo', 'csv', '/nh',
                              encoding='oem').splitlines())
        return {row[2].lower().replace('-', ':'): row[0]
                for row in rows if len(row) > 2 and '-' in row[2]}

    def commands(self, name: str, metric: int,
                 addresses: Sequence[machine_id.Address]) -> list[list[str]]:
        found = []
        # The first one replaces whatever there is, also what DHCP gave.
        verb, source = 'set', ['source=static']
        for one in addresses:
            if one.interface.version == 6:
                LOG.warning('%s is not set: IPv6 is left to Windows',
                            one.interface)
                continue
            gateway = ([f'gateway={one.gateway}', f'gwmetric={metric}']
                       if one.gateway else [])
            found.append(['netsh', 'interface', 'ipv4', verb, 'address',
                          f'name={name}', *source,
                          f'address={one.interface.ip}',
                          f'mask={one.interface.netmask}', *gateway])
            verb, source = 'add', []
        return found + self._dns(name, addresses)

    def _dns(self, name: str,
             addresses: Sequence[machine_id.Address]) -> list[list[str]]:
        found = []
        count = {4: 0, 6: 0}
        for server in _servers(addresses):
            version = ipaddress.ip_address(server).version
            count[version] += 1
            words = ['netsh', 'interface', f'ipv{version}']
            found.append(
                [*words, 'set', 'dnsservers', f'name={name}', 'source=static',
                 f'address={server}', 'validate=no']
                if count[version] == 1 else
                [*words, 'add', 'dnsservers', f'name={name}',
                 f'address={server}', f'index={count[version]}',
                 'validate=no'])
        return found


def _pairs(plan: Plan) -> list[list[str]]:
    """Return adapter and gateway, adapter and address/prefix."""
    found = [(name, one) for name, addresses in plan.items()
             for one in addresses]
    return [*([name, str(one.gateway)] for name, one in found if one.gateway),
            *([name, str(one.interface)] for name, one in found)]


def _set_before() -> list[list[str]]:
    try:
        with open(STATE, encoding='utf-8') as file:
            return [[str(name), str(what)] for name, what in json.load(file)]
    except (OSError, ValueError):
        return []


def _servers(addresses: Iterable[machine_id.Address]) -> list[str]:
    return list(dict.fromkeys(
        str(server) for one in addresses for server in one.dns))


def _has_resolved() -> bool:
    return (os.path.realpath(RESOLV_CONF).startswith('/run/systemd/resolve/')
            and shutil.which('resolvectl') is not None)


def _write_resolv_conf(servers: Sequence[str]) -> None:
    """Put name servers in, and leave all else as it is."""
    try:
        with open(RESOLV_CONF, encoding='utf-8') as file:
            rest = [line for line in file.read().splitlines()
                    if line.split()[:1] != ['nameserver']]
    except FileNotFoundError:
        rest = []
    lines = [*rest, *(f'nameserver {server}' for server in servers)]
    _write(os.path.realpath(RESOLV_CONF), '\n'.join(lines) + '\n')


def _write(path: str, text: str) -> None:
    """Write a file so that it is there as a whole, or as it was."""
    try:
        with open(f'{path}.new', 'w', encoding='utf-8') as file:
            file.write(text)
        os.replace(f'{path}.new', path)
    except OSError as error:
        raise GuestToolError(f'{path} cannot be written: {error}') from error


def read(system: System, words: Sequence[str] | None) -> str | None:
    """Return machine.id as VMware Tools tell it; None if there is none yet.

    :param words: the command that tells it, if it is not VMware Tools'
    :raises GuestToolError: VMware Tools are not there, or fail
    """
    command = words or next(
        (one for one in system.rpc if shutil.which(one[0])), None)
    if not command:
        raise GuestToolError(
            'VMware Tools are not installed: there is no '
            + ', '.join(one[0] for one in system.rpc))
    try:
        text = run(*command).strip()
    except GuestToolError as error:
        if _NOTHING in str(error):
            return None
        raise
    return None if text in ('', _NOTHING) else text


def apply(system: System, text: str, show: bool = False) -> None:
    """Set what machine.id tells.

    :param show: only print what would be run
    :raises GuestToolError: it is bad, and nothing was changed; a command
        failed; or an adapter is not there, after all others were set
    """
    try:
        told = machine_id.parse(text)
    except machine_id.BadData as error:
        raise GuestToolError(str(error)) from error
    names = system.names()
    plan = {names[mac]: addresses for mac, addresses in told.items()
            if mac in names and addresses}
    commands = system.forget(plan)
    for number, (name, addresses) in enumerate(plan.items()):
        commands += system.commands(name, _METRIC + number, addresses)
    if show:
        for words in commands:
            print(_shown(words))
    else:
        for words in commands:
            run(*words)
        system.finish(plan)
    missing = [mac for mac in told if mac not in names]
    if missing:
        raise GuestToolError(
            'the guest has no network adapter with the MAC address '
            f'{" or ".join(missing)}: has it a driver?')


def serve(system: System, words: Sequence[str] | None,
          interval_s: float) -> None:
    """Set what is told, and look again; for ever."""
    done = said = None
    while True:
        trouble = None
        try:
            text = read(system, words)
            if text is None:
                trouble = 'there is no machine.id yet'
            elif text != done:
                apply(system, text)
                LOG.info('The network is set as machine.id tells')
                done = text
        except GuestToolError as error:
            trouble = str(error)
        if trouble and trouble != said:
            LOG.error('%s; looking again every %g s', trouble, interval_s)
        said = trouble
        time.sleep(interval_s)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description='Set the addresses that OpenStack has for this guest.')
    parser.add_argument('--once', action='store_true',
                        help='do it once; the status is 1 if that failed')
    parser.add_argument('--show', action='store_true',
                        help='do nothing, but print what would be run')
    parser.add_argument('--interval', type=float, default=30.0, metavar='S',
                        help='seconds between two looks (default: 30)')
    parser.add_argument('--command', type=shlex.split, metavar='COMMAND',
                        help="what to run in place of VMware Tools' command")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr,
                        format='guest_tool: %(levelname)s: %(message)s')
    system = Windows() if sys.platform == 'win32' else Linux()
    if not (arguments.once or arguments.show):
        serve(system, arguments.command, arguments.interval)
    try:
        text = read(system, arguments.command)
        if text is None:
            raise GuestToolError('there is no machine.id yet')
        apply(system, text, arguments.show)
    except GuestToolError as error:
        LOG.error('%s', error)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
