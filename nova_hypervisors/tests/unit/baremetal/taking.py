# SPDX-License-Identifier: Apache-2.0
"""What one of many processes does: Nova, which takes long, is not imported."""

import uuid

from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import store


def take_all(url, folder, host, uuids, barrier, won):
    """Try to get every node for a server of its own, as one process does."""
    db = database.Database(url, folder)
    kept = store.Store(db)
    kept.list_nodes()
    barrier.wait(60)
    won.put([(node, server) for node in uuids
             if kept.reserve(node, server := str(uuid.uuid4()), host)])
    db.close()
