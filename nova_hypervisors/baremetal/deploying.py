# SPDX-License-Identifier: Apache-2.0
"""What deploys of all nodes have in common: made once a nova-compute."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import ipaddress
import logging
import os
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nova_hypervisors.baremetal import callback
from nova_hypervisors.baremetal import media
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import publishing

LOG = logging.getLogger(__name__)

_DAY = datetime.timedelta(days=1)
_LIFE = datetime.timedelta(days=3650)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The options of ``[deploy]`` and ``[ilo]``; see there.

    :param folder: for images, and what is written on the way
    :param sweeps: whether it is us who delete what has expired
    """

    folder: Path
    callback_address: str = '127.0.0.1'
    callback_port: int = 0
    callback_url: str = ''
    callback_certificate: str = ''
    callback_private_key: str = ''
    callback_ca: str = ''
    deploy_timeout_s: float = 1800.0
    write_silence_s: float = 120.0
    write_limit_s: float = 14400.0
    verify: bool = False
    boot_mb: int = 200
    image_ttl_s: float = 7 * 24 * 3600.0
    disk_devices: tuple[str, ...] = ()
    kernel_append: str = ''
    container: str = 'ironic_ilo_container'
    media_ttl_s: int = 600
    sweeps: bool = False
    loaders: media.Bootloaders = dataclasses.field(
        default_factory=media.Bootloaders)
    ipxe: Path = Path('/boot/ipxe.lkrn')

    @property
    def images(self) -> Path:
        return self.folder / 'images'

    @property
    def work(self) -> Path:
        return self.folder / 'work'

    def faults(self) -> list[str]:
        """Return what is wrong with the options of the callback."""
        found = []
        if bool(self.callback_certificate) != bool(
                self.callback_private_key):
            found.append('[deploy] callback_certificate and '
                         'callback_private_key go together')
        for name in ('certificate', 'private_key', 'ca'):
            path = getattr(self, f'callback_{name}')
            if path and not os.access(path, os.R_OK):
                found.append(f'[deploy] callback_{name}: {path} cannot be '
                             'read')
        if not self.callback_url and self.callback_address in (
                '0.0.0.0', '::'):  # noqa: S104 - refused here
            found.append('[deploy] callback_url has to be set: nodes cannot '
                         f'call {self.callback_address}')
        return found


class Deploying:
    """:param make_publisher: connects when it is first needed"""

    def __init__(self, settings: Settings,
                 make_publisher: Callable[[], publishing.Publisher]) -> None:
        self.settings = settings
        self.passthru = callback.VendorPassthru()
        self._make_publisher = make_publisher
        self._publisher: publishing.Publisher | None = None
        self._server: callback.CallbackServer | None = None
        self._lock = threading.Lock()
        self._used: collections.Counter[Path] = collections.Counter()

    @contextlib.contextmanager
    def using(self, image: Path) -> Iterator[None]:
        """Let an image stay in the cache as long as this lasts."""
        with self._lock:
            self._used[image] += 1
        try:
            yield
        finally:
            with self._lock:
                self._used[image] -= 1

    def used(self) -> set[Path]:
        """Return the images that are being written."""
        with self._lock:
            return {path for path, count in self._used.items() if count}

    @property
    def publisher(self) -> publishing.Publisher:
        """:raises ClientError: it cannot be had, as it is configured"""
        with self._lock:
            if self._publisher is None:
                self._publisher = self._make_publisher()
            return self._publisher

    def callback_url(self) -> str:
        """Return what nodes call; somebody listens there from now on.

        :raises InvalidArgument: the options are not right
        """
        with self._lock:
            if self._server is None:
                self._server = self._start()
            url = self.settings.callback_url.rstrip('/')
            if not url:
                host = self.settings.callback_address
                url = f'https://[{host}]' if ':' in host else (
                    f'https://{host}')
            parts = urllib.parse.urlsplit(url)
            if parts.port is None and not parts.path:
                url = f'{url}:{self._server.port}'
            return url

    def authority(self) -> bytes:
        """Return the certificate that nodes are to trust."""
        return Path(self.settings.callback_ca
                    or self._identity()[0]).read_bytes()

    def sweep(self) -> None:
        """Delete what was published and has expired; call it often.

        Most of it was deleted when it was not needed any more.  This is for
        what a nova-compute that was killed has left.
        """
        if self.settings.sweeps:
            try:
                self.publisher.sweep()
            except errors.ClientError as error:
                LOG.warning('What has expired is not deleted: %s', error)

    def stop(self) -> None:
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _start(self) -> callback.CallbackServer:
        settings = self.settings
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._identity())
            server = callback.CallbackServer(
                settings.callback_address, settings.callback_port,
                self.passthru)
            server.start(context)
        except OSError as error:
            raise errors.InvalidArgument(
                'nodes that call cannot be heard on '
                f'{settings.callback_address}:{settings.callback_port}: '
                f'{error.strerror or error}; see [deploy] callback_address, '
                'callback_port and callback_certificate') from error
        return server

    def _identity(self) -> tuple[str, str]:
        """Return the files of the certificate and of its key."""
        settings = self.settings
        if settings.callback_certificate:
            return (settings.callback_certificate,
                    settings.callback_private_key)
        host = (urllib.parse.urlsplit(settings.callback_url).hostname
                or settings.callback_address)
        certificate = settings.folder / f'callback-{host}.pem'
        key = settings.folder / f'callback-{host}.key'
        if not (certificate.exists() and key.exists()):
            settings.folder.mkdir(parents=True, exist_ok=True)
            make_certificate(host, certificate, key)
        return str(certificate), str(key)


def make_certificate(host: str, certificate: Path, key: Path) -> None:
    """Write a certificate that has signed itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(
        x509.NameOID.COMMON_NAME, 'nova-hypervisors')])
    try:
        found: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        found = x509.DNSName(host)
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            # A node's clock may be behind.
            .not_valid_before(now - 30 * _DAY).not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.SubjectAlternativeName([found]), False)
            .sign(private, hashes.SHA256()))
    _write(key, private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f'{path.name}.part')
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, 'wb') as file:
        file.write(data)
    part.replace(path)


def settings_of(conf: Any, folder: Path) -> Settings:
    """Read the options.

    :param conf: an oslo.config ConfigOpts: only a factory has one
    """
    group, ilo = conf.deploy, conf.ilo
    return Settings(
        folder=folder,
        callback_address=group.callback_address,
        callback_port=group.callback_port,
        callback_url=group.callback_url or '',
        callback_certificate=group.callback_certificate or '',
        callback_private_key=group.callback_private_key or '',
        callback_ca=group.callback_ca or '',
        deploy_timeout_s=conf.baremetal.deploy_timeout,
        write_silence_s=group.write_silence_timeout,
        write_limit_s=group.write_timeout,
        verify=group.verify,
        boot_mb=group.efi_system_partition_size,
        image_ttl_s=60.0 * group.image_cache_ttl,
        disk_devices=tuple(group.disk_devices),
        kernel_append=group.kernel_append_params,
        container=ilo.swift_ilo_container,
        media_ttl_s=60 * ilo.deploy_helper_images_ttl,
        sweeps=group.publisher == 'http',
        loaders=media.Bootloaders(
            Path(group.isolinux_bin), Path(group.ldlinux_c32),
            Path(group.esp_image) if group.esp_image else None),
        ipxe=Path(group.ipxe_kernel))
