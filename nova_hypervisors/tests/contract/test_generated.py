# SPDX-License-Identifier: Apache-2.0
"""The files that are made from the code are as the code would make them."""

import re
import subprocess
import sys

import pytest

from lab import generated
from lab import layout
from nova_hypervisors.conf import opts


@pytest.mark.parametrize('path', generated.FILES,
                         ids=lambda path: path.name)
def test_it_is_not_stale(path):
    assert path.read_text() == generated.FILES[path](), 'run "make generate"'


def test_the_readme_has_the_matrix():
    assert '| Launch instance | ✔ |' in generated.README.read_text()


def test_the_sample_has_every_option_once():
    text = generated.SAMPLE.read_text().partition('# Every option')[2]
    sections = dict(zip(*[iter(re.split(r'\n\[(\w+)\]\n', text)[1:])] * 2,
                        strict=True))
    published = opts.list_opts()
    assert set(sections) == {group.name for group, _ in published}
    for group, options in published:
        for option in options:
            assert sections[group.name].count(
                f'\n#{option.name} =') == 1, option.name


_READ = """
import sys
from nova_hypervisors import conf
from nova_hypervisors.virtualbox import options
conf.CONF(['--config-file', sys.argv[1]], project='nova')
conf.CONF.set_default('state_path', '/var/lib/nova')
print(conf.CONF.compute_driver, conf.CONF.virtualbox.vrde_port,
      conf.CONF.cinder.endpoint_template, options.findings(conf.CONF))
"""


def test_the_sample_s_opening_block_is_what_a_driver_starts_with():
    """That nova-compute starts with it is seen in the demo."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', _READ, generated.SAMPLE],
        cwd=layout.CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        'nova_hypervisors.VirtualBoxDriver', '5900-6000',
        'http://127.0.0.1:8776/v3/%(project_id)s', '[]']


def test_the_checkout_is_found():
    assert (layout.CHECKOUT / 'pyproject.toml').exists()
