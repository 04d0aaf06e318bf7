# SPDX-License-Identifier: Apache-2.0
"""The tables.  A change here needs a migration: see migrations."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData(naming_convention={
    'ix': 'ix_%(table_name)s_%(column_0_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_name)s',
    'pk': 'pk_%(table_name)s'})

_UUID = sa.String(36)
_NAME = sa.String(255)
# MySQL keeps no fractions of a second unless told; they don't matter here.
_TIME = sa.DateTime

NODES = sa.Table(
    'nodes', METADATA,
    sa.Column('uuid', _UUID, primary_key=True),
    sa.Column('name', _NAME, nullable=False, unique=True),
    sa.Column('service_host', _NAME, nullable=False, index=True),
    sa.Column('resource_class', sa.String(80), nullable=False),
    sa.Column('provision_state', sa.String(32), nullable=False),
    # A server is on one node.
    sa.Column('instance_uuid', _UUID, unique=True),
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
    sa.Column('updated_at', _TIME, nullable=False))

PORTS = sa.Table(
    'ports', METADATA,
    sa.Column('address', sa.String(17), primary_key=True),
    sa.Column('node_uuid', _UUID, sa.ForeignKey(
        'nodes.uuid', ondelete='CASCADE'), nullable=False, index=True),
    sa.Column('position', sa.Integer, nullable=False),
    sa.Column('pxe_enabled', sa.Boolean, nullable=False),
    sa.Column('local_link_connection', sa.JSON, nullable=False),
    sa.Column('physical_network', _NAME),
    sa.Column('vif_id', _UUID, unique=True),
    sa.Column('taken_over', sa.JSON, nullable=False))

STEPS = sa.Table(
    'steps', METADATA,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('node_uuid', _UUID, sa.ForeignKey(
        'nodes.uuid', ondelete='CASCADE'), nullable=False, index=True),
    sa.Column('instance_uuid', _UUID),
    sa.Column('operation', sa.String(32), nullable=False),
    sa.Column('name', _NAME, nullable=False),
    sa.Column('started_at', _TIME, nullable=False),
    sa.Column('seconds', sa.Float),
    sa.Column('error', sa.Text))

IMAGES = sa.Table(
    'images', METADATA,
    sa.Column('name', _NAME, primary_key=True),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('worker', _UUID, nullable=False),
    sa.Column('updated_at', _TIME, nullable=False))

IMAGE_HOLDERS = sa.Table(
    'image_holders', METADATA,
    sa.Column('image', _NAME, primary_key=True),
    sa.Column('holder', _UUID, primary_key=True))
