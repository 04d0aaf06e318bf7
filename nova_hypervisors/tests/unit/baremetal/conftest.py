# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.tests import baremetalnodes


@pytest.fixture
def here(tmp_path):
    """A nova-compute's part of bare metal, with an empty database."""
    made = baremetalnodes.make_service(tmp_path)
    yield made
    made.database.close()
