# SPDX-License-Identifier: Apache-2.0
"""What the options make of the driver's parts."""

from pathlib import Path

import pytest
from nova import exception

from nova_hypervisors import conf
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.common import imagecache
from nova_hypervisors.tests import certificates
from nova_hypervisors.virtualbox import factory


class TestFolders:
    def test_they_are_nova_s(self, config):
        config.config(instances_path='/srv/i', state_path='/srv/s')
        config.config(group='image_cache', subdirectory_name='images')
        found = factory.host_files(conf.CONF)
        assert (found.instances, found.image_cache, found.private) == (
            Path('/srv/i'), Path('/srv/i/images'), Path('/srv/s/virtualbox'))


class TestClient:
    @pytest.fixture
    def client(self, config, vboxmanage):
        def client(**options):
            config.config(group='virtualbox', **{
                'vboxmanage_cmd': str(vboxmanage.path), **options})
            return factory.make_client(conf.CONF)
        return client

    def test_it_runs_the_program_that_was_set(self, client):
        assert client().get_version() == version.Version(7, 2, 22)

    def test_it_is_not_run_before_something_is_asked(self, client):
        found = client(vboxmanage_cmd='/no/such/program')
        with pytest.raises(errors.NotInstalled, match='/no/such/program'):
            found.get_version()

    def test_virtualbox_is_told_which_home_to_use(self, client, vboxmanage):
        vboxmanage.path.write_text(
            '#!/bin/sh\necho "Key: home, Value: $VBOX_USER_HOME"\n')
        found = client(home='/srv/virtualbox').get_extradata('')
        assert found == {'home': '/srv/virtualbox'}


class TestCache:
    def test_its_ages_are_nova_s(self, config, make_parts):
        config.config(
            group='image_cache',
            remove_unused_original_minimum_age_seconds=7,
            remove_unused_resized_minimum_age_seconds=8)
        assert make_parts().cache_ages == imagecache.Ages(7, 8)

    def test_nothing_is_deleted_if_that_is_wanted(self, config, make_parts):
        config.config(group='image_cache', remove_unused_base_images=False)
        assert make_parts().cache_ages is None


class TestReserved:
    def test_it_is_nova_s(self, config, make_parts):
        config.config(reserved_host_cpus=1, reserved_host_memory_mb=512,
                      reserved_host_disk_mb=1025)
        ratios = dict.fromkeys(('VCPU', 'MEMORY_MB', 'DISK_GB'), 1.0)
        found = make_parts().host.inventory(ratios)
        assert {name: entry['reserved'] for name, entry in found.items()} == {
            'VCPU': 1, 'MEMORY_MB': 512, 'DISK_GB': 2}


class TestTls:
    def test_a_key_that_cannot_be_read_is_named(self, config, make_parts,
                                                tmp_path):
        certificate, key = certificates.Authority(tmp_path / 'a').make('x')
        Path(key).write_text('nonsense')
        config.config(group='virtualbox', console_certificate=certificate,
                      console_private_key=key)
        with pytest.raises(exception.InvalidConfiguration,
                           match='console_certificate'):
            make_parts().consoles.start()
