# SPDX-License-Identifier: Apache-2.0
import pytest
from nova.network import model

from nova_hypervisors.common import devices
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import records as fake

CONTEXT = builders.admin_context()


@pytest.fixture
def records():
    return fake.FakeRecords()


@pytest.fixture
def metadata(records):
    return devices.DeviceMetadata(records)


def told(instance):
    return [(getattr(device, 'mac', None) or device.path, device.tags)
            for device in instance.device_metadata.devices]


class TestDevices:
    def test_those_with_tags_are_told(self, metadata, records):
        tagged, plain = builders.vif(), builders.vif()
        records.known = devices.Tags({tagged['id']: 'outside'},
                                     {'/dev/sdb': 'data'})
        instance = builders.instance()
        metadata.set(CONTEXT, instance, [plain, tagged])
        assert told(instance) == [(tagged['address'], ['outside']),
                                  ('/dev/sdb', ['data'])]

    def test_there_may_be_none(self, metadata):
        instance = builders.instance()
        metadata.set(CONTEXT, instance, [builders.vif()])
        assert told(instance) == []

    def test_a_port_comes_and_another_goes(self, metadata, records):
        first, second = builders.vif(), builders.vif()
        records.known = devices.Tags({first['id']: 'a', second['id']: 'b'},
                                     {})
        instance = builders.instance()
        instance.info_cache.network_info = model.NetworkInfo([first])
        metadata.update(CONTEXT, instance, added=[second])
        assert [tags for _, tags in told(instance)] == [['a'], ['b']]
        metadata.update(CONTEXT, instance, added=[second], removed=[first])
        assert [tags for _, tags in told(instance)] == [['b']]
        assert records.saved == [instance.uuid] * 2

    def test_a_port_has_the_address_that_it_got_last(self, metadata, records):
        before = builders.vif()
        after = model.VIF(**{**before, 'address': '08:00:27:00:00:01'})
        records.known = devices.Tags({before['id']: 'a'}, {})
        instance = builders.instance()
        instance.info_cache.network_info = model.NetworkInfo([before])
        metadata.update(CONTEXT, instance, added=[after])
        assert told(instance) == [('08:00:27:00:00:01', ['a'])]
