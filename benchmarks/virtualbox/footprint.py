# SPDX-License-Identifier: Apache-2.0
"""The memory of the driver, in a process of its own for each backend.

What Nova takes by itself is left out; so nothing of this package is imported
before that is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.virtualbox import measuring

_ROUNDS = 20


def measure(lab: measuring.Lab) -> measuring.Figures:
    figures: measuring.Figures = {}
    for backend in ('vboxmanage', 'webservice'):
        folder = lab.folder / f'm{backend[0]}'
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m',
             'benchmarks.virtualbox.footprint', backend,
             str(lab.real.lab.vboxmanage), str(lab.real.home),
             lab.service.url, str(folder)],
            check=True, stdout=subprocess.PIPE, text=True)
        for name, value in json.loads(
                done.stdout.splitlines()[-1]).items():
            figures[f'{backend}, memory {name} MB'] = value
    return figures


def _megabytes() -> float:
    import psutil
    return psutil.Process().memory_full_info().uss / (1 << 20)


def main(backend: str, vboxmanage: str, home: str, url: str,
         folder: str) -> None:
    from nova import monkey_patch
    if hasattr(monkey_patch, 'patch'):
        monkey_patch.patch()
    from nova.compute import manager as _nova_compute  # noqa: F401
    from nova.virt import fake as nova_fake
    from oslo_config import fixture as config_fixture

    from nova_hypervisors import conf
    from nova_hypervisors.tests import builders
    options = config_fixture.Config(conf.CONF)
    options.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    builders.configure(options, Path(folder), vboxmanage, home,
                       backend=backend, webservice_url=url,
                       remote_display=False, state_poll_interval=3600)
    nova_alone = _megabytes()
    from nova_hypervisors.virtualbox import driver
    made = driver.VirtualBoxDriver(nova_fake.FakeVirtAPI())
    made.init_host('here')
    for _ in range(_ROUNDS):
        made.get_available_resource('here')
        made.list_instance_uuids()
        made._parts.watcher.look()
    print(json.dumps({'of Nova alone': nova_alone,
                      'that the driver adds': _megabytes() - nova_alone}))
    made.cleanup_host('here')


if __name__ == '__main__':
    main(*sys.argv[1:])
