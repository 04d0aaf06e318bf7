# SPDX-License-Identifier: Apache-2.0
"""A cloud on this machine, of OpenStack's own services."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from lab import layout
from lab import packages
from lab import processes
from lab import progress
from lab import storage
from lab import virtualbox
from lab import vsphere
from lab.baremetal import virtualboxnode
from lab.openstack import config
from lab.openstack import rabbitmq

_HERE = Path(__file__).parent

# What users are told to begin with: nova-compute runs with it here too.
_SAMPLE = layout.CHECKOUT / 'etc/nova_compute.conf.sample'

# In the order in which they are stopped.
_SERVICES = ('nova-compute', 'nova-compute-2', 'nova-novncproxy',
             'nova-serialproxy', 'nova-scheduler', 'nova-conductor',
             'nova-api', 'cinder-volume', 'cinder-scheduler', 'cinder',
             'neutron', 'glance', 'placement', 'keystone')
# What not every demo has.
_OTHER_HOSTS = ('nova-compute-esx', 'vcsim', 'nova-compute-metal',
                'metal', 'metal-media')
_SERVERS = ('rabbitmq', 'epmd', 'mariadb')

_START_S = 90

# In the root: the page that nova-novncproxy serves.
_NOVNC = 'usr/share/novnc'


class Cloud:
    """Starts and stops the services; makes their data bases once."""

    def __init__(self, lab: layout.Layout) -> None:
        self._lab = lab
        self._processes = processes.Processes(lab)
        self._env = {
            **os.environ, 'PATH': f'{lab.cloud}/bin:{lab.bin}:'
            f'{os.environ["PATH"]}', 'PYTHONWARNINGS': 'ignore'}

    def is_running(self) -> bool:
        return set(_SERVICES) <= set(self._processes.names())

    def has_processes(self) -> bool:
        return bool(self._processes.names())

    def start(self, show: progress.Progress) -> None:
        """Start all of it; what runs already is left alone."""
        config.write(self._lab)
        with show.step('MariaDB and RabbitMQ'):
            self._start_servers()
        if not self._is_done('databases'):
            with show.step('Data bases'):
                self._make_databases()
        with show.step('Keystone, Placement, Glance, Neutron, Cinder, Nova'):
            self._start_apis()
        with show.step('nova-compute with VirtualBox, on two hosts'):
            # Servers that nobody wants there would go there.
            self._processes.stop(_OTHER_HOSTS, timeout_s=15)
            for host in (config.ESX_HOST, config.METAL_HOST):
                self._set_disabled(host, True)
            self._start_compute()

    def start_esx(self, show: progress.Progress) -> None:
        """Start a simulated ESX host, and a nova-compute for it."""
        with show.step('nova-compute with a simulated ESX host'):
            self._processes.start('vcsim', vsphere.command(
                self._lab, config.PASSWORD))
            progress.wait_until(
                'vcsim does not listen',
                lambda: listens(layout.PORTS['vcsim']), _START_S,
                self._log('vcsim'))
            self._end_outdated('nova-compute-esx')
            self._program('nova-compute-esx',
                          self._lab.etc / 'nova/nova-compute-esx.conf',
                          program='nova-compute')
            self._wait_for_compute('nova-compute-esx', config.ESX_HOST)
            self._set_disabled(config.ESX_HOST, False)

    def start_metal(self, show: progress.Progress) -> None:
        """Start a bare machine, and a nova-compute for it."""
        folder = config.metal_folder(self._lab)
        with show.step('nova-compute with a bare machine'):
            self._processes.start(
                'metal', (self._lab.cloud / 'bin/python', '-m',
                          'lab.baremetal.bmc', folder),
                {**self._env, 'PYTHONPATH': str(layout.CHECKOUT)})
            self._processes.start('metal-media', (
                'busybox', 'httpd', '-f', '-p',
                f'127.0.0.1:{layout.PORTS["metal-media"]}', '-h',
                self._lab.state / 'nova-metal/served'))
            progress.wait_until(
                'the machine is not there', (folder / 'node.yaml').exists,
                _START_S, self._log('metal'))
            self._end_outdated('nova-compute-metal')
            self._program('nova-compute-metal',
                          self._lab.etc / 'nova/nova-compute-metal.conf',
                          program='nova-compute')
            # Its cell knows it when it has a node.
            progress.wait_until(
                'nova-compute-metal is not up',
                lambda: self._is_compute_up('nova-compute-metal',
                                            config.METAL_HOST),
                _START_S, self._log('nova-compute-metal'))
            self._set_disabled(config.METAL_HOST, False)

    def stop(self) -> None:
        """Stop all of it, machines included."""
        self._processes.stop((*_OTHER_HOSTS, *_SERVICES,
                              virtualboxnode.SERVICE), timeout_s=15)
        for home in (self._lab.virtualbox_home, self._lab.second_home,
                     virtualboxnode.home(self._lab)):
            virtualbox.stop_machines(self._lab, home)
        # It does not end by itself while it has targets.
        self._processes.stop(('tgtd',), timeout_s=1)
        for name in _SERVERS:
            self._processes.stop((name,), timeout_s=20)

    # Servers in the root

    def _start_servers(self) -> None:
        data = self._lab.state / 'mariadb'
        if not data.exists():
            progress.run(
                (*self._in_root(), 'mariadb-install-db', '--no-defaults',
                 f'--datadir={data}', '--user=root', '--skip-test-db',
                 '--auth-root-authentication-method=normal'),
                self._log('mariadb'))
        self._processes.start('mariadb', (
            *self._in_root(), 'mariadbd', '--no-defaults',
            f'--datadir={data}', '--user=root', '--skip-networking',
            # Whoever can open the socket is root already.
            '--skip-grant-tables',
            f'--socket={config.database_socket(self._lab)}',
            '--max-connections=500', '--innodb-flush-log-at-trx-commit=0',
            '--innodb-buffer-pool-size=128M', '--performance-schema=off',
            '--character-set-server=utf8mb4'))
        rabbitmq.start(self._lab, self._processes, self._in_root(), self._env)
        progress.wait_until(
            'MariaDB does not answer', lambda: self._sql('select 1'),
            _START_S, self._log('mariadb'))

    def _in_root(self) -> tuple[str, ...]:
        return packages.in_root(self._lab.root, shared=(self._lab.top,),
                                tmp=self._lab.tmp)

    def _sql(self, statement: str) -> bool:
        command = (*self._in_root(), 'mariadb', '--no-defaults', '-S',
                   str(config.database_socket(self._lab)), '-e', statement)
        return subprocess.run(command, check=False,
                              capture_output=True).returncode == 0

    # Data bases

    def _make_databases(self) -> None:
        for name in config.DATABASES:
            self._sql(f'create database if not exists {name} '
                      'character set utf8mb3')
        etc = self._lab.etc
        log = self._log('databases')

        def manage(program: str, *words: str) -> None:
            progress.run((self._lab.cloud / 'bin' / program, *words), log,
                         env=self._env)

        def identity_and_images() -> None:
            keystone = ('--config-file', f'{etc}/keystone/keystone.conf')
            owner = ('--keystone-user', 'root', '--keystone-group', 'root')
            manage('keystone-manage', *keystone, 'db_sync')
            for kind in ('fernet_setup', 'credential_setup'):
                manage('keystone-manage', *keystone, kind, *owner)
            manage('keystone-manage', *keystone, 'bootstrap',
                   '--bootstrap-password', config.PASSWORD,
                   '--bootstrap-region-id', config.REGION,
                   '--bootstrap-public-url', config.url('keystone', '/v3'),
                   '--bootstrap-internal-url', config.url('keystone', '/v3'))
            manage('glance-manage', '--config-file',
                   f'{etc}/glance/glance-api.conf', 'db_sync')
            manage('placement-manage', '--config-file',
                   f'{etc}/placement/placement.conf', 'db', 'sync')

        def compute() -> None:
            nova = ('--config-file', f'{etc}/nova/nova.conf')
            manage('nova-manage', *nova, 'api_db', 'sync')
            manage('nova-manage', *nova, 'cell_v2', 'map_cell0',
                   '--database_connection',
                   config.database(self._lab, 'nova_cell0'))
            manage('nova-manage', *nova, 'db', 'sync')
            manage('nova-manage', *nova, 'cell_v2', 'create_cell', '--name',
                   'cell1', '--verbose')

        def network() -> None:
            manage('neutron-db-manage', '--config-file',
                   f'{etc}/neutron/neutron.conf', 'upgrade', 'heads')

        def volumes() -> None:
            manage('cinder-manage', '--config-file',
                   f'{etc}/cinder/cinder.conf', 'db', 'sync')

        progress.together(identity_and_images, compute, network, volumes)
        self._set_done('databases')

    # Services

    def _start_apis(self) -> None:
        etc = self._lab.etc
        self._wsgi('keystone', 'keystone.wsgi.api', 'http-socket',
                   {'OS_KEYSTONE_CONFIG_DIR': f'{etc}/keystone'})
        self._wait_for_api('keystone', '/v3')
        if not self._is_done('identity'):
            self._bootstrap('identity', *(
                config.url(service, path) for service, path in (
                    ('nova-api', '/v2.1'), ('placement', ''), ('glance', ''),
                    ('neutron', ''), ('cinder', '/v3'))))
        progress.wait_until(
            'RabbitMQ does not listen',
            lambda: listens(layout.PORTS['rabbitmq']), _START_S,
            self._log('rabbitmq'))
        self._wsgi('placement', 'placement.wsgi.api', 'http-socket',
                   {'OS_PLACEMENT_CONFIG_DIR': f'{etc}/placement'})
        # Nova sends images in chunks, which only uWSGI's router decodes.
        self._wsgi('glance', 'glance.wsgi.api', 'http',
                   {'OS_GLANCE_CONFIG_DIR': f'{etc}/glance'},
                   '--http-chunked-input', '--http-auto-chunked',
                   '--http-raw-body', '--http-timeout', '600',
                   '--socket-timeout', '60')
        self._wsgi('neutron', 'neutron.wsgi.api', 'http-socket',
                   {'OS_NEUTRON_CONFIG_DIR': f'{etc}/neutron',
                    'OS_NEUTRON_CONFIG_FILES': 'neutron.conf'})
        self._wsgi('nova-api', 'nova.wsgi.osapi_compute', 'http-socket',
                   {'OS_NOVA_CONFIG_DIR': f'{etc}/nova',
                    'OS_NOVA_CONFIG_FILES': 'api-paste.ini;nova.conf'})
        self._start_cinder()
        for name in ('nova-conductor', 'nova-scheduler', 'nova-serialproxy'):
            self._program(name, etc / 'nova/nova.conf')
        self._program('nova-novncproxy', etc / 'nova/nova.conf',
                      options=('--web', self._lab.root / _NOVNC))
        for name in ('placement', 'glance', 'neutron', 'cinder', 'nova-api'):
            self._wait_for_api(name, '/')

    def _start_cinder(self) -> None:
        settings = self._lab.etc / 'cinder/cinder.conf'
        self._wsgi('cinder', 'cinder.wsgi.api', 'http-socket', {},
                   '--pyargv', f'--config-file {settings}')
        self._program('cinder-scheduler', settings)
        self._processes.start(
            'tgtd', storage.daemon(self._lab, layout.PORTS['tgtd']),
            storage.environment(self._lab.storage_socket))
        self._program('cinder-volume', settings, env={
            # Its driver is the lab's own.
            'PYTHONPATH': str(layout.CHECKOUT),
            'TGT_IPC_SOCKET': str(self._lab.storage_socket)})

    def _start_compute(self) -> None:
        etc = self._lab.etc / 'nova'
        hosts = (('nova-compute', config.HOST, self._lab.virtualbox_home),
                 ('nova-compute-2', config.SECOND_HOST,
                  self._lab.second_home))
        for service, _, home in hosts:
            virtualbox.make_registry(self._lab, home)
            self._end_outdated(service)
            self._program(service, _SAMPLE, etc / f'{service}.conf',
                          program='nova-compute')
        if not self._is_done('content'):
            self._bootstrap('content', str(self._lab.guest),
                            config.PHYSICAL_NETWORK)
        for service, host, _ in hosts:
            self._wait_for_compute(service, host)
        progress.wait_until('cinder-volume is not up', self._is_volume_up,
                            _START_S, self._log('cinder-volume'))

    def _end_outdated(self, service: str) -> None:
        """End a nova-compute that runs what the checkout had before."""
        digest = hashlib.sha256()
        for path in sorted((layout.CHECKOUT / 'nova_hypervisors').rglob(
                '*.py')):
            if 'tests' not in path.parts:
                digest.update(path.read_bytes())
        kept = self._lab.run / f'{service}.code'
        if not kept.exists() or kept.read_text() != digest.hexdigest():
            self._processes.stop((service,), timeout_s=15)
            kept.write_text(digest.hexdigest())

    def _wait_for_compute(self, service: str, host: str) -> None:
        progress.wait_until(
            f'{service} is not known to its cell',
            lambda: self._is_mapped(service, host), _START_S,
            self._log(service), pause_s=0.5)
        progress.wait_until(
            f'{service} is not up', lambda: self._is_compute_up(service,
                                                                host),
            _START_S, self._log(service))

    def _is_mapped(self, service: str, host: str) -> bool:
        self._processes.require(service)
        query = f"select host from nova_api.host_mappings where host='{host}'"
        if self._found(query):
            return True
        progress.run(
            (self._lab.cloud / 'bin/nova-manage', '--config-file',
             self._lab.etc / 'nova/nova.conf', 'cell_v2', 'discover_hosts'),
            self._log('databases'), env=self._env)
        return self._found(query)

    def _is_compute_up(self, service: str, host: str) -> bool:
        self._processes.require(service)
        return self._found(
            f"select host from nova.services where host = '{host}' and "
            "`binary` = 'nova-compute' and deleted = 0 and last_seen_up > "
            'utc_timestamp() - interval 30 second')

    def _set_disabled(self, host: str, wanted: bool) -> None:
        self._sql(f'update nova.services set disabled = {wanted:d} '
                  f"where host = '{host}'")

    def _is_volume_up(self) -> bool:
        self._processes.require('cinder-volume')
        return self._found(
            "select host from cinder.services where `binary` = "
            "'cinder-volume' and updated_at > utc_timestamp() - "
            'interval 30 second')

    def _found(self, query: str) -> bool:
        return bool(progress.output_of(
            (*self._in_root(), 'mariadb', '--no-defaults', '-N', '-S',
             config.database_socket(self._lab), '-e', query)).strip())

    def _wsgi(self, name: str, module: str, listener: str,
              env: Mapping[str, str], *options: str) -> None:
        self._processes.start(name, (
            self._lab.cloud / 'bin/pyuwsgi', f'--{listener}',
            f'127.0.0.1:{layout.PORTS[name]}', '--module',
            f'{module}:application', '--master', '--lazy-apps', '--need-app',
            '--processes', '1', '--threads', '8', '--enable-threads',
            '--buffer-size', '65535', '--die-on-term', '--disable-logging',
            # Clients that keep connections would find them reset.
            '--add-header', 'Connection: close', *options),
            {**self._env, **env})

    def _program(self, name: str, *configuration: Path,
                 options: tuple[str | Path, ...] = (),
                 env: Mapping[str, str] | None = None,
                 program: str | None = None) -> None:
        files = [word for path in configuration
                 for word in ('--config-file', path)]
        self._processes.start(
            name, (self._lab.cloud / 'bin' / (program or name), *files,
                   *options), {**self._env, **(env or {})})

    def _wait_for_api(self, name: str, path: str) -> None:
        def answers() -> bool:
            self._processes.require(name)
            try:
                urllib.request.urlopen(config.url(name, path), timeout=5)
            except urllib.error.HTTPError as error:
                return error.code < 500
            except OSError:
                return False
            return True

        progress.wait_until(f'{name} does not answer', answers, _START_S,
                            self._log(name))

    def _bootstrap(self, what: str, *words: str) -> None:
        openrc = config.variables(self._lab)
        progress.run((self._lab.cloud / 'bin/python', _HERE / 'bootstrap.py',
                      what, *words), self._log('bootstrap'),
                     env={**self._env, **openrc})
        self._set_done(what)

    def _log(self, name: str) -> Path:
        return self._processes.log(name)

    def _is_done(self, what: str) -> bool:
        return (self._lab.state / f'.{what}').exists()

    def _set_done(self, what: str) -> None:
        (self._lab.state / f'.{what}').touch()


def listens(port: int) -> bool:
    """Return whether somebody does, on this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0
