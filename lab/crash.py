# SPDX-License-Identifier: Apache-2.0
"""nova-compute is killed while it makes a server, and started again.

Run by the cloud's own Python: ``python -m lab.crash``.  In the end the server
is in ERROR, as Nova has it, and nothing of it is in VirtualBox.
"""

from __future__ import annotations

import signal
import sys

import openstack as sdk

from lab import layout
from lab import openstack
from lab import processes
from lab import progress
from lab import virtualbox
from lab.openstack import config

_WAIT_S = 120


def run(lab: layout.Layout, show: progress.Progress) -> None:
    """:raises LabError: something is left, or the server is not in ERROR"""
    cloud = sdk.connect()
    compute = cloud.compute
    log = lab.logs / 'nova-compute.log'
    server = compute.create_server(
        name='crash', host=config.HOST,
        flavor_id=compute.find_flavor('m1.nano').id,
        image_id=cloud.image.find_image('guest-raw').id,
        networks=[{'uuid': cloud.network.find_network('flat').id}])
    # Kept by nova-compute for as long as it makes the server.
    mark = lab.state / 'nova/virtualbox/spawning' / server.id
    with show.step('nova-compute is killed while it makes a server'):
        progress.wait_until(
            'the server is not begun', mark.exists, _WAIT_S, log,
            pause_s=0.01)
        processes.Processes(lab).signal('nova-compute', signal.SIGKILL)
    if not mark.exists():
        raise progress.LabError('it was made already: nothing is shown')
    openstack.Cloud(lab).start(show)
    with show.step('the server is in ERROR'):
        progress.wait_until(
            'it is not',
            lambda: compute.get_server(server.id).status == 'ERROR',
            _WAIT_S, log)
    with show.step('nothing of it is left'):
        _nothing_left(lab, server.id)
    compute.delete_server(server.id)
    with show.step('it is deleted'):
        progress.wait_until('it is there',
                            lambda: compute.find_server(server.id) is None,
                            _WAIT_S, log)


def _nothing_left(lab: layout.Layout, server_id: str) -> None:
    for what in ('vms', 'hdds'):
        found = virtualbox.manage(lab, lab.virtualbox_home, 'list', what)
        if server_id in found:
            raise progress.LabError(f'{server_id} is in the list of {what}')
    if (lab.state / 'nova/instances' / server_id).exists():
        raise progress.LabError(f'the folder of {server_id} is there')


def main() -> int:
    try:
        run(layout.Layout.from_environment(), progress.Progress())
    except progress.LabError as error:
        print(f'\nFAILED: {error}\nSee {error.log}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
