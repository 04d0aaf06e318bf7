# SPDX-License-Identifier: Apache-2.0
"""The options by group, for oslo-config-generator and the documentation."""

from oslo_config import cfg

from nova_hypervisors.conf import baremetal
from nova_hypervisors.conf import deploy
from nova_hypervisors.conf import health
from nova_hypervisors.conf import ilo
from nova_hypervisors.conf import incidents
from nova_hypervisors.conf import pxe
from nova_hypervisors.conf import rdp
from nova_hypervisors.conf import swift
from nova_hypervisors.conf import virtualbox
from nova_hypervisors.conf import vmware


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    return [(module.GROUP, module.OPTS)
            for module in (virtualbox, rdp, vmware, baremetal, deploy, ilo,
                           pxe, swift, health, incidents)]
