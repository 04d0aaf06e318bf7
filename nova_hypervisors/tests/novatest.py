# SPDX-License-Identifier: Apache-2.0
"""Using Nova's own test classes from here, and under pytest."""

from __future__ import annotations

from nova_hypervisors.tests import peers


class RunsUnderPytest:
    """A mixin for nova.test.TestCase.

    Nova empties a test object when its test is over; pytest still wants to
    delete the test method that it has put there.
    """

    def _clear_attrs(self):
        kept = ('id', self._testMethodName)
        for key in [key for key in self.__dict__ if not key.startswith('_')]:
            if key not in kept:
                del self.__dict__[key]


def fill(glance) -> None:
    """Give Nova's fake images the content that they claim to have."""
    guest = peers.lab().guest.read_bytes()
    for image in glance.images.values():
        image['disk_format'] = 'raw'
        glance._imagedata[image['id']] = guest
    update = glance.update

    def keep(context, image_id, metadata, data=None, **arguments):
        # Nova's own throws what was uploaded away.
        if data is not None:
            glance._imagedata[image_id] = data.read()
        return update(context, image_id, metadata, **arguments)

    glance.update = keep
