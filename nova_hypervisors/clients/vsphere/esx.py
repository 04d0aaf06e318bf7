# SPDX-License-Identifier: Apache-2.0
"""The client of an ESX host: see :mod:`.interface` for what it can do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from nova_hypervisors.clients import retry
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vsphere import consoles
from nova_hypervisors.clients.vsphere import guests
from nova_hypervisors.clients.vsphere import hosts
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.clients.vsphere import machines
from nova_hypervisors.clients.vsphere import networks
from nova_hypervisors.clients.vsphere import nfc
from nova_hypervisors.clients.vsphere import session
from nova_hypervisors.clients.vsphere import storage
from nova_hypervisors.clients.vsphere import transport
from nova_hypervisors.clients.vsphere import wire
from nova_hypervisors.clients.vsphere import wsdl

_TASK_S = 3600.0


class ESXHost(hosts.Hosts, machines.Machines, nfc.Leases, consoles.Consoles,
              networks.Networks, storage.Storage, guests.Guests):
    """An ESX host; several threads may use it at once.

    Nothing is read and nobody is called before :meth:`connect`.

    :param password: called at each login
    :param ca_file: whose certificates are trusted; None: those that the
        system trusts
    :param insecure: no certificate is checked
    :param timeout_s: limit of an answer
    :param task_timeout_s: limit of what a host does in the background
    :param wsdl_location: a file or an URL; None: it is made
    :param cache: the folder that keeps the one that was made; None: none does
    :param observe: is told of each call
    """

    def __init__(self, host: str, user: str, password: Callable[[], str], *,
                 port: int = 443, ca_file: str | None = None,
                 insecure: bool = False, connect_timeout_s: float = 10.0,
                 timeout_s: float = 60.0, task_timeout_s: float = _TASK_S,
                 wsdl_location: str | None = None, cache: Path | None = None,
                 policy: retry.Policy = retry.NEVER,
                 observe: telemetry.Observer | None = None) -> None:
        link = transport.Link(
            host, port, ca_file=ca_file, insecure=insecure,
            connect_timeout_s=connect_timeout_s, timeout_s=timeout_s)
        self._wsdl_location = wsdl_location
        self._cache = cache
        self._observe = observe
        super().__init__(
            link, session.Session(link, self._make_wire, user, password,
                                  policy), task_timeout_s)

    @property
    def open_sessions(self) -> int:
        """How many there are: one, once somebody has logged in."""
        return int(self._session.is_open)

    def _make_wire(self) -> wire.Wire:
        if self._wsdl_location is not None:
            return self._wire_of(self._wsdl_location)
        if self._cache is not None:
            return self._wire_of(wsdl.ensure(self._cache))
        with tempfile.TemporaryDirectory() as folder:
            return self._wire_of(wsdl.ensure(Path(folder)))

    def _wire_of(self, location: str | Path) -> wire.Wire:
        return wire.Wire(self._link, str(location), self._observe)


def _is_a_client(host: ESXHost) -> interface.ESXClient:
    """Let mypy compare them."""
    return host
