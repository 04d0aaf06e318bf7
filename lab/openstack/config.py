# SPDX-License-Identifier: Apache-2.0
"""The configuration files of the cloud's services."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lab import layout
from lab import storage
from lab import vsphere
from lab.baremetal import qemu

#: The cloud listens on loopback only: this is no secret.
PASSWORD = 'lab'
HOST = 'lab'
SECOND_HOST = 'lab-2'
ESX_HOST = 'lab-esx'
METAL_HOST = 'lab-metal'
#: Its own name in clouds.yaml, for nodes that are its servers.
CLOUD = 'lab'
REGION = 'RegionOne'
PHYSICAL_NETWORK = 'physnet1'

DATABASES = ('keystone', 'placement', 'glance', 'neutron', 'cinder',
             'nova_api', 'nova', 'nova_cell0')

Sections = dict[str, dict[str, object]]


def url(service: str, path: str = '') -> str:
    return f'http://127.0.0.1:{layout.PORTS[service]}{path}'


def database(lab: layout.Layout, name: str) -> str:
    return (f'mysql+pymysql://root@localhost/{name}'
            f'?unix_socket={database_socket(lab)}&charset=utf8mb4')


def database_socket(lab: layout.Layout) -> Path:
    return lab.run / 'mariadb.sock'


def credentials(user: str) -> dict[str, object]:
    """Return how a service proves who it is."""
    return {'auth_type': 'password', 'auth_url': url('keystone', '/v3'),
            'username': user, 'password': PASSWORD, 'project_name': 'service',
            'user_domain_id': 'default', 'project_domain_id': 'default'}


def regional(user: str) -> dict[str, object]:
    return {**credentials(user), 'region_name': REGION}


def token_check(user: str) -> dict[str, object]:
    return {**credentials(user), 'service_token_roles': 'service',
            'service_token_roles_required': True, 'memcached_servers': '',
            'www_authenticate_uri': url('keystone')}


def _common() -> dict[str, object]:
    return {'transport_url': f'rabbit://guest:guest@127.0.0.1:'
                             f'{layout.PORTS["rabbitmq"]}/'}


def _locks(lab: layout.Layout) -> dict[str, object]:
    return {'lock_path': lab.state / 'locks'}


def keystone(lab: layout.Layout) -> Sections:
    keys = lab.state / 'keystone'
    return {
        'DEFAULT': {'public_endpoint': url('keystone', '/')},
        'database': {'connection': database(lab, 'keystone')},
        'fernet_tokens': {'key_repository': keys / 'tokens'},
        'fernet_receipts': {'key_repository': keys / 'tokens'},
        'credential': {'key_repository': keys / 'credentials'},
        # bcrypt at its cheapest: nobody's passwords are in here.
        'identity': {'password_hash_rounds': 4},
    }


def placement(lab: layout.Layout) -> Sections:
    return {
        'api': {'auth_strategy': 'keystone'},
        'placement_database': {'connection': database(lab, 'placement')},
        'keystone_authtoken': token_check('placement'),
    }


def glance(lab: layout.Layout) -> Sections:
    store = lab.state / 'glance'
    return {
        'DEFAULT': {**_common(), 'enabled_backends': 'file:file',
                    'worker_self_reference_url': url('glance')},
        'database': {'connection': database(lab, 'glance')},
        'glance_store': {'default_backend': 'file'},
        'file': {'filesystem_store_datadir': store / 'images'},
        'os_glance_staging_store': {
            'filesystem_store_datadir': store / 'staging'},
        'os_glance_tasks_store': {
            'filesystem_store_datadir': store / 'tasks'},
        'paste_deploy': {
            'flavor': 'keystone',
            'config_file': lab.cloud / 'etc/glance/glance-api-paste.ini'},
        'wsgi': {'python_interpreter': lab.cloud / 'bin/python'},
        'keystone_authtoken': token_check('glance'),
        'oslo_concurrency': _locks(lab),
    }


def neutron(lab: layout.Layout) -> Sections:
    return {
        'DEFAULT': {
            **_common(), 'state_path': lab.state / 'neutron',
            'core_plugin': 'ml2', 'service_plugins': '',
            'auth_strategy': 'keystone',
            'api_paste_config': lab.cloud / 'etc/neutron/api-paste.ini',
            'notify_nova_on_port_status_changes': True,
            'notify_nova_on_port_data_changes': True,
            'rpc_workers': 1, 'rpc_state_report_workers': 0, 'host': HOST},
        'database': {'connection': database(lab, 'neutron')},
        'keystone_authtoken': token_check('neutron'),
        'nova': regional('nova'),
        'placement': regional('placement'),
        'oslo_concurrency': _locks(lab),
        'ml2': {'type_drivers': 'flat', 'tenant_network_types': '',
                'mechanism_drivers': 'openvswitch,vbox',
                'extension_drivers': 'port_security'},
        'ml2_type_flat': {'flat_networks': PHYSICAL_NETWORK},
        'ml2_vbox': {'physical_networks': f'*:{PHYSICAL_NETWORK}'},
        'securitygroup': {'enable_security_group': True},
    }


def cinder(lab: layout.Layout) -> Sections:
    etc = lab.etc / 'cinder'
    return {
        'DEFAULT': {
            **_common(), 'host': HOST, 'my_ip': '127.0.0.1',
            'state_path': lab.state / 'cinder',
            'api_paste_config': lab.cloud / 'etc/cinder/api-paste.ini',
            'resource_query_filters_file':
                lab.cloud / 'etc/cinder/resource_filters.json',
            'glance_api_servers': url('glance'),
            'enabled_backends': 'files'},
        'files': {
            'volume_driver': 'lab.openstack.volumes.FileDriver',
            'volume_backend_name': 'files',
            'file_volumes_dir': lab.volumes,
            'volumes_dir': lab.state / 'cinder/targets',
            'target_helper': 'tgtadm', 'target_ip_address': '127.0.0.1',
            'target_port': layout.PORTS['tgtd'], 'use_chap_auth': True},
        'database': {'connection': database(lab, 'cinder')},
        'keystone_authtoken': token_check('cinder'),
        'service_user': {**credentials('cinder'),
                         'send_service_user_token': True},
        'nova': regional('nova'),
        # Nobody here but root, who needs no sudo.
        'cinder_sys_admin': {
            'helper_command': f'{lab.cloud}/bin/privsep-helper '
                              f'--config-file {etc}/cinder.conf'},
        'oslo_concurrency': _locks(lab),
    }


def nova(lab: layout.Layout) -> Sections:
    """Return what all of Nova's services share."""
    return {
        'oslo_policy': {'policy_file': policies(lab)},
        'DEFAULT': {
            **_common(), 'host': HOST, 'my_ip': '127.0.0.1',
            'state_path': lab.state / 'nova',
            'allow_resize_to_same_host': True,
            # One machine that is stopped and started again: no long good-bye.
            'shutdown_timeout': 10, 'graceful_shutdown_timeout': 10,
            'manager_shutdown_timeout': 5, 'service_down_time': 60},
        'wsgi': {'api_paste_config': lab.cloud / 'etc/nova/api-paste.ini'},
        'keystone_authtoken': token_check('nova'),
        'service_user': {**credentials('nova'),
                         'send_service_user_token': True},
        'placement': regional('placement'),
        'neutron': regional('neutron'),
        'glance': {'region_name': REGION},
        'cinder': {**credentials('cinder'), 'os_region_name': REGION,
                   # The sample file has one.
                   'endpoint_template': url('cinder', '/v3/%(project_id)s')},
        'vnc': {'enabled': True, 'server_listen': '127.0.0.1',
                'server_proxyclient_address': '127.0.0.1',
                'novncproxy_host': '127.0.0.1',
                'novncproxy_port': layout.PORTS['novncproxy'],
                'novncproxy_base_url': url('novncproxy', '/vnc_lite.html')},
        'serial_console': {
            'enabled': True, 'proxyclient_address': '127.0.0.1',
            'serialproxy_host': '127.0.0.1',
            'serialproxy_port': layout.PORTS['serialproxy'],
            'base_url': f'ws://127.0.0.1:{layout.PORTS["serialproxy"]}/'},
        'scheduler': {'workers': 1,
                      'discover_hosts_in_cells_interval': 10},
        'conductor': {'workers': 1},
        'oslo_concurrency': _locks(lab),
    }


def nova_services(lab: layout.Layout) -> Sections:
    """Return what those have that use the data bases."""
    return {**nova(lab),
            'database': {'connection': database(lab, 'nova')},
            'api_database': {'connection': database(lab, 'nova_api')}}


def nova_compute(lab: layout.Layout) -> Sections:
    """Return what the lab's host has to say beside the sample file."""
    sections = nova(lab)
    sections['DEFAULT']['instances_path'] = lab.state / 'nova/instances'
    sections['virtualbox'] = {
        'vboxmanage_cmd': lab.vboxmanage,
        'home': lab.virtualbox_home,
        'physical_network_mappings': f'{PHYSICAL_NETWORK}:nat',
        'console_port': layout.PORTS['console-relay'],
        'wait_soft_reboot_seconds': 20,
        # Tempest adds ports to servers that run.
        'spare_network_adapters': 3,
    }
    return sections


def nova_compute_second(lab: layout.Layout) -> Sections:
    """Return what a second host has, with a VirtualBox of its own.

    It shares the folder of the servers with the first one.
    """
    sections = nova_compute(lab)
    sections['DEFAULT'] |= {'host': SECOND_HOST,
                            'state_path': lab.state / 'nova-2'}
    sections['virtualbox'] |= {
        'home': lab.second_home,
        'console_port': layout.PORTS['console-relay-2'],
        'transfer_port': layout.PORTS['transfer-2'],
        'teleport_ports': '25600-25649', 'vrde_port': '6001-6050'}
    return sections


def nova_compute_esx(lab: layout.Layout) -> Sections:
    """Return all that the nova-compute of the simulated ESX host needs."""
    sections = nova(lab)
    sections['DEFAULT'] |= {
        'compute_driver': 'nova_hypervisors.VMwareESXDriver',
        'host': ESX_HOST, 'state_path': lab.state / 'nova-esx'}
    sections['vnc'] = sections['serial_console'] = {'enabled': False}
    sections['vmware'] = {
        'host_ip': '127.0.0.1', 'host_port': layout.PORTS['vcsim'],
        'host_username': vsphere.USER, 'host_password': PASSWORD,
        'ca_file': vsphere.certificate(lab),
        'transfer_port': layout.PORTS['transfer-esx'],
        'physical_network_mappings': f'{PHYSICAL_NETWORK}:VM Network'}
    return sections


def metal_folder(lab: layout.Layout) -> Path:
    """Return where the bare machine is."""
    return lab.state / 'metal'


def clouds_file(lab: layout.Layout) -> Path:
    """Return what says how clients of another cloud get into this one."""
    return lab.etc / 'clouds.yaml'


def nova_compute_metal(lab: layout.Layout) -> Sections:
    """Return all that the nova-compute of the bare machine needs."""
    sections = nova(lab)
    state = lab.state / 'nova-metal'
    sections['DEFAULT'] |= {
        'compute_driver': 'nova_hypervisors.BareMetalDriver',
        'host': METAL_HOST, 'state_path': state,
        'instances_path': state / 'instances', 'force_config_drive': True}
    sections['vnc'] = sections['serial_console'] = {'enabled': False}
    # Where VirtualBox interprets all takes minutes.
    sections['baremetal'] = {'power_poll_interval': 3, 'deploy_timeout': 1800}
    sections['ilo'] = {'deploy_helper_images_ttl': 60}
    sections['deploy'] = {
        'callback_port': layout.PORTS['metal-callback'],
        # The host, as QEMU's network has it.
        'callback_url': f'https://{qemu.HOST}:'
                        f'{layout.PORTS["metal-callback"]}',
        'write_silence_timeout': 300,
        'publisher': 'http', 'http_root': state / 'served',
        'http_url': f'http://127.0.0.1:{layout.PORTS["metal-media"]}',
        'disk_devices': 'sda', 'kernel_append_params': 'console=ttyS0 quiet'}
    return sections


def policies(lab: layout.Layout) -> Path:
    """Return Nova's file of who may do what."""
    return lab.etc / 'nova/policy.yaml'


def write(lab: layout.Layout) -> None:
    """Write every service's configuration."""
    for name, sections in {
            'keystone/keystone.conf': keystone(lab),
            'placement/placement.conf': placement(lab),
            'glance/glance-api.conf': glance(lab),
            'neutron/neutron.conf': neutron(lab),
            'cinder/cinder.conf': cinder(lab),
            'nova/nova.conf': nova_services(lab),
            'nova/nova-compute.conf': nova_compute(lab),
            'nova/nova-compute-2.conf': nova_compute_second(lab),
            'nova/nova-compute-esx.conf': nova_compute_esx(lab),
            'nova/nova-compute-metal.conf': nova_compute_metal(lab),
            }.items():
        path = lab.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_ini(sections))
    # The simulated ESX host cannot make a disk larger: its flavors have none,
    # which Nova lets only administrators use.
    policies(lab).write_text(
        '"os_compute_api:servers:create:zero_disk_flavor": '
        '"rule:project_member_or_admin"\n')
    # Nova's application takes the first of its files for the paste file.
    shutil.copy(lab.cloud / 'etc/nova/api-paste.ini', lab.etc / 'nova')
    for folder in ('locks', 'nova/instances', 'nova-2', 'nova-esx',
                   'nova-metal/instances', 'nova-metal/served', 'metal',
                   'glance/images', 'glance/staging', 'glance/tasks',
                   'neutron', 'keystone', 'cinder/files', 'cinder/targets'):
        (lab.state / folder).mkdir(parents=True, exist_ok=True)
    storage.targets(lab).write_text(
        f'include {lab.state}/cinder/targets/*\n')
    lab.openrc.write_text(openrc(lab))
    file = clouds_file(lab)
    file.touch(mode=0o600)
    file.write_text(json.dumps({'clouds': {CLOUD: {
        'region_name': REGION, 'auth': {
            key: value for key, value in credentials('admin').items()
            if key != 'auth_type'} | {'project_name': 'admin'}}}}))


def as_ini(sections: Sections) -> str:
    lines = []
    for name, options in sections.items():
        lines += [f'[{name}]',
                  *(f'{key} = {value}' for key, value in options.items()), '']
    return '\n'.join(lines)


def variables(lab: layout.Layout) -> dict[str, str]:
    """Return the environment in which clients find the cloud."""
    return {
        'OS_AUTH_URL': url('keystone', '/v3'),
        'OS_USERNAME': 'admin', 'OS_PASSWORD': PASSWORD,
        'OS_PROJECT_NAME': 'admin', 'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default', 'OS_REGION_NAME': REGION,
        'OS_COMPUTE_API_VERSION': '2.96',
        # No cloud of the user's own gets in the way.
        'OS_CLIENT_CONFIG_FILE': str(lab.etc / 'no-clouds.yaml'),
    }


def openrc(lab: layout.Layout) -> str:
    return '\n'.join([
        '# source this file, and "openstack server list" asks the lab',
        f'export PATH={lab.cloud}/bin:$PATH', 'unset OS_CLOUD',
        *(f'export {key}={value}' for key, value in variables(lab).items()),
        ''])
