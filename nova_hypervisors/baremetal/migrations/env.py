# SPDX-License-Identifier: Apache-2.0
"""What alembic runs: the migrations, on the connection that it is given."""

from alembic import context

from nova_hypervisors.baremetal import models

context.configure(connection=context.config.attributes['connection'],
                  target_metadata=models.METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
