# SPDX-License-Identifier: Apache-2.0
"""Where a node is on its way from one server to the next.

::

    available -> reserved -> deploying -> active <-> rescued
        ^            |           |          |
        |            |      deploy failed   |
        |            v           v          v
        +------- cleaning <-- deleting <----+
                     |
                clean failed
"""

from __future__ import annotations

#: Nobody's, and clean.
AVAILABLE = 'available'
#: A server's that is about to be made.
RESERVED = 'reserved'
DEPLOYING = 'deploying'
DEPLOY_FAILED = 'deploy failed'
ACTIVE = 'active'
RESCUED = 'rescued'
#: Its server is being taken away.
DELETING = 'deleting'
#: Nobody's, and not to be handed out yet.
CLEANING = 'cleaning'
#: Not to be handed out until somebody has looked at it.
CLEAN_FAILED = 'clean failed'

ALL = (AVAILABLE, RESERVED, DEPLOYING, DEPLOY_FAILED, ACTIVE, RESCUED,
       DELETING, CLEANING, CLEAN_FAILED)

#: In which a node may be deleted from the database or given to another
#: nova-compute.
IDLE = (AVAILABLE, CLEAN_FAILED)
