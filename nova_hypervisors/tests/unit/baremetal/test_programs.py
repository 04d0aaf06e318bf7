# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.baremetal import programs
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute


def test_what_it_prints():
    assert programs.run('sh', '-c', 'echo a b') == 'a b\n'


def test_what_it_complains_of_without_its_arguments():
    with pytest.raises(errors.ClientError) as caught:
        programs.run('sh', '-c', 'echo se-cret >/dev/null; echo no >&2; '
                     'exit 3')
    assert str(caught.value) == 'sh: no'
    assert caught.value.code == 3


def test_there_is_no_room():
    with pytest.raises(errors.OutOfSpace):
        programs.run('sh', '-c', 'echo No space left on device >&2; exit 1')


def test_a_program_that_is_missing():
    def runner(argv, timeout_s, env=None, interrupt=None):
        return execute.run(['/no/such/mcopy', *argv[1:]], timeout_s, env)

    with pytest.raises(errors.NotInstalled, match='install mtools'):
        programs.run('mcopy', runner=runner)
    assert programs.require(['mcopy', 'no-such-program']) == [
        'no-such-program is not on this host: install no-such-program']


def test_it_does_not_wait_for_ever():
    with pytest.raises(errors.TimedOut):
        programs.run('sleep', '20', timeout_s=0.1)


def test_what_an_environment_has(monkeypatch):
    monkeypatch.setenv('https_proxy', 'http://proxy:1')
    monkeypatch.setenv('MTOOLSRC', '/somebody/s')
    monkeypatch.setenv('LANG', 'de_DE.UTF-8')
    found = programs.environment()
    assert found['https_proxy'] == 'http://proxy:1'
    assert found['MTOOLSRC'] == '/dev/null'
    assert found['LC_ALL'] == 'C'
    assert 'LANG' not in found
