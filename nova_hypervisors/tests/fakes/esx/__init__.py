# SPDX-License-Identifier: Apache-2.0
"""A small ESX host of our own: HTTPS, SOAP, files with real bytes.

It is for what vcsim lacks, or does and does otherwise than a host.  What it
does is written down in VMware's documents or in the public reports that are
named beside it; what is not is marked "Guess:".  It is no proof of how a real
host behaves.

::

    with esx.running(folder, machines=2) as host:
        client = connect(host.address, host.port, host.user, host.password,
                         ca_file=host.ca_file)
        ...
        assert host.machine('1').is_on
"""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

from pyVmomi import vim

from nova_hypervisors.tests import certificates
from nova_hypervisors.tests.fakes.esx import host as esxhost
from nova_hypervisors.tests.fakes.esx import server
from nova_hypervisors.tests.fakes.esx import storage

EsxHost = esxhost.EsxHost
Lun = storage.Lun


@contextlib.contextmanager
def running(folder: Path, *, machines: int = 0, user: str = 'root',
            password: str = 'se cret', beside: EsxHost | None = None,
            ) -> Iterator[EsxHost]:
    """Run a host as long as the context lasts.

    :param folder: made if it is not there; its datastores' files and its
        certificate are in it
    :param machines: how many it has from the start, without disks, off
    :param beside: another host that has its locks in common with this one, as
        those have that share a datastore, see ``add_datastore``
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = EsxHost(folder, user, password, beside)
    authority = certificates.Authority(folder / 'certificates')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = authority.make('host')
    context.load_cert_chain(certificate, key)
    made.ca_file = str(authority.path)
    made.thumbprint = _thumbprint(Path(certificate))
    for number in range(machines):
        made.vm_folder.create(_plain(f'machine-{number}'))
    served = server.Server(made, context)
    made.port = served.server_address[1]
    made.drop_connections = served.drop_connections
    made.go_away = served.go_away
    made.come_back = served.come_back
    served.start()
    try:
        yield made
    finally:
        served.stop()


def _plain(name: str) -> vim.vm.ConfigSpec:
    return vim.vm.ConfigSpec(
        name=name, guestId='otherGuest', memoryMB=64, numCPUs=1,
        files=vim.vm.FileInfo(vmPathName=f'[datastore1] {name}/{name}.vmx'))


def _thumbprint(certificate: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    digest = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    return ':'.join(digest[index:index + 2] for index in range(0, 40, 2))
