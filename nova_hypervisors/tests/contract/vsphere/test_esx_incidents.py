# SPDX-License-Identifier: Apache-2.0
"""What failures of hosts leave, and that they are understood alike again."""

import io

from nova_hypervisors.clients import errors
from nova_hypervisors.tests import incidents


def is_reproduced(made, kind, seam):
    incidents.is_reproduced(made, kind, seam)
    assert made.bundle.error.fault or seam == 'vsphere-file'


def test_a_call_that_the_host_refuses(client, replayed):
    made = replayed(lambda: client.power_on('no-such-machine'),
                    errors.MachineNotFound)
    is_reproduced(made, errors.MachineNotFound, 'vsphere-soap')


def test_a_task_that_fails(client, place, replayed):
    ref = place.machine()
    made = replayed(lambda: client.power_off(ref), errors.InvalidState)
    is_reproduced(made, errors.InvalidState, 'vsphere-task')


def test_a_file_that_is_missing(client, place, replayed):
    made = replayed(lambda: client.download(
        place.folder / 'none', io.BytesIO()), errors.MediumNotFound)
    is_reproduced(made, errors.MediumNotFound, 'vsphere-file')


def test_a_log_in_that_is_refused(peer, replayed):
    client = peer.make_client(password=lambda: 'not the pass word')
    made = replayed(client.connect, errors.AuthenticationFailed)
    is_reproduced(made, errors.AuthenticationFailed, 'vsphere-soap')
    assert 'not the pass word' not in made.bundle.text()


def test_what_a_host_says_holds_no_session_of_it(client, peer, replayed):
    other = peer.make_client()

    def work():
        other.connect()
        other.power_on('no-such-machine')

    made = replayed(work, errors.MachineNotFound)
    key = other._session.key
    other.close()
    assert key
    assert key not in made.bundle.text()
    assert peer.password not in [
        word for call in made.bundle.calls
        for word in str(call.request).replace('<', '>').split('>')]
