# SPDX-License-Identifier: Apache-2.0
"""The real vboxwebsrv, for tests, and a way to break its connections."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading

import psutil

from lab import virtualbox
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webservice
from nova_hypervisors.clients.vbox import websession
from nova_hypervisors.tests import peers


class Forwarder:
    """A port that leads to another one, which may change.

    vboxwebsrv cannot listen again on a port that it has just had.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.target = 0
        self._open: list[socket.socket] = []
        self._calls_left: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,),
                                 daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(client):
            server = socket.create_connection(('127.0.0.1', self.target))
            for one in (client, server):
                # Or each call would take an acknowledgement's time longer.
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            with contextlib.closing(server):
                self._pump(client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        peer = {client: server, server: client}
        swallow = False
        with selectors.DefaultSelector() as selector:
            for one in peer:
                selector.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data or (swallow and key.fileobj is server):
                        return
                    peer[key.fileobj].sendall(data)
                    if key.fileobj is client and data.startswith(b'POST'):
                        swallow = self._is_the_last()

    def _is_the_last(self) -> bool:
        if self._calls_left is None:
            return False
        self._calls_left -= 1
        return self._calls_left == 0

    def cut(self) -> None:
        """Break every connection."""
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def cut_after(self, calls: int) -> None:
        """Let a call through and break the connection before its answer.

        :param calls: which one, counted from 1
        """
        self._calls_left = calls

    def close(self) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class RealWebService:
    """A vboxwebsrv for a registry, and a client of it.

    :param options: more of vboxwebsrv's own
    :param library: what checks passwords
    """

    def __init__(self, real: peers.RealVirtualBox, *options: str,
                 library: str = 'null', scheme: str = 'http') -> None:
        self._real = real
        self._options = ('-A', library, *options)
        self.forwarder = Forwarder()
        self.url = f'{scheme}://127.0.0.1:{self.forwarder.port}/'
        self.start()
        self.sessions = self.make_sessions()
        self.client = webservice.WebServiceClient(self.sessions,
                                                  copy_timeout_s=120)

    def start(self) -> None:
        """Start the service on a new port, and wait until it listens.

        It ends at once while VBoxSVC is just ending or starting.
        """
        peers.wait_until(self._try_to_start, timeout_s=60)

    def _try_to_start(self) -> bool:
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        with (self._real.folder / 'vboxwebsrv.log').open('ab') as log:
            self._process = subprocess.Popen(
                [str(self._real.lab.vboxwebsrv), '-H', '127.0.0.1', '-p',
                 str(port), *self._options],
                env=virtualbox.environment(self._real.home), stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        peers.wait_until(
            lambda: _listens(port) or self._process.poll() is not None)
        if self._process.poll() is not None:
            return False
        self.forwarder.target = port
        self.direct_url = f'http://127.0.0.1:{port}/'
        return True

    def processes(self) -> list[psutil.Process]:
        """Return the service itself, and what it was started through."""
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.client.close()
        self.forwarder.close()
        with contextlib.suppress(ProcessLookupError):
            self.stop()

    def make_sessions(self, user='', password='', **options):
        return weblogon.WebSessions(
            soap.Service(self.url, websession.NAMESPACE,
                         greeting=websession.GREETING,
                         **{'timeout_s': 60, **options}),
            user, lambda: password, retry.Policy(3, 1))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0
