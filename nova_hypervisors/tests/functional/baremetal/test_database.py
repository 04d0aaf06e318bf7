# SPDX-License-Identifier: Apache-2.0
"""What the nodes' database does on SQLite it does on MariaDB."""

import uuid

import pytest
from alembic import autogenerate
from alembic import migration

from lab import layout
from nova_hypervisors.baremetal import models
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import mariadb
from nova_hypervisors.tests.unit.baremetal import test_store
from nova_hypervisors.tests.unit.baremetal import test_usage


@pytest.fixture(scope='module')
def server():
    lab = layout.Layout.from_environment()
    if not (lab.root / 'usr/sbin/mariadbd').exists():
        pytest.fail(f'There is no MariaDB in {lab.root}: run "make '
                    'virtualbox" first', pytrace=False)
    with mariadb.running(lab) as socket:
        yield socket


@pytest.fixture
def here(server, tmp_path):
    """A nova-compute's part of bare metal, with a new database."""
    name = f'n{uuid.uuid4().hex[:8]}'
    mariadb.execute(server, f'CREATE DATABASE {name} CHARACTER SET utf8mb4')
    made = baremetalnodes.make_service(
        tmp_path, f'mysql+pymysql://root@localhost/{name}?'
        f'unix_socket={server}&charset=utf8mb4')
    yield made
    made.database.close()


class TestNodes(test_store.TestNodes):
    pass


class TestReservation(test_store.TestReservation):
    pass


class TestPorts(test_store.TestPorts):
    pass


class TestSteps(test_store.TestSteps):
    pass


class TestOneImage(test_usage.TestOne):
    pass


class TestManyImages(test_usage.TestMany):
    pass


class TestDeaths(test_usage.TestDeaths):
    pass


def test_the_migrations_make_what_the_code_reads(here):
    with here.database.reading() as connection:
        context = migration.MigrationContext.configure(connection)
        assert autogenerate.compare_metadata(context, models.METADATA) == []


def test_two_services_that_start_at_once_both_have_their_tables(here,
                                                                 tmp_path):
    here.database.upgrade()
    other = baremetalnodes.make_service(tmp_path / 'other', here.url,
                                        host='there')
    node = here.add()
    assert other.store.list_nodes() == [node]
    other.database.close()
