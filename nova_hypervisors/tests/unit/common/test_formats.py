# SPDX-License-Identifier: Apache-2.0
"""The note of which format a service's state has."""

import pytest
from nova import exception

from nova_hypervisors.common import formats


def test_state_of_before_the_note_is_of_the_first_format(tmp_path):
    formats.ensure(tmp_path)
    assert (tmp_path / 'format').read_text() == '1\n'


def test_a_known_one_stays(tmp_path):
    formats.ensure(tmp_path)
    before = (tmp_path / 'format').stat().st_mtime_ns
    formats.ensure(tmp_path)
    assert (tmp_path / 'format').stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ['format']


@pytest.mark.parametrize('text', ['2', '0', '-1', 'one', ''])
def test_any_other_is_refused_and_stays(tmp_path, text):
    path = tmp_path / 'format'
    path.write_text(text)
    with pytest.raises(exception.InvalidConfiguration) as caught:
        formats.ensure(tmp_path)
    assert str(path) in str(caught.value)
    assert repr(text) in str(caught.value)
    assert 'formats up to 1' in str(caught.value)
    assert path.read_text() == text
