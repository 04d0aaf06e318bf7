# SPDX-License-Identifier: Apache-2.0
"""What the client of VirtualBox's web service costs.

    python -m benchmarks.webservice [--format json]

Run by a Python that has this package's tests; "make virtualbox" makes one, and
the VirtualBox.  The same calls are made with and without the client's own
work, so that the ratios mean something on any machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import time
import urllib.parse
from collections.abc import Callable

import prettytable
import psutil

from nova_hypervisors.clients import soap
from nova_hypervisors.clients.vbox import websession
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers

_CALLS = 1000
_OPERATION = 'IVirtualBox_getAPIVersion'
_BODY = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:s="http://www.virtualbox.org/"><e:Body><s:{operation}>'
    '<_this>{root}</_this></s:{operation}></e:Body></e:Envelope>')


def median_ms(call: Callable[[], object], count: int = _CALLS) -> float:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def bare_call(url: str, root: str) -> Callable[[], object]:
    """Return a call that sends bytes that are ready and parses nothing."""
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or '', where.port)
    body = _BODY.format(operation=_OPERATION, root=root).encode()

    def call() -> object:
        connection.request('POST', '/', body, {'Content-Type': 'text/xml'})
        response = connection.getresponse()
        data = response.read()
        if response.will_close:
            connection.close()
        return data

    return call


def measure(url: str) -> dict[str, float]:
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    service = soap.Service(url, websession.NAMESPACE)
    root = service.call('IWebsessionManager_logon', {
        'username': '', 'password': ''}).findtext('returnval', '')
    connect = time.perf_counter() - begun
    client = median_ms(lambda: service.call(_OPERATION, {'_this': root}))
    bare = median_ms(bare_call(url, root))
    return {
        'connect_ms': connect * 1000,
        'call_ms': client,
        'bare_call_ms': bare,
        'call_ratio': client / bare,
        'memory_mb': (psutil.Process().memory_info().rss - before) / 2 ** 20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--format', choices=('table', 'json'),
                        default='table')
    arguments = parser.parse_args()
    real = peers.RealVirtualBox(peers.short_folder('b'))
    service = webpeers.RealWebService(real)
    try:
        found = measure(service.direct_url)
    finally:
        service.close()
        real.restart_vboxsvc()
        shutil.rmtree(real.folder)
    if arguments.format == 'json':
        print(json.dumps(found, indent=2))
        return
    table = prettytable.PrettyTable(['Figure', 'Value'])
    table.align = 'l'
    for name, value in found.items():
        table.add_row([name, f'{value:.2f}'])
    print(table)


if __name__ == '__main__':
    main()
