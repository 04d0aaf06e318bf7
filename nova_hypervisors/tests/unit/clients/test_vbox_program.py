# SPDX-License-Identifier: Apache-2.0
"""Running VBoxManage: what it printed when it failed, and what we make of it.
"""

import threading
import time
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import retry
from nova_hypervisors.clients.vbox import codes
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.tests.unit import samples


class Runner:
    """Answers as VBoxManage did."""

    def __init__(self, returncode=0, stdout='', stderr=''):
        self.answer = execute.Completed(returncode, stdout, stderr)
        self.calls = []
        self.response = None

    def __call__(self, argv, timeout_s, env=None, interrupt=None):
        self.calls.append((argv, timeout_s, env))
        if argv[2].startswith('@'):
            path = Path(argv[2][1:])
            self.response = path.read_text(), path.stat().st_mode & 0o777
        return self.answer


@pytest.fixture
def make(tmp_path):
    def make(runner, **changes):
        return program.Program('VBoxManage', **{
            'timeout_s': 60.0, 'private_folder': tmp_path,
            'env': {'VBOX_USER_HOME': str(tmp_path)}, 'policy': retry.NEVER,
            'run': runner, **changes})
    return make


def failing(name):
    status, _, stderr = samples.read(
        'vbox-7.2.22', f'error-{name}.txt').partition('\n')
    return Runner(int(status), stderr=stderr)


@pytest.mark.parametrize(('name', 'kind'), [
    ('bad-value', errors.InvalidArgument),
    ('file-exists', errors.AlreadyExists),
    ('locked', errors.Busy),
    ('medium-in-use', errors.Busy),
    ('no-such-machine', errors.MachineNotFound),
    ('no-such-medium', errors.MediumNotFound),
    ('not-running', errors.InvalidState),
    ('save-accident', errors.Busy),
    ('not-supported', errors.Unsupported),
    ('unregister-running', errors.Busy),
    # An error is one, whatever the exit status says.
    ('with-status-0', errors.ClientError),
])
def test_a_failure_is_typed(make, name, kind):
    with pytest.raises(errors.ClientError) as caught:
        make(failing(name))(('verb', 'x'))
    assert type(caught.value) is kind
    assert caught.value.operation == 'verb'
    assert 'Context:' not in caught.value.detail


def test_soap_and_the_command_have_one_table():
    signed = 0x80BB0001 - (1 << 32)
    assert isinstance(codes.error_for(signed, '', ''), errors.NotFound)
    assert codes.error_for(signed, '', '').code == 0x80BB0001


def test_what_cannot_be_understood_is_told(make):
    with pytest.raises(errors.ClientError, match='status 139'):
        make(Runner(139))(('guestcontrol',))
    with pytest.raises(errors.ClientError, match='one last word'):
        make(Runner(2, stderr='usage\none last word\n'))(('list',))


def test_words_go_as_they_are(make, tmp_path):
    runner = Runner(stdout='out')
    assert make(runner)(('list', 'a b', '"c"')) == 'out'
    (argv, timeout_s, env), = runner.calls
    assert argv == ('VBoxManage', '-q', 'list', 'a b', '"c"')
    assert timeout_s == 60
    assert env['LC_ALL'] == 'C.UTF-8'
    assert env['VBOX_USER_HOME'] == str(tmp_path)


def test_secrets_go_by_a_file_that_only_we_can_read(make, tmp_path):
    runner = Runner()
    make(runner)(('modifyvm', 'u', "VNCPassword=it's"), secrets=("it's",))
    text, mode = runner.response
    assert "it" in text
    assert text.startswith('modifyvm u ')
    assert mode == 0o600
    assert not any("it's" in word for call in runner.calls
                   for word in call[0])
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_in_no_error(make, tmp_path):
    runner = Runner(1, stderr='VBoxManage: error: bad value "hush"\n')
    with pytest.raises(errors.ClientError) as caught:
        make(runner)(('modifyvm', 'hush'), secrets=('hush',))
    assert 'hush' not in str(caught.value)
    assert '***' in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_transient_is_tried_again(make):
    slept = []
    runner = failing('locked')
    with pytest.raises(errors.Busy):
        make(runner, policy=retry.Policy(3, 1, slept.append))(('startvm',))
    assert len(runner.calls) == 4
    assert slept == [1, 1, 1]


def test_the_first_call_runs_alone(make):
    running, most = set(), []
    lock = threading.Lock()

    def run(argv, timeout_s, env=None, interrupt=None):
        with lock:
            running.add(argv)
            most.append(len(running))
        time.sleep(0.2)
        with lock:
            running.discard(argv)
        return execute.Completed(0, '', '')

    call = make(run)
    threads = [threading.Thread(target=call, args=((f'c{number}',),))
               for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first began and ended before any other began.
    assert most[:2] == [1, 1]


def test_a_timeout_says_of_what(make):
    def run(argv, timeout_s, env=None, interrupt=None):
        raise errors.TimedOut('too long')

    with pytest.raises(errors.TimedOut, match='list: too long'):
        make(run)(('list', 'vms'))


def test_each_run_is_told(make):
    told = []
    run = make(failing('locked'), policy=retry.Policy(
        1, 0, sleep=lambda _: None), observe=lambda *words: told.append(words))
    with pytest.raises(errors.Busy):
        run(('modifyvm', 'a secret'), secrets=('secret',))
    assert [(operation, error) for operation, _, error in told] == [
        ('modifyvm', 'Busy')] * 2
