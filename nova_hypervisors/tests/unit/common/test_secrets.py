# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest

from nova_hypervisors.common import secrets


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'secret'


@pytest.fixture
def secret(path):
    return secrets.HostSecret(path)


def test_what_is_derived_is_always_the_same(secret, path):
    first = secret.derive('a')
    assert secret.derive('a') == first
    # After a restart too.
    assert secrets.HostSecret(path).derive('a') == first
    assert len(first) == 32


def test_each_purpose_has_its_own(secret):
    assert len({secret.derive(purpose)
                for purpose in ('a', 'b', 'ab', '')}) == 4


def test_each_host_has_its_own(secret, tmp_path):
    other = secrets.HostSecret(tmp_path / 'other')
    assert other.derive('a') != secret.derive('a')


def test_it_is_made_when_it_is_first_needed(secret, path):
    assert not path.exists()
    secret.derive('a')
    assert len(path.read_bytes()) == 32


def test_nobody_else_can_read_it(secret, path):
    secret.derive('a')
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_does_not_tell_what_it_is_made_of(secret, path):
    assert secret.derive('a') != path.read_bytes()


def test_two_that_begin_at_once_agree(path):
    first, second = (secrets.HostSecret(path) for _ in range(2))
    assert first.derive('a') == second.derive('a')


def test_what_could_not_be_written_is_no_secret(path, secret):
    """The disk was full, or the process was killed just then."""
    path.touch()
    with contextlib.suppress(OSError):
        derived = secret.derive('a')
        assert len(path.read_bytes()) == 32
        assert derived == secrets.HostSecret(path).derive('a')


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        secrets.HostSecret(tmp_path / 'no/such').derive('a')
