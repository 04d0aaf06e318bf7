# SPDX-License-Identifier: Apache-2.0
"""The options of this package, registered once on Nova's CONF."""

import nova.conf

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

CONF = nova.conf.CONF

baremetal.register_opts(CONF)
deploy.register_opts(CONF)
health.register_opts(CONF)
ilo.register_opts(CONF)
incidents.register_opts(CONF)
pxe.register_opts(CONF)
rdp.register_opts(CONF)
swift.register_opts(CONF)
virtualbox.register_opts(CONF)
vmware.register_opts(CONF)
