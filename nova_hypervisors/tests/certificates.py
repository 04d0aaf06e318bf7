# SPDX-License-Identifier: Apache-2.0
"""Certificates that last as long as a test."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates for 127.0.0.1.

    :ivar path: the file of its own certificate
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f'authority {folder.name}')
        self.path = folder / 'ca.pem'
        self._write(self.path, self._sign(self._name, self._key, True))

    def make(self, name: str) -> tuple[str, str]:
        """Return the files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._folder / f'{name}.pem'
        private = self._folder / f'{name}.key'
        self._write(certificate, self._sign(_name(name), key, False))
        private.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return str(certificate), str(private)

    def server(self, clients: Authority | None = None) -> ssl.SSLContext:
        """:param clients: who has to have signed a client's certificate"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.make('server'))
        if clients is not None:
            context.load_verify_locations(clients.path)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, certificate: tuple[str, str] | None = None,
               ) -> ssl.SSLContext:
        """Trust this authority, and show a certificate if there is one."""
        context = ssl.create_default_context(cafile=self.path)
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context

    def _write(self, path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(
            serialization.Encoding.PEM))

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey,
              authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address('127.0.0.1'))
        usage = dict.fromkeys((
            'content_commitment', 'key_encipherment', 'data_encipherment',
            'key_agreement', 'crl_sign', 'encipher_only', 'decipher_only'),
            False)
        return (x509.CertificateBuilder()
                .subject_name(subject).issuer_name(self._name)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - _DAY).not_valid_after(now + _DAY)
                .add_extension(x509.BasicConstraints(authority, None), True)
                .add_extension(x509.SubjectAlternativeName([address]), False)
                # From 3.13 on Python wants these, as RFC 5280 does.
                .add_extension(x509.KeyUsage(
                    digital_signature=True, key_cert_sign=authority, **usage),
                    True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                    key.public_key()), False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(
                        self._key.public_key()), False)
                .sign(self._key, hashes.SHA256()))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
