# SPDX-License-Identifier: Apache-2.0
"""The cloud's message queue, in the lab's root."""

from __future__ import annotations

from collections.abc import Mapping

from lab import layout
from lab import processes

_PROGRAM = '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'


def start(lab: layout.Layout, running: processes.Processes,
          in_root: tuple[str, ...], base: Mapping[str, str]) -> None:
    """Start it, unless it runs.

    :param in_root: the words before a command that is run there
    :param base: environment
    """
    folder = lab.state / 'rabbitmq'
    folder.mkdir(exist_ok=True)
    ports = layout.PORTS
    (folder / 'rabbitmq.conf').write_text(
        f'listeners.tcp.1 = 127.0.0.1:{ports["rabbitmq"]}\n'
        'log.console = false\n'
        # What is transient goes with the connection or is declared so.
        'deprecated_features.permit.transient_nonexcl_queues = true\n')
    (folder / 'advanced.config').write_text(
        '[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n')
    env = {
        **base, 'HOME': str(folder),
        'RABBITMQ_NODENAME': 'lab@localhost',
        'RABBITMQ_DIST_PORT': str(ports['rabbitmq-peers']),
        'RABBITMQ_MNESIA_BASE': str(folder / 'mnesia'),
        'RABBITMQ_LOG_BASE': str(lab.logs / 'rabbitmq'),
        'RABBITMQ_CONFIG_FILE': str(folder / 'rabbitmq.conf'),
        'RABBITMQ_ADVANCED_CONFIG_FILE': str(folder / 'advanced.config'),
        'RABBITMQ_ENABLED_PLUGINS_FILE': str(folder / 'plugins'),
        'RABBITMQ_PID_FILE': str(folder / 'pid'),
        'ERL_EPMD_ADDRESS': '127.0.0.1',
        'ERL_EPMD_PORT': str(ports['epmd']),
        # One scheduler that does not spin: it shares two processors.
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '+S 1:1 +sbwt none',
    }
    running.start(
        'epmd', (*in_root, 'epmd', '-address', '127.0.0.1',
                 '-port', str(ports['epmd']), '-relaxed_command_check'),
        env)
    running.start(
        'rabbitmq', (*in_root, 'sh', '-c', f'exec {_PROGRAM}'),
        env)
