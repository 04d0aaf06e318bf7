# SPDX-License-Identifier: Apache-2.0
"""The certificate with which a service hands out files.

Who fetches one has been told the certificate's fingerprint by Nova, over the
same way as the token: so it need not be signed by anybody.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME,
                                      'nova-hypervisors')])
_DAY = datetime.timedelta(days=1)
_LIFE = datetime.timedelta(days=3650)


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """:param private_key: may be in the certificate's file"""

    certificate: Path
    private_key: Path

    def server_context(self) -> ssl.SSLContext:
        """:raises OSError: they cannot be read, or do not belong together"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.private_key)
        return context

    def fingerprint(self) -> str:
        pem = self.certificate.read_text()
        end = '-----END CERTIFICATE-----'
        first = pem[pem.index('-----BEGIN'):pem.index(end) + len(end)]
        return fingerprint(ssl.PEM_cert_to_DER_cert(first))


def fingerprint(certificate: bytes) -> str:
    """Return a certificate's SHA-256, as hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest()


def ensure(path: Path) -> Identity:
    """Return the identity in a file, which is made if it is not there."""
    if not path.exists():
        part = path.with_name(f'{path.name}.part')
        with open(part, 'wb', opener=_private) as file:
            file.write(_make())
        part.replace(path)
    return Identity(path, path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME).issuer_name(_NAME).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY).not_valid_after(now + _LIFE)
        .sign(key, hashes.SHA256()))
    return (certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM,
                                serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption()))
