# SPDX-License-Identifier: Apache-2.0
"""Everything that VMwareESXDriver is made of, from the configuration.

Nothing is connected, started or looked at here.
"""

from __future__ import annotations

import dataclasses
import functools
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from nova.image import glance
from nova.virt import event as virtevent
from nova.virt import virtapi as nova_virtapi
from oslo_config import cfg

from nova_hypervisors.clients import probing
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import esx
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import availability
from nova_hypervisors.common import devices
from nova_hypervisors.common import guestpasswords
from nova_hypervisors.common import handouts
from nova_hypervisors.common import health
from nova_hypervisors.common import locks
from nova_hypervisors.common import metrics
from nova_hypervisors.common import plugging
from nova_hypervisors.common import resources
from nova_hypervisors.common import secrets
from nova_hypervisors.common import serviceops
from nova_hypervisors.common import snapshotimages
from nova_hypervisors.common import watcher
from nova_hypervisors.consoles import certificates
from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import webmks
from nova_hypervisors.vmwareapi import consoleops
from nova_hypervisors.vmwareapi import evacuateops
from nova_hypervisors.vmwareapi import guestops
from nova_hypervisors.vmwareapi import hostops
from nova_hypervisors.vmwareapi import imageops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machineid
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import migrationops
from nova_hypervisors.vmwareapi import networkops
from nova_hypervisors.vmwareapi import options
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import pullops
from nova_hypervisors.vmwareapi import rescueops
from nova_hypervisors.vmwareapi import resizeops
from nova_hypervisors.vmwareapi import serialports
from nova_hypervisors.vmwareapi import snapshotops
from nova_hypervisors.vmwareapi import vmops
from nova_hypervisors.vmwareapi import volumeops

_EVENTS = {
    api.PowerState.ON: virtevent.EVENT_LIFECYCLE_STARTED,
    api.PowerState.OFF: virtevent.EVENT_LIFECYCLE_STOPPED,
    api.PowerState.SUSPENDED: virtevent.EVENT_LIFECYCLE_SUSPENDED,
}

# With which its own streams come back as streams.
_IMAGE_PROPERTIES = {'vmdk': {'vmware_disktype': 'streamOptimized'}}

# The host tells when something changes; this is for what Nova did not hear,
# and for a host that is gone: Nova shall know within ten seconds.
_LOOK_S = 5.0
_PROBE_S = 3.0


class Watcher(watcher.Watcher[api.PowerState]):
    running = api.PowerState.ON


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """:param cache_age_s: None: images are kept for good"""

    client: interface.ESXClient
    layout: layout.Layout
    machines: machines.Machines
    host: hostops.HostOps
    health: health.Endpoint
    service: serviceops.ServiceOps
    devices: devices.DeviceMetadata
    images: imageops.ImageOps
    power: powerops.PowerOps
    volumes: volumeops.VolumeOps
    evacuations: evacuateops.EvacuateOps
    vms: vmops.VMOps
    consoles: consoleops.ConsoleOps
    snapshots: snapshotops.SnapshotOps
    rescues: rescueops.RescueOps
    resizes: resizeops.ResizeOps
    migrations: migrationops.MigrationOps
    guests: guestops.GuestOps
    handouts: handouts.Handouts
    pulls: pullops.PullOps
    watcher: Watcher
    cache_age_s: float | None


def make_layout(conf: cfg.ConfigOpts) -> layout.Layout:
    group = conf.vmware
    cache = group.image_cache_folder
    if group.linked_clone:
        # Hosts that share a datastore do not know of each other's children.
        cache = f'{cache}/{conf.host}'
    return layout.Layout(group.instances_folder, cache,
                         Path(conf.state_path) / 'vmwareapi')


def make_client(conf: cfg.ConfigOpts,
                measures: metrics.Metrics | None = None,
                ) -> interface.ESXClient:
    group = conf.vmware
    host = esx.ESXHost(
        str(group.host_ip), group.host_username or '',
        functools.partial(host_password, conf), port=group.host_port,
        # As Nova says of its options: with a file, insecure is ignored.
        ca_file=group.ca_file or None,
        insecure=group.insecure and not group.ca_file,
        connect_timeout_s=group.connect_timeout,
        timeout_s=group.request_timeout, task_timeout_s=group.task_timeout,
        wsdl_location=group.wsdl_location or None,
        cache=make_layout(conf).private,
        policy=retry.Policy(group.api_retry_count, group.retry_interval),
        observe=measures.observe if measures else None)
    if measures:
        measures.show_sessions(lambda: host.open_sessions)
    return host


def host_password(conf: cfg.ConfigOpts) -> str:
    """:raises OSError: the file with it cannot be read"""
    path = conf.vmware.host_password_file
    if path:
        return (Path(path).read_text().splitlines() or [''])[0]
    return conf.vmware.host_password or ''


def make_parts(conf: cfg.ConfigOpts, virtapi: nova_virtapi.VirtAPI,
               emit: Callable[[virtevent.LifecycleEvent], None],
               client: interface.ESXClient,
               measures: metrics.Metrics | None = None) -> Parts:
    group = conf.vmware
    where = make_layout(conf)
    machine_map = machines.Machines(client, where)
    instance_locks = locks.InstanceLocks()
    host = hostops.HostOps(
        client, machine_map, hostname=conf.host,
        reserved=resources.Reserved.of(conf), pattern=group.datastore_regex)
    images = imageops.ImageOps(
        client, where, group.task_timeout,
        looked_up=measures.look_up if measures else telemetry.nobody)
    networks = networkops.NetworkOps(
        client, machine_map, functools.partial(options.mappings, conf))
    power = powerops.PowerOps(client, machine_map, instance_locks,
                              soft_reboot_s=group.wait_soft_reboot_seconds)
    volumes = volumeops.VolumeOps(client, machine_map, instance_locks,
                                  host=conf.host)
    metadata = devices.DeviceMetadata(devices.Records())
    evacuations = evacuateops.EvacuateOps(client, machine_map, where, host)
    available = availability.Availability(virtapi, conf.host, _LOOK_S)
    watch = Watcher(machine_map.states, _EVENTS, instance_locks, _LOOK_S,
                    emit, host=available,
                    probe=functools.partial(
                        probing.connect, str(group.host_ip), group.host_port,
                        _PROBE_S))
    if measures:
        measures.show_servers(watch.states)
        measures.show_spaces(lambda: host.spaces)
    vms = vmops.VMOps(
        client, machine_map, where, host, images, networks, power,
        volumes, instance_locks, watch, evacuations, metadata,
        plugging.PlugEvents(virtapi, conf.vif_plugging_timeout,
                            conf.vif_plugging_is_fatal),
        serialports.SerialPorts(
            where.serial_ports, options.serial_ports(conf),
            machine_map.owned),
        vmops.Settings(
            linked=group.linked_clone,
            machine_id=machineid.text if group.machine_id else None,
            console_log=group.console_log))
    resizes = resizeops.ResizeOps(client, machine_map, power, instance_locks)
    handed_out = handouts.Handouts.of(
        conf, 'vmware', offers=where.offers, own_identity=where.identity,
        timeout_s=group.task_timeout,
        policy=retry.Policy(group.api_retry_count, group.retry_interval),
        opener=functools.partial(pullops.open_remote, client))
    return Parts(
        client=client, layout=where, machines=machine_map, host=host,
        health=health.Endpoint.of(conf, available, measures),
        service=serviceops.ServiceOps(conf.host), devices=metadata,
        images=images, power=power, volumes=volumes, evacuations=evacuations,
        vms=vms,
        consoles=_make_consoles(conf, client, machine_map, where),
        snapshots=snapshotops.SnapshotOps(
            client, machine_map, where, instance_locks,
            snapshotimages.SnapshotImages(
                glance.API(), where.downloads,
                image_format=group.snapshot_image_format,
                timeout_s=group.task_timeout,
                properties=_IMAGE_PROPERTIES.get(
                    group.snapshot_image_format))),
        rescues=rescueops.RescueOps(client, machine_map, images, power,
                                    instance_locks),
        resizes=resizes,
        migrations=migrationops.MigrationOps(
            client, machine_map, evacuations, resizes, vms, volumes, power,
            instance_locks),
        handouts=handed_out,
        guests=guestops.GuestOps(
            client, machine_map, instance_locks,
            guestpasswords.Account.of(conf, 'vmware')),
        pulls=pullops.PullOps(
            client, machine_map, where, host, handed_out, images, resizes,
            vms, volumes, power, instance_locks),
        watcher=watch,
        cache_age_s=_cache_age_s(conf))


def _make_consoles(conf: cfg.ConfigOpts, client: interface.ESXClient,
                   machine_map: machines.Machines,
                   where: layout.Layout) -> consoleops.ConsoleOps:
    group = conf.vmware
    secret = secrets.HostSecret(where.private / 'secret')
    return consoleops.ConsoleOps(
        client, machine_map,
        console_relay=relay.Relay(group.console_port, secret.derive,
                                  functools.partial(_tls, conf)),
        address=str(conf.vnc.server_proxyclient_address),
        serial_address=(str(conf.serial_console.proxyclient_address)
                        if conf.serial_console.enabled
                        and group.serial_ports else None),
        timeout_s=group.connect_timeout,
        open_screen=(functools.partial(_open_screen, conf)
                     if group.screen_protocol != 'none' else None),
        host=str(group.host_ip), port=group.host_port)


def _open_screen(conf: cfg.ConfigOpts, ticket: api.Ticket) -> socket.socket:
    """Go where the host itself was found: what it calls itself in a ticket
    may be known to nobody else.
    """
    group = conf.vmware
    tls = ssl.create_default_context(cafile=group.ca_file or None)
    if group.insecure and not group.ca_file:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return webmks.connect(
        str(group.host_ip), ticket.port or group.host_port, ticket.ticket,
        tls, thumbprint=ticket.thumbprint, timeout_s=group.connect_timeout)


def _tls(conf: cfg.ConfigOpts) -> ssl.SSLContext | None:
    group = conf.vmware
    return certificates.load(group.console_certificate,
                             group.console_private_key,
                             group.console_client_ca)


def _cache_age_s(conf: cfg.ConfigOpts) -> float | None:
    group = conf.image_cache
    if not group.remove_unused_base_images:
        return None
    return float(group.remove_unused_original_minimum_age_seconds)
