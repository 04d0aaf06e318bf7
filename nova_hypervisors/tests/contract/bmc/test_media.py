# SPDX-License-Identifier: Apache-2.0
"""Virtual media are inserted and ejected alike, whatever the BMC."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api


@pytest.fixture(params=list(api.MediaKind))
def kind(request):
    return request.param


def found(machine, kind):
    return next(media for media in machine.media() if media.kind is kind)


class TestMedia:
    def test_the_drives(self, peer, machine):
        assert {media.kind for media in machine.media()} == peer.drives
        assert not any(media.inserted for media in machine.media())

    def test_in_and_out(self, peer, machine, kind):
        if kind not in peer.drives:
            with pytest.raises(errors.Unsupported):
                machine.insert_media(kind, peer.images[kind])
            return
        machine.insist_on_media()
        machine.insert_media(kind, peer.images[kind])
        media = found(machine, kind)
        assert media.inserted
        assert media.url in (peer.images[kind], None)
        machine.eject_media(kind)
        assert found(machine, kind) == api.Media(kind, False, None)

    def test_another_one_takes_its_place(self, peer, machine, kind):
        if kind in peer.drives:
            machine.insert_media(kind, peer.images[kind])
            machine.insert_media(kind, peer.images[kind])
            assert found(machine, kind).inserted
            machine.eject_media(kind)
            assert not found(machine, kind).inserted
        else:
            with pytest.raises(errors.Unsupported):
                machine.insert_media(kind, peer.images[kind])

    def test_what_is_empty_is_ejected(self, machine, kind):
        machine.eject_media(kind)
        machine.eject_media(kind)
        assert not any(media.inserted for media in machine.media())

    def test_while_it_runs(self, peer, machine):
        if api.MediaKind.CDROM in peer.drives:
            machine.power_on()
            peer.wait_for(api.Power.ON)
            machine.insert_media(api.MediaKind.CDROM,
                                 peer.images[api.MediaKind.CDROM])
            assert found(machine, api.MediaKind.CDROM).inserted
            machine.eject_media(api.MediaKind.CDROM)
            assert not found(machine, api.MediaKind.CDROM).inserted
        else:
            assert machine.media() == ()
