# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors bmc serve``: what it insists on, and that it serves."""

import contextlib
import signal
import subprocess
import sys

import pytest
import requests

from nova_hypervisors.tests import certificates

_PROGRAM = ('import sys; from nova_hypervisors.cmd import app; '
            'sys.exit(app.main())')


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / 'password'
    path.write_text('se cret\n')
    return str(path)


@pytest.fixture
def authority(tmp_path):
    return certificates.Authority(tmp_path / 'authority')


@pytest.mark.parametrize(('words', 'said'), [
    ((), '--certificate is missing'),
    (('--no-tls',), '--password-file is missing'),
    (('--no-tls', '--listen', '0.0.0.0'), 'loopback only'),
    (('--no-authentication', '--listen', '::'), 'loopback only'),
    (('--listen', 'somewhere'), 'is no address'),
    (('--no-tls', '--password-file', '/no/such'), 'cannot be read'),
    (('--no-authentication', '--certificate', '/no/such'),
     'cannot be used')])
def test_what_it_insists_on(run, config_file, words, said):
    status, _, err = run('bmc', 'serve', '--config-file', str(config_file),
                         '--port', '0', *words)
    assert status == 1
    assert said in err


def test_an_empty_password(run, config_file, tmp_path):
    (tmp_path / 'empty').write_text('')
    status, _, err = run('bmc', 'serve', '--config-file', str(config_file),
                         '--no-tls', '--password-file',
                         str(tmp_path / 'empty'))
    assert (status, 'is empty' in err) == (1, True)


@contextlib.contextmanager
def serving(*words, end=signal.SIGTERM):
    """Run it, and give where it serves."""
    process = subprocess.Popen(
        [sys.executable, '-c', _PROGRAM, 'bmc', 'serve', '--port', '0',
         *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith('Serving on '), process.communicate()[1]
    try:
        yield line.removeprefix('Serving on ').strip()
    finally:
        process.send_signal(end)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_it_serves_the_nodes(run, config_file, password_file, authority):
    run('node', 'create', '--config-file', str(config_file), 'one',
        '--resource-class', 'small', '--port', '52:54:00:aa:00:01')
    certificate, key = authority.make('server')
    with serving('--config-file', str(config_file), '--password-file',
                 password_file, '--certificate', certificate, '--key',
                 key) as url:
        assert url.startswith('https://127.0.0.1:')
        ask = {'verify': str(authority.path), 'timeout': 10}
        assert requests.get(f'{url}/Systems', **ask).status_code == 401
        ask['auth'] = ('admin', 'se cret')
        found = requests.get(f'{url}/Systems', **ask).json()
        paths = [member['@odata.id'] for member in found['Members']]
        assert paths == ['/redfish/v1/Systems/one']
        one = requests.get(f'{url}/Systems/one', **ask).json()
        assert (one['PowerState'], one['Description']) == (
            'Off', 'Node one of bare metal')
