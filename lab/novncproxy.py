# SPDX-License-Identifier: Apache-2.0
"""nova-novncproxy without a cloud: whatever the token, it leads to one screen.

All is Nova's own but for the question to the database, where a token leads.

Run by a Python that has Nova: ``python -m lab.novncproxy PORT RELAY_PORT PATH
WEB_FOLDER``.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import nova.conf
from nova import objects
from nova.console import websocketproxy
from nova.console.securityproxy import rfb


def handler(port: int, relay_port: int, path: str) -> type[Any]:
    """Make Nova's handler of requests know the one place."""
    class Handler(websocketproxy.NovaProxyRequestHandler):  # type: ignore[misc]
        def _get_connect_info(self, *_: Any) -> Any:
            return objects.ConsoleAuthToken(
                host='127.0.0.1', port=relay_port, console_type='novnc',
                internal_access_path=path,
                access_url_base=f'http://127.0.0.1:{port}/vnc_lite.html')

    return Handler


def main() -> None:
    port, relay_port, path, web = (
        int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    nova.conf.CONF([], project='nova', default_config_files=[])
    objects.register_all()
    # As nova.cmd.baseproxy has it.
    multiprocessing.set_start_method('fork', force=True)
    websocketproxy.NovaWebSocketProxy(
        listen_host='127.0.0.1', listen_port=port, daemon=False, web=web,
        file_only=True, RequestHandlerClass=handler(port, relay_port, path),
        security_proxy=rfb.RFBSecurityProxy()).start_server()


if __name__ == '__main__':
    main()
