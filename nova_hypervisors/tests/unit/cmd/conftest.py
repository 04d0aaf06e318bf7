# SPDX-License-Identifier: Apache-2.0
import logging

import pytest

from nova_hypervisors import conf
from nova_hypervisors.cmd import app


@pytest.fixture
def run(capsys):
    """Run the command in this process: its status, output and errors."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)

    def run(*words):
        try:
            status = app.main(list(words))
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return status, said.out, said.err

    yield run
    # cliff makes its own, which write to what is no longer there.
    root.level, root.handlers[:] = before


@pytest.fixture
def config_file(tmp_path):
    """That of a nova-compute for bare metal."""
    path = tmp_path / 'nova.conf'
    path.write_text('[DEFAULT]\n'
                    'compute_driver = nova_hypervisors.BareMetalDriver\n'
                    f'state_path = {tmp_path}\nhost = here\n')
    yield path
    conf.CONF.reset()


@pytest.fixture
def node(run, config_file):
    """Run ``node`` with some words."""
    def node(verb, *words):
        # As a new process would begin.
        conf.CONF.reset()
        return run('node', verb, '--config-file', str(config_file), *words)
    return node
