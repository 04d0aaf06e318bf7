# SPDX-License-Identifier: Apache-2.0
"""The names by which bare metal was specified.

Three specifications of 2014 are where this driver comes from: Ironic's
ironic-virtualbox-webservice-support and ironic-ilo-virtualmedia-driver, and
TripleO's QuintupleO.  Who has read them, or has used what was made of them,
finds what they name.
"""

import importlib

import pytest
from oslo_config import cfg

from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import inventory
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.common import request
from nova_hypervisors.conf import opts
from nova_hypervisors.tests import builders

BARE = 'nova_hypervisors.baremetal'

CLASSES = f'''
{BARE}.power.virtualbox VirtualBoxPowerInterface power set_power reboot
{BARE}.management.virtualbox VirtualBoxManagementInterface boot set_boot
nova_hypervisors.clients.swift SwiftAPI upload_object delete_object get_tmp_url
{BARE}.boot.virtualmedia VirtualMediaBoot setup_virtual_media_boot
{BARE}.boot.virtualmedia VirtualMediaBoot cleanup_virtual_media_boot
{BARE}.deploy.iscsi InstanceImageCache ensure
{BARE}.deploy.ilo IloVirtualMediaIscsiDeploy validate deploy tear_down clean_up
{BARE}.deploy.ilo IloVirtualMediaIscsiDeploy _cache_instance_image
{BARE}.deploy.ilo IloVirtualMediaIscsiDeploy _check_image_size _destroy_images
{BARE}.deploy.ilo IloVirtualMediaIscsiDeploy _get_deploy_info _continue_deploy
{BARE}.callback VendorPassthru pass_deploy_info
'''.strip().splitlines()

FUNCTIONS = f'''
{BARE}.media create_vfat_image
{BARE}.media create_iso_image
{BARE}.deploy.iscsi parse_instance_info
'''.strip().splitlines()

# Of driver_info, by interface: some that are required, with both prefixes.
VIRTUALBOX = ('vbox_address', 'vbox_username', 'vbox_password', 'vbox_port',
              'vbox_vmname', 'virtualbox_host', 'virtualbox_username',
              'virtualbox_password', 'virtualbox_port', 'virtualbox_vmname')
ILO = ('ilo_address', 'ilo_username', 'ilo_password', 'client_port',
       'client_timeout', 'console_port', 'ilo_verify_ca', 'ca_file')

OPTIONS = {('ilo', 'swift_ilo_container'): 'ironic_ilo_container',
           ('ilo', 'deploy_helper_images_ttl'): 10,
           ('ilo', 'client_timeout'): 60, ('ilo', 'client_port'): 443,
           ('swift', 'swift_max_retries'): 2,
           ('deploy', 'efi_system_partition_size'): 200}


def fields(kind, name):
    """Return the settings of an interface by each of their names."""
    return {name: setting for setting in interfaces.load(kind, name).settings
            for name in setting.names}


@pytest.mark.parametrize('line', CLASSES)
def test_classes_and_their_methods_are_there(line):
    module, name, *methods = line.split()
    cls = getattr(importlib.import_module(module), name)
    for method in methods:
        assert callable(getattr(cls, method)), method


@pytest.mark.parametrize('line', FUNCTIONS)
def test_functions_are_there(line):
    module, name = line.split()
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize('kind', ['power', 'management'])
def test_a_machine_of_virtualbox_is_told_by_both_prefixes(kind):
    found = fields(kind, 'virtualbox')
    assert set(VIRTUALBOX) <= set(found)
    assert found['vbox_vmname'].required
    assert found['vbox_port'].default == 18083
    assert found['vbox_password'].kind == 'secret'
    assert found['vbox_username'] is found['virtualbox_username']


@pytest.mark.parametrize('kind', ['power', 'management'])
def test_an_ilo_is_told_by_the_names_that_it_had(kind):
    found = fields(kind, 'ilo4')
    assert set(ILO) <= set(found)
    assert all(found[name].required for name in ILO[:3])
    assert found['ilo_password'].kind == 'secret'


def test_the_disc_of_the_ramdisk_has_both_names():
    found = fields('boot', 'virtual-media')
    assert found['deploy_iso'] is found['ilo_deploy_iso']
    assert found['deploy_iso'].required


@pytest.mark.parametrize(('group', 'name'), OPTIONS)
def test_options_have_their_names_and_defaults(group, name):
    conf = cfg.ConfigOpts()
    for one, options in opts.list_opts():
        if one.name == group:
            conf.register_opts(options, group=group)
    conf([])
    assert conf[group][name] == OPTIONS[group, name]


@pytest.mark.parametrize('name', inventory.DRIVERS)
def test_drivers_are_interfaces_that_there_are(name):
    for kind, one in zip(nodes.KINDS, inventory.DRIVERS[name], strict=True):
        assert one in interfaces.names(kind)


def test_nova_tells_the_five_that_it_always_told():
    instance = builders.instance('image', kernel_id='', ramdisk_id='')
    info = spec.instance_info(request.SpawnRequest(
        None, instance, builders.image_meta(), [], {}), 'ext4')
    assert {'image_source', 'root_gb', 'swap_mb', 'ephemeral_gb',
            'ephemeral_format'} <= set(info)
