# SPDX-License-Identifier: Apache-2.0
"""What every client tells of the host, and keeps for its users."""

from nova_hypervisors.clients.vbox import api


class TestHost:
    def test_it_has_processors_and_memory(self, client):
        host = client.host()
        assert host.cpus >= host.cores >= 1
        assert host.memory_mb > host.memory_free_mb > 0
        assert host.architecture in ('x86_64', 'aarch64')

    def test_its_version_is_one_that_we_know(self, client):
        assert client.get_version().release >= (7, 0)

    def test_its_vnc_extension_pack_can_be_used(self, client):
        pack, = client.extension_packs(['None Such', 'VNC'])
        assert (pack.name, pack.why_unusable) == ('VNC', '')

    def test_networks_of_each_kind_are_told(self, client):
        kinds = client.host_networks()
        assert kinds[api.AttachmentKind.BRIDGED]
        assert kinds[api.AttachmentKind.HOST_ONLY] == frozenset()


class TestExtradata:
    def test_what_is_set_is_found_by_its_prefix(self, client):
        client.set_extradata('contract/a', 'one: two, Value: three')
        client.set_extradata('other/b', 'x')
        assert client.get_extradata('contract/') == {
            'a': 'one: two, Value: three'}
        client.set_extradata('contract/a', None)
        assert client.get_extradata('contract/') == {}
