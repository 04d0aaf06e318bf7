# SPDX-License-Identifier: Apache-2.0
"""Which nodes there are, and whether they can be used."""

from __future__ import annotations

import collections
import concurrent.futures
import functools

import os_resource_classes
from oslo_config import cfg

from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import options
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import validation
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import checks

_NODES = 'nodes'


def run(conf: cfg.ConfigOpts, results: checks.Results) -> None:
    findings = options.findings(conf)
    results.report(findings)
    if any(finding.fatal for finding in findings):
        return
    here = factory.make_inventory(conf)
    try:
        with results.failing('database', errors.ClientError):
            here.database.upgrade()
            found = here.store.list_nodes()
            results.ok('database', f'it has {len(found)} nodes')
            _check_nodes(conf, here, found, results)
    finally:
        here.services.machines.close()
        here.database.close()


def _check_nodes(conf: cfg.ConfigOpts, here: factory.Inventory,
                 found: list[nodes.Node], results: checks.Results) -> None:
    own = [node for node in found if node.service_host == here.host]
    if not own:
        others = sorted({node.service_host for node in found})
        results.warn(_NODES, f'none belongs to [DEFAULT] host {here.host!r}'
                     + (f', but to {", ".join(others)}: use '
                        '"nova-hypervisors node set --service-host"'
                        if others else
                        ': add some with "nova-hypervisors node create"'))
        return
    counts = collections.Counter(
        os_resource_classes.normalize_name(node.resource_class)
        for node in own)
    for name, count in sorted(counts.items()):
        results.ok('resource class', f'{count} nodes; a flavor for them has '
                   f'resources:{name}=1, resources:VCPU=0, '
                   'resources:MEMORY_MB=0 and resources:DISK_GB=0')
    with concurrent.futures.ThreadPoolExecutor(
            conf.baremetal.workers) as pool:
        for one in pool.map(functools.partial(_check_node, here), own):
            results.extend(one)


def _check_node(here: factory.Inventory, node: nodes.Node) -> checks.Results:
    """Return what there is to say of a node; its machine is asked."""
    results = checks.Results()
    name = f'node {node.name}'
    for fault in validation.faults(node, here.registry):
        results.fail(name, str(fault))
    if results:
        return results
    if node.maintenance:
        results.warn(name, 'it is in maintenance and gets no server: '
                     f'{node.maintenance_reason or "nobody says why"}')
    if node.provision_state in (states.CLEAN_FAILED, states.DEPLOY_FAILED):
        results.warn(name, f'it is {node.provision_state}: {node.last_error}')
    if not node.ports and node.network_interface != 'noop':
        results.warn(name, 'it has no ports, so no server on it has a '
                     'network: "nova-hypervisors node set --port MAC"')
    with results.failing(name, errors.ClientError):
        power = here.registry.of(node).power.power(node)
        if power is api.Power.ERROR:
            results.fail(name, 'it cannot tell its power')
        else:
            results.ok(name, f'it answers, and is {power.value}')
    return results
