# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.virtualbox import machines

ENTRY = 'nova_hypervisors/machine/'


@pytest.fixture
def ours(client):
    return machines.Machines(client)


class TestClaiming:
    def test_it_is_ours_as_soon_as_it_is_said(self, ours, vbox):
        ours.claim('a')
        assert ours.is_claimed('a')
        assert ours.claimed() == ['a']
        assert vbox.extradata == {f'{ENTRY}a': 'a'}

    def test_it_is_not_any_more_when_it_is_released(self, ours, vbox):
        ours.claim('a')
        ours.claim('b')
        ours.release('a')
        assert ours.claimed() == ['b']
        assert vbox.extradata == {f'{ENTRY}b': 'b'}

    def test_what_was_never_claimed_is_released_without_a_word(self, ours,
                                                               client):
        ours.release('a')
        assert client.calls == []

    def test_what_could_not_be_said_can_be_released(self, ours, client, vbox):
        client.arm(1)
        with pytest.raises(errors.ClientError):
            ours.claim('a')
        ours.release('a')
        assert not ours.is_claimed('a')
        assert vbox.extradata == {}

    def test_what_could_not_be_released_can_be_later(self, ours, client,
                                                     vbox):
        ours.claim('a')
        client.arm(1)
        with pytest.raises(errors.ClientError):
            ours.release('a')
        assert ours.is_claimed('a')
        ours.release('a')
        assert vbox.extradata == {}

    def test_a_restart_forgets_nothing(self, ours, client):
        ours.claim('a')
        restarted = machines.Machines(client)
        assert not restarted.is_claimed('a')
        restarted.load()
        assert restarted.is_claimed('a')


class TestOtherUuids:
    """A machine that was taken over has a UUID of its own."""

    @pytest.fixture
    def ours(self, ours, vbox):
        vbox.set_extradata(f'{ENTRY}machine', 'instance')
        vbox.set_extradata('somebody/else', 'x')
        ours.load()
        return ours

    def test_the_entry_says_whose_it_is(self, ours):
        assert ours.machine_uuid('instance') == 'machine'
        assert ours.instance_uuid('machine') == 'instance'
        assert ours.is_claimed('instance')
        assert not ours.is_claimed('machine')
        assert ours.claimed() == ['machine']

    def test_it_is_released_by_its_instance(self, ours, vbox):
        ours.release('instance')
        assert vbox.extradata == {'somebody/else': 'x'}
        assert not ours.is_claimed('instance')

    def test_what_has_no_entry_would_have_its_instance_s_uuid(self, ours):
        assert ours.machine_uuid('another') == 'another'
        assert ours.instance_uuid('another') is None


class TestListing:
    def test_ours_and_others(self, ours, machine):
        first, second, stranger = machine(), machine(), machine()
        ours.claim(first)
        ours.claim(second)
        assert {key: found.uuid for key, found in ours.owned().items()} == {
            first: first, second: second}
        assert [found.uuid for found in ours.strangers()] == [stranger]

    def test_what_is_yet_to_be_made_is_not_there(self, ours):
        ours.claim('a')
        assert ours.owned() == {}
        assert ours.claimed() == ['a']

    def test_what_somebody_has_added_is_seen(self, ours, machine, vbox):
        uuid = machine()
        vbox.set_extradata(f'{ENTRY}{uuid}', 'instance')
        assert list(ours.owned()) == ['instance']
