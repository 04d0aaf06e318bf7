# SPDX-License-Identifier: Apache-2.0
"""Nova's records of servers, for tests without Nova's database."""

from nova_hypervisors.common import devices


class FakeRecords:
    """:ivar known: the tags that there are

    :ivar saved: the instances that were saved
    """

    def __init__(self):
        self.known = devices.Tags({}, {})
        self.saved = []

    def tags(self, context, instance):
        return self.known

    def save(self, instance):
        self.saved.append(instance.uuid)
