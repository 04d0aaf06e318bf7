# SPDX-License-Identifier: Apache-2.0
"""Everything that VirtualBoxDriver is made of, from the configuration.

Nothing is connected, started or looked at here.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import ssl
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import cast

from nova.image import glance
from nova.virt import event as virtevent
from nova.virt import virtapi as nova_virtapi
from oslo_config import cfg
from oslo_utils import units

from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import settings
from nova_hypervisors.clients.vbox import vboxmanage
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webservice
from nova_hypervisors.clients.vbox import websession
from nova_hypervisors.common import availability
from nova_hypervisors.common import devices
from nova_hypervisors.common import handouts
from nova_hypervisors.common import health
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import locks
from nova_hypervisors.common import metrics
from nova_hypervisors.common import plugging
from nova_hypervisors.common import ports
from nova_hypervisors.common import resources
from nova_hypervisors.common import secrets
from nova_hypervisors.common import serviceops
from nova_hypervisors.common import snapshotimages
from nova_hypervisors.consoles import certificates
from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import serial
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import guestops
from nova_hypervisors.virtualbox import hostops
from nova_hypervisors.virtualbox import livemigrationops
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import migrationops
from nova_hypervisors.virtualbox import networkops
from nova_hypervisors.virtualbox import options
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import remoteimages
from nova_hypervisors.virtualbox import remotestorage
from nova_hypervisors.virtualbox import rescueops
from nova_hypervisors.virtualbox import resizeops
from nova_hypervisors.virtualbox import snapshotops
from nova_hypervisors.virtualbox import storage
from nova_hypervisors.virtualbox import transfers
from nova_hypervisors.virtualbox import vmops
from nova_hypervisors.virtualbox import volumeops
from nova_hypervisors.virtualbox import watcher

_SSL = 'Security'

# VirtualBox's own, to which each host adds its name.
_INITIATOR = 'iqn.2009-08.com.sun.virtualbox.initiator'
_NOT_IN_NAMES = re.compile('[^-.:a-z0-9]')


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    client: interface.VBoxClient
    files: files.HostFiles
    machines: machines.Machines
    consoles: consoleops.ConsoleOps
    devices: devices.DeviceMetadata
    disks: diskops.DiskOps
    host: hostops.HostOps
    live_migrations: livemigrationops.LiveMigrationOps
    migrations: migrationops.MigrationOps
    power: powerops.PowerOps
    guests: guestops.GuestOps
    health: health.Endpoint
    rescues: rescueops.RescueOps
    volumes: volumeops.VolumeOps
    service: serviceops.ServiceOps
    snapshots: snapshotops.SnapshotOps
    transfers: transfers.Transfers
    vms: vmops.VMOps
    storage: storage.Storage
    watcher: watcher.Watcher
    cache_ages: imagecache.Ages | None


def host_files(conf: cfg.ConfigOpts) -> files.HostFiles:
    instances = Path(conf.instances_path)
    return files.HostFiles(
        instances=instances,
        image_cache=instances / conf.image_cache.subdirectory_name,
        name=str(conf.host),
        private=Path(conf.state_path) / 'virtualbox',
        host=other_host(conf))


def other_host(conf: cfg.ConfigOpts) -> files.HostFolders | None:
    path = conf.virtualbox.webservice_instances_path
    return files.HostFolders(api.host_path(path)) if path else None


def make_client(conf: cfg.ConfigOpts,
                measures: metrics.Metrics | None = None,
                ) -> interface.VBoxClient:
    if conf.virtualbox.backend == 'webservice':
        return _make_webservice_client(conf, measures)
    return _make_vboxmanage_client(conf,
                                   measures.observe if measures else None)


def _make_webservice_client(conf: cfg.ConfigOpts,
                            measures: metrics.Metrics | None,
                            ) -> interface.VBoxClient:
    group = conf.virtualbox
    service = soap.Service(
        group.webservice_url, websession.NAMESPACE,
        tls=webservice_tls(conf), connections=group.webservice_connections,
        connect_timeout_s=group.webservice_connect_timeout,
        timeout_s=group.command_timeout, greeting=websession.GREETING)
    sessions = weblogon.WebSessions(
        service, group.webservice_user,
        functools.partial(webservice_password, conf),
        retry.Policy(group.retry_count, group.retry_interval),
        measures.observe if measures else None)
    if measures:
        measures.show_sessions(lambda: sessions.open_count)
    return webservice.WebServiceClient(sessions, group.copy_timeout,
                                       group.webservice_transfers)


def _first_line(path: str) -> str:
    """:raises OSError: the file cannot be read"""
    return (Path(path).read_text().splitlines() or [''])[0]


def webservice_password(conf: cfg.ConfigOpts) -> str:
    """:raises OSError: the file with it cannot be read"""
    path = conf.virtualbox.webservice_password_file
    if path:
        return _first_line(path)
    return conf.virtualbox.webservice_password or ''


def webservice_tls(conf: cfg.ConfigOpts) -> ssl.SSLContext | None:
    """:raises OSError: a certificate cannot be read"""
    group = conf.virtualbox
    if not group.webservice_url.startswith('https:'):
        return None
    context = ssl.create_default_context(
        cafile=group.webservice_ca_file or None)
    if group.webservice_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _make_vboxmanage_client(conf: cfg.ConfigOpts,
                            observe: telemetry.Observer | None,
                            ) -> interface.VBoxClient:
    group = conf.virtualbox
    home = Path(group.home) if group.home else settings.default_home()
    run = program.Program(
        group.vboxmanage_cmd, timeout_s=group.command_timeout,
        private_folder=host_files(conf).private,
        env=settings.environment(home) if group.home else {},
        policy=retry.Policy(group.retry_count, group.retry_interval),
        observe=observe)
    return vboxmanage.VBoxManageClient(run, home, group.copy_timeout)


def make_parts(conf: cfg.ConfigOpts, virtapi: nova_virtapi.VirtAPI,
               emit: Callable[[virtevent.LifecycleEvent], None],
               client: interface.VBoxClient,
               measures: metrics.Metrics | None = None) -> Parts:
    group = conf.virtualbox
    folders = host_files(conf)
    machine_map = machines.Machines(client)
    instance_locks = locks.InstanceLocks()
    consoles = make_consoles(conf, client, machine_map, folders)
    where = make_storage(conf, client, measures)
    disks = diskops.DiskOps(client, where, conf.use_cow_images)
    networks = networkops.NetworkOps(
        client, machine_map, functools.partial(options.mappings, conf),
        ports.Ports(), spares=group.spare_network_adapters)
    available = availability.Availability(virtapi, conf.host,
                                          group.state_poll_interval)
    watch = watcher.Watcher(client, machine_map, instance_locks,
                            group.state_poll_interval, emit,
                            consoles.follow_serial, available)
    host = hostops.HostOps(client, machine_map, folders, where,
                           hostname=conf.host,
                           reserved=resources.Reserved.of(conf))
    if measures:
        measures.show_servers(watch.states)
        measures.show_spaces(lambda: host.spaces)
    power = powerops.PowerOps(
        client, machine_map, folders, networks, consoles, instance_locks,
        watch, soft_reboot_s=group.wait_soft_reboot_seconds)
    volumes = volumeops.VolumeOps(
        client, machine_map, instance_locks, host=conf.host,
        initiator=group.iscsi_initiator or (
            f'{_INITIATOR}:{_NOT_IN_NAMES.sub("-", conf.host.lower())}'))
    metadata = devices.DeviceMetadata(devices.Records())
    vms = vmops.VMOps(client, machine_map, folders, disks, networks, consoles,
                      power, volumes, instance_locks, watch,
                      metadata,
                      plugging.PlugEvents(virtapi, conf.vif_plugging_timeout,
                                          conf.vif_plugging_is_fatal),
                      group.disk_ports)
    resizes = resizeops.ResizeOps(client, machine_map, folders, disks, power,
                                  vms)
    moves = _make_transfers(conf, folders)
    return Parts(
        client=client, files=folders, machines=machine_map,
        consoles=consoles, devices=metadata, disks=disks, power=power,
        storage=where, watcher=watch,
        health=health.Endpoint.of(conf, available, measures),
        host=host,
        live_migrations=livemigrationops.LiveMigrationOps(
            client, machine_map, folders, disks, power, consoles, vms,
            instance_locks,
            address=handouts.reachable(conf, group.teleport_address),
            ports=options.ports(group.teleport_ports)),
        migrations=migrationops.MigrationOps(
            client, machine_map, folders, disks, power, vms, resizes, moves,
            instance_locks),
        rescues=rescueops.RescueOps(client, machine_map, folders, disks, power,
                                    instance_locks),
        service=serviceops.ServiceOps(conf.host),
        guests=guestops.GuestOps(client, machine_map, instance_locks,
                                 guestops.Account.of(conf, 'virtualbox')),
        snapshots=snapshotops.SnapshotOps(
            client, machine_map, where, instance_locks,
            snapshotimages.SnapshotImages(
                glance.API(), folders.snapshots,
                image_format=group.snapshot_image_format,
                timeout_s=group.copy_timeout)),
        transfers=moves, volumes=volumes, vms=vms,
        cache_ages=_cache_ages(conf))


def make_storage(conf: cfg.ConfigOpts, client: interface.VBoxClient,
                 measures: metrics.Metrics | None = None) -> storage.Storage:
    folders = host_files(conf)
    limit_s = conf.virtualbox.copy_timeout
    looked_up = measures.look_up if measures else telemetry.nobody
    if folders.host is None:
        if measures:
            measures.show_image_cache(folders.image_cache)
        return storage.LocalStorage(client, folders, imagecache.ImageCache(
            folders.image_cache, 'vdi', limit_s, looked_up))
    # options.py has made sure that it is the web service's.
    remote = cast('interface.RemoteClient', client)
    images = remoteimages.RemoteImages(
        remote, folders.host,
        imagecache.ImageCache(folders.snapshots, 'raw', limit_s),
        folders.image_cache, looked_up)
    return remotestorage.RemoteStorage(
        remote, folders.host, folders.snapshots, images,
        conf.virtualbox.webservice_disk_gb)


def make_consoles(conf: cfg.ConfigOpts, client: interface.VBoxClient,
                   machine_map: machines.Machines,
                   folders: files.HostFiles) -> consoleops.ConsoleOps:
    secret = secrets.HostSecret(folders.secret)
    return consoleops.ConsoleOps(
        client, machine_map, folders, secret=secret,
        display=display_settings(conf),
        console_relay=relay.Relay(
            conf.virtualbox.console_port, secret.derive,
            functools.partial(_tls, conf)),
        serial_ports=serial.SerialPorts(
            conf.virtualbox.console_log_size * units.Ki),
        serial_address=(conf.serial_console.proxyclient_address
                        if conf.serial_console.enabled and not folders.host
                        else None),
        remote=(cast('interface.RemoteClient', client) if folders.host
                else None))


def _make_transfers(conf: cfg.ConfigOpts,
                    folders: files.HostFiles) -> transfers.Transfers:
    group = conf.virtualbox
    return transfers.Transfers(folders, handouts.Handouts.of(
        conf, 'virtualbox', offers=folders.offers,
        own_identity=folders.identity, timeout_s=group.copy_timeout,
        policy=retry.Policy(group.retry_count, group.retry_interval)))


def display_settings(conf: cfg.ConfigOpts,
                     ) -> consoleops.DisplaySettings | None:
    group = conf.virtualbox
    if not group.remote_display:
        return None
    return consoleops.DisplaySettings(
        extension_pack=group.vrde_module,
        address=str(conf.vnc.server_listen),
        ports=group.vrde_port,
        unique_port=group.vrde_unique_port,
        uuid_password=group.vrde_require_instance_uuid_as_password,
        password_length=group.vrde_password_length,
        properties=_rdp_properties(conf),
        proxy_address=str(conf.vnc.server_proxyclient_address),
        other_host=(urllib.parse.urlsplit(group.webservice_url).hostname
                    if other_host(conf) else None))


def _rdp_properties(conf: cfg.ConfigOpts) -> dict[str, str]:
    """Return the settings of VirtualBox's RDP server.

    Source: "VRDP Customization" in VirtualBox's manual.
    """
    group = conf.rdp
    if not (group.enabled and group.encrypted_rdp):
        return {}
    values = {
        f'{_SSL}/Method': group.security_method,
        f'{_SSL}/ServerCertificate': group.server_certificate,
        f'{_SSL}/ServerPrivateKey': group.server_private_key,
        f'{_SSL}/CACertificate': group.server_ca,
    }
    return {key: value for key, value in values.items() if value}


def _tls(conf: cfg.ConfigOpts) -> ssl.SSLContext | None:
    group = conf.virtualbox
    return certificates.load(group.console_certificate,
                             group.console_private_key,
                             group.console_client_ca)


def _cache_ages(conf: cfg.ConfigOpts) -> imagecache.Ages | None:
    group = conf.image_cache
    if not group.remove_unused_base_images:
        return None
    return imagecache.Ages(
        original_s=group.remove_unused_original_minimum_age_seconds,
        base_s=group.remove_unused_resized_minimum_age_seconds)
