# SPDX-License-Identifier: Apache-2.0
"""Nova's values for tests: instances, VIFs, configurations."""

from __future__ import annotations

import uuid
from pathlib import Path

from nova import context as nova_context
from nova import objects
from nova.network import model as network_model
from nova.objects import fields

from nova_hypervisors import conf as _registers_options  # noqa: F401

objects.register_all()


def admin_context():
    return nova_context.get_admin_context()


def instance(image_ref=None, *, vcpus=1, memory_mb=64, root_gb=1,
             extra_specs=None, system_metadata=None, trusted_certs=None,
             **changes):
    """Return an instance as the compute manager hands it to a driver."""
    flavor = objects.Flavor(
        id=1, name='tiny', flavorid='1', vcpus=vcpus, memory_mb=memory_mb,
        root_gb=root_gb, ephemeral_gb=0, swap=0, rxtx_factor=1.0,
        vcpu_weight=0, disabled=False, is_public=True,
        extra_specs=extra_specs or {})
    values = {
        'id': 1, 'uuid': str(uuid.uuid4()), 'display_name': 'a server',
        'project_id': 'a project', 'user_id': 'a user', 'host': 'here',
        'image_ref': image_ref or '', 'os_type': None, 'config_drive': '',
        'root_device_name': '/dev/sda', 'default_ephemeral_device': None,
        'default_swap_device': None, 'vm_state': 'active',
        'task_state': None, 'power_state': 1, 'architecture': None,
        'flavor': flavor, 'system_metadata': system_metadata or {},
        'metadata': {}, 'trusted_certs': trusted_certs, **changes}
    values.setdefault('info_cache', objects.InstanceInfoCache(
        network_info=network_model.NetworkInfo()))
    return objects.Instance(admin_context(), **values)


def migration(source='here', destination='here'):
    """Return a migration as the compute manager hands it to a driver."""
    return objects.Migration(source_compute=source,
                             dest_compute=destination)


def image_meta(**properties):
    return objects.ImageMeta.from_dict({'properties': properties})


def vif(physical_network='physnet1', address='fa:16:3e:00:00:01', *,
        active=True, vnic_type='normal', vlan=None):
    """Return a VIF as our mechanism driver has bound it."""
    return network_model.VIF(
        id=str(uuid.uuid4()), address=address, type='other', active=active,
        vnic_type=vnic_type,
        details={'physical_network': physical_network,
                 **({'vlan': vlan} if vlan else {})},
        network=network_model.Network(id=str(uuid.uuid4()), bridge=None))


def snapshot_states():
    """Return what a driver calls during a snapshot, and what it was told."""
    states = []

    def update(task_state, expected_state=None):
        states.append(task_state)

    return update, states


def configure(fixture, folder: Path, vboxmanage='VBoxManage', home='',
              **virtualbox):
    """Set a configuration as an operator might have it.

    :param fixture: an oslo_config.fixture.Config
    """
    fixture.config(host='here', state_path=str(folder / 'state'),
                   instances_path=str(folder / 'i'), my_ip='127.0.0.1')
    fixture.config(group='oslo_concurrency', lock_path=str(folder / 'locks'))
    fixture.config(group='virtualbox', **{
        'vboxmanage_cmd': str(vboxmanage), 'home': str(home),
        'physical_network_mappings': ['physnet1:nat'],
        'remote_display': True, 'vrde_module': 'VNC',
        'vrde_port': '5910-5950', 'vrde_unique_port': True,
        'console_port': 0, 'transfer_port': 0, 'wait_soft_reboot_seconds': 20,
        'state_poll_interval': 1, **virtualbox})


ARCHITECTURE = fields.Architecture.X86_64
