# SPDX-License-Identifier: Apache-2.0
"""Nodes with their ports and steps, and who uses which image."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'nodes',
        sa.Column('uuid', sa.String(36), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('service_host', sa.String(255), nullable=False),
        sa.Column('resource_class', sa.String(80), nullable=False),
        sa.Column('provision_state', sa.String(32), nullable=False),
        sa.Column('instance_uuid', sa.String(36)),
        sa.Column('power_state', sa.String(16)),
        sa.Column('traits', sa.JSON, nullable=False),
        sa.Column('properties', sa.JSON, nullable=False),
        sa.Column('driver_info', sa.JSON, nullable=False),
        sa.Column('instance_info', sa.JSON, nullable=False),
        sa.Column('power_interface', sa.String(80), nullable=False),
        sa.Column('management_interface', sa.String(80), nullable=False),
        sa.Column('boot_interface', sa.String(80), nullable=False),
        sa.Column('deploy_interface', sa.String(80), nullable=False),
        sa.Column('network_interface', sa.String(80), nullable=False),
        sa.Column('maintenance', sa.Boolean, nullable=False),
        sa.Column('maintenance_reason', sa.Text),
        sa.Column('last_error', sa.Text),
        sa.Column('version', sa.Integer, nullable=False),
        sa.Column('updated_at', sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint('uuid', name='pk_nodes'),
        sa.UniqueConstraint('name', name='uq_nodes_name'),
        sa.UniqueConstraint('instance_uuid', name='uq_nodes_instance_uuid'))
    op.create_index('ix_nodes_service_host', 'nodes', ['service_host'])
    op.create_table(
        'ports',
        sa.Column('address', sa.String(17), nullable=False),
        _node(),
        sa.Column('position', sa.Integer, nullable=False),
        sa.Column('pxe_enabled', sa.Boolean, nullable=False),
        sa.Column('local_link_connection', sa.JSON, nullable=False),
        sa.Column('physical_network', sa.String(255)),
        sa.Column('vif_id', sa.String(36)),
        sa.Column('taken_over', sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint('address', name='pk_ports'),
        sa.UniqueConstraint('vif_id', name='uq_ports_vif_id'),
        _to_node('ports'))
    op.create_index('ix_ports_node_uuid', 'ports', ['node_uuid'])
    op.create_table(
        'steps',
        sa.Column('id', sa.Integer, nullable=False),
        _node(),
        sa.Column('instance_uuid', sa.String(36)),
        sa.Column('operation', sa.String(32), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('started_at', sa.DateTime, nullable=False),
        sa.Column('seconds', sa.Float),
        sa.Column('error', sa.Text),
        sa.PrimaryKeyConstraint('id', name='pk_steps'),
        _to_node('steps'))
    op.create_index('ix_steps_node_uuid', 'steps', ['node_uuid'])
    op.create_table(
        'images',
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('worker', sa.String(36), nullable=False),
        sa.Column('updated_at', sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint('name', name='pk_images'))
    op.create_table(
        'image_holders',
        sa.Column('image', sa.String(255), nullable=False),
        sa.Column('holder', sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint('image', 'holder', name='pk_image_holders'))


def _node() -> sa.Column[str]:
    return sa.Column('node_uuid', sa.String(36), nullable=False)


def _to_node(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ['node_uuid'], ['nodes.uuid'], name=f'fk_{table}_node_uuid',
        ondelete='CASCADE')
