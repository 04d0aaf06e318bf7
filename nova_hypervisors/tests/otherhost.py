# SPDX-License-Identifier: Apache-2.0
"""A VirtualBox on a host that has no file in common with the tests.

It runs as another user, in a root and with processes of its own, and is
reached by its web service alone: with a password, and with TLS.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from pathlib import PurePosixPath

from lab import packages
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import peers

# Debian's nobody and nogroup.
_USER = 65534

USER = 'nova'
PASSWORD = 'a secret of the host'

#: As that host knows it, and only that host.
TOP = PurePosixPath('/srv/open stack')

# As the user: what an operator would type, and the service itself.
_START = r'''
set -e
folder=$1 port=$2 user=$3 password=$4 interpret=$5
programs=/usr/lib/virtualbox
manage() { $programs/VBoxManage -q "$@"; }
test -z "$interpret" || manage setextradata global "$interpret" 1
manage setproperty websrvauthlibrary VBoxAuthSimple
hash=$(manage internalcommands passwordhash "$password" | sed 's/.*: //')
manage setextradata global "VBoxAuthSimple/users/$user" "$hash"
exec $programs/vboxwebsrv -H 127.0.0.1 -p "$port" --ssl \
    --keyfile /srv/service.pem
'''


class OtherHost:
    """:ivar seen: what that host has in TOP, for a look at what is left

    :ivar ca_file: who signed the service's certificate
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._srv = folder / 'srv'
        self._srv.mkdir()
        self.seen = self._srv / TOP.name
        authority = certificates.Authority(folder / 'tls')
        self.ca_file = str(authority.path)
        self._write_certificate(authority)
        self._srv.chmod(0o700)
        os.chown(self._srv, _USER, _USER)
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self.url = f'https://127.0.0.1:{port}/'
        self._start(port)
        tls = authority.client()
        peers.wait_until(lambda: _answers(port, tls), timeout_s=60)

    def _write_certificate(self, authority: certificates.Authority) -> None:
        pem = self._srv / 'service.pem'
        pem.write_bytes(b''.join(
            Path(path).read_bytes() for path in authority.make('service')))
        pem.chmod(0o600)
        os.chown(pem, _USER, _USER)

    def _start(self, port: int) -> None:
        interpret = ('' if packages.has_virtualbox()
                     else 'VBoxInternal/HM/FallbackToIEM')
        with (self._folder / 'host.log').open('ab') as log:
            self._process = subprocess.Popen(
                [*self._inside(), 'setpriv', f'--reuid={_USER}',
                 f'--regid={_USER}', '--clear-groups', 'env', '-i',
                 'HOME=/srv', 'VBOX_USER_HOME=/srv/home',
                 'VBOX_IPC_SOCKETID=other', 'LC_ALL=C.UTF-8',
                 'PATH=/usr/bin:/bin', 'sh', '-c', _START, 'start', '/srv',
                 str(port), USER, PASSWORD, interpret],
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def _inside(self) -> list[str]:
        """Return the words before a command that runs on the host."""
        lab = peers.lab()
        root = (['--ro-bind', '/', '/', '--tmpfs', str(lab.top)]
                if packages.has_virtualbox()
                else ['--ro-bind', str(lab.root), '/'])
        return ['bwrap', *root, '--dev-bind', '/dev', '/dev',
                '--proc', '/proc', '--ro-bind', '/sys', '/sys',
                '--perms', '1777', '--tmpfs', '/tmp',
                '--bind', str(self._srv), '/srv', '--unshare-pid',
                '--die-with-parent', '--chdir', '/', '--']

    def files(self) -> list[str]:
        """Return the files below TOP that there are now, and the folders of
        machines."""
        return sorted(
            str(path.relative_to(self.seen))
            for path in self.seen.rglob('*')
            if path.is_file() or path.parent.name == 'machines')

    def log(self) -> str:
        return (self._folder / 'host.log').read_text(errors='replace')

    def close(self) -> None:
        """End all of it: its processes have a first one of their own."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        shutil.rmtree(self._srv)


def _answers(port: int, tls: ssl.SSLContext) -> bool:
    connection = http.client.HTTPSConnection('127.0.0.1', port, context=tls,
                                             timeout=5)
    try:
        connection.request('GET', '/')
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
