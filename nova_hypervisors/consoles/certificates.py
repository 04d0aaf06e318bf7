# SPDX-License-Identifier: Apache-2.0
"""The certificate that is shown to Nova's console proxies."""

from __future__ import annotations

import ssl


def load(certificate: str | None, private_key: str | None,
         client_ca: str | None) -> ssl.SSLContext | None:
    """Read the files of the options; None: TLS is not wanted.

    :param client_ca: whose certificates the proxies have to have
    :raises OSError: a file cannot be read, or is no such thing
    """
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private_key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
