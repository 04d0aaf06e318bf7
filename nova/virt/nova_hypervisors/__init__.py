# SPDX-License-Identifier: Apache-2.0
"""What Nova imports for ``compute_driver = nova_hypervisors.<Name>``.

Nova looks for drivers in its own package only, so this one file goes into
it.  A name is resolved when it is asked for: a host pays for the imports of
one driver.
"""

import importlib
from typing import Any

_DRIVERS = {
    'BareMetalDriver': 'nova_hypervisors.baremetal.driver',
    'VMwareESXDriver': 'nova_hypervisors.vmwareapi.driver',
    'VirtualBoxDriver': 'nova_hypervisors.virtualbox.driver',
}


def __getattr__(name: str) -> Any:
    if name not in _DRIVERS:
        raise AttributeError(
            f'nova_hypervisors has no driver {name}; it has '
            + ', '.join(sorted(_DRIVERS)))
    return getattr(importlib.import_module(_DRIVERS[name]), name)
