# SPDX-License-Identifier: Apache-2.0
"""The options of ``[health]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'health',
    title='Health',
    help="""
Where nova-compute says how it and its hypervisor are, by HTTP.

``/healthz`` says as JSON that the process is alive and whether its hypervisor
answers; ``/metrics`` counts and measures, for Prometheus.
""")

OPTS = [
    cfg.IPOpt(
        'listen_address',
        default='127.0.0.1',
        help="""
The address on which nova-compute says how it is.

Whoever asks is told everything, without a password.  So only addresses of the
loopback are taken; with another one nova-compute does not start.

Possible values:

* ``127.0.0.1``, another address of ``127.0.0.0/8``, or ``::1``.

Related options:

* ``listen_port``
"""),
    cfg.PortOpt(
        'listen_port',
        default=0,
        help="""
The port on which nova-compute says how it is.

Each nova-compute of a host needs one of its own.  With a port that is taken
nova-compute does not start.  ``nova-hypervisors check --live`` asks there.

Possible values:

* A port that nothing else on this host has.
* 0: nothing is listened on, and nothing is measured.

Related options:

* ``listen_address``
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
