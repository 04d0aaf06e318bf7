# SPDX-License-Identifier: Apache-2.0
"""Whether somebody listens, asked without logging on."""

from __future__ import annotations

import socket

from nova_hypervisors.clients import errors


def connect(host: str, port: int, timeout_s: float) -> None:
    """Open a connection and close it again.

    Calls are tried again for a while before they fail; this is not.

    :raises NotListening: nobody answers, or not in time
    """
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        raise errors.NotListening(
            f'{host}, port {port}: {error.strerror or error}') from error
