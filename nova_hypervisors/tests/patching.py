# SPDX-License-Identifier: Apache-2.0
"""Green threads or threads, before anybody has imported anything else.

A plugin that pytest loads first.  What is imported before eventlet has put
its own modules in place keeps the old ones: ssl is then half of each, and no
connection by TLS can be made.
"""

import os

# What Nova 34 does by itself; other releases are told so where they can.
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

try:
    from nova import monkey_patch
except ImportError:
    # The tests with Ironic have an environment without it.
    monkey_patch = None

if hasattr(monkey_patch, 'patch'):
    # Nova 31 has done it at its import.
    monkey_patch.patch()
