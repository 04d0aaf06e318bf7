# SPDX-License-Identifier: Apache-2.0
"""How the files of a server get from the host that it leaves to the next one.

The services of both hosts do it between themselves, by HTTPS; Nova carries
what the one has to know of the other.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Self
from typing import cast

from nova import exception
from oslo_config import cfg
from oslo_serialization import jsonutils

from nova_hypervisors.clients import retry
from nova_hypervisors.common import checks
from nova_hypervisors.transfer import identity
from nova_hypervisors.transfer import offers as offering
from nova_hypervisors.transfer import pull
from nova_hypervisors.transfer import server

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Departure:
    """What the host that a server goes to is told: a part of a dataclass."""

    __slots__ = ()

    address: str
    port: int
    fingerprint: str
    token: str

    @property
    def source(self) -> pull.Source:
        return pull.Source(self.address, self.port, self.fingerprint,
                           self.token)

    def to_text(self) -> str:
        return str(jsonutils.dumps(dataclasses.asdict(
            cast('DataclassInstance', self))))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """:raises MigrationError: another driver has written it"""
        try:
            return cls(**jsonutils.loads(text))
        except (TypeError, ValueError) as error:
            raise exception.MigrationError(
                reason='the host that the server leaves does not say where '
                'its disks are: is its driver another one, or another '
                f'release? ({error})') from error


class Handouts:
    """:param section: of the options, for messages

    :param address: what other hosts are told to connect to
    :param load_identity: reads, or makes, the certificate to show
    :param timeout_s: limit of one file
    """

    def __init__(self, section: str, file_server: server.FileServer,
                 offers: offering.Offers, *, address: str,
                 load_identity: Callable[[], identity.Identity],
                 ca_file: str | None, timeout_s: float,
                 policy: retry.Policy) -> None:
        self._section = section
        self._server = file_server
        self._offers = offers
        self._address = address
        self._load_identity = load_identity
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._policy = policy

    @classmethod
    def of(cls, conf: cfg.ConfigOpts, section: str, *, offers: Path,
           own_identity: Path, timeout_s: float, policy: retry.Policy,
           opener: server.Opener = server.open_local) -> Handouts:
        """Make them of a driver's options.

        :param offers: a folder for what is offered
        :param own_identity: where a certificate of our own is kept
        """
        group = conf[section]
        offered = offering.Offers(offers)
        return cls(
            section, server.FileServer(group.transfer_address,
                                       group.transfer_port, offered, opener),
            offered, address=reachable(conf, group.transfer_address),
            load_identity=functools.partial(_identity, group, own_identity),
            ca_file=group.transfer_ca_file or None, timeout_s=timeout_s,
            policy=policy)

    def start(self) -> None:
        """Begin to hand files out.

        :raises InvalidConfiguration: the certificate or the port is no good
        """
        try:
            context = self._load_identity().server_context()
        except (OSError, ValueError) as error:
            raise exception.InvalidConfiguration(
                f'[{self._section}] transfer_certificate or '
                f'transfer_private_key cannot be used: {error}') from error
        try:
            self._server.start(context)
        except OSError as error:
            raise exception.InvalidConfiguration(
                f'[{self._section}] transfer_address and transfer_port '
                f'{self._server.port} cannot be listened on: '
                f'{error.strerror}') from error

    def stop(self) -> None:
        self._server.stop()

    def offer(self, instance_uuid: str,
              files: Mapping[str, Path | str]) -> pull.Source:
        """Have a server's files fetched, each once.

        :param files: by the names under which they are had
        """
        return pull.Source(
            self._address, self._server.port,
            self._load_identity().fingerprint(),
            self._offers.add(instance_uuid, files))

    def withdraw(self, instance_uuid: str) -> None:
        """Nobody comes for a server's files any more."""
        self._offers.withdraw(instance_uuid)

    def fetch(self, source: pull.Source, name: str, target: Path) -> None:
        """Fetch a file; for what is raised see :func:`.pull.incoming`."""
        self._policy.call(lambda: pull.pull(
            source, name, target, timeout_s=self._timeout_s,
            ca_file=self._ca_file))

    def incoming(self, source: pull.Source, name: str,
                 ) -> AbstractContextManager[pull.Incoming]:
        """Begin to fetch a file; what is had half is not asked for again."""
        return pull.incoming(source, name, timeout_s=self._timeout_s,
                             ca_file=self._ca_file)


def _identity(group: cfg.ConfigOpts.GroupAttr,
              own_identity: Path) -> identity.Identity:
    if group.transfer_certificate:
        return identity.Identity(Path(group.transfer_certificate),
                                 Path(group.transfer_private_key))
    return identity.ensure(own_identity)


def reachable(conf: cfg.ConfigOpts, address: str) -> str:
    """Return where others find what listens on an address."""
    return (str(conf.my_ip) if address in ('0.0.0.0', '::')  # noqa: S104
            else address)


def findings(conf: cfg.ConfigOpts, section: str) -> Iterator[checks.Finding]:
    """Return what is wrong with those options."""
    group = conf[section]
    if bool(group.transfer_certificate) != bool(group.transfer_private_key):
        yield checks.Finding(
            f'[{section}] transfer_certificate',
            'it goes with transfer_private_key: set both or neither')
    for name in ('transfer_certificate', 'transfer_private_key',
                 'transfer_ca_file'):
        path = group[name]
        if path and not os.access(path, os.R_OK):
            yield checks.Finding(f'[{section}] {name}',
                                 f'{path} cannot be read')
    yield from address_findings(conf, section, 'transfer_address')
    if group.transfer_port and group.transfer_port == group.console_port:
        yield checks.Finding(
            f'[{section}] transfer_port',
            f'{group.transfer_port} is console_port too: each needs one of '
            'its own')


def address_findings(conf: cfg.ConfigOpts, section: str,
                     name: str) -> Iterator[checks.Finding]:
    """Return what is wrong with an option that is an IP address."""
    try:
        ipaddress.ip_address(conf[section][name])
    except ValueError:
        yield checks.Finding(
            f'[{section}] {name}', f'{conf[section][name]!r} is no IP '
            'address: write one of this host')
