# SPDX-License-Identifier: Apache-2.0
"""The files that are made from the code are as the code would make them."""

import pytest

from lab import generated
from lab import layout
from nova_hypervisors import conf
from nova_hypervisors.virtualbox import options


@pytest.mark.parametrize('path', generated.FILES,
                         ids=lambda path: path.name)
def test_it_is_not_stale(path):
    assert path.read_text() == generated.FILES[path](), 'run "make generate"'


def test_the_readme_has_the_matrix():
    assert '| Launch instance | ✔ |' in generated.README.read_text()


def test_the_sample_has_every_option_once():
    text = generated.SAMPLE.read_text().partition('# Every option')[2]
    for group in ('virtualbox', 'rdp'):
        for name in conf.CONF[group]:
            assert text.count(f'\n#{name} = ') == 1, name


def test_the_sample_s_opening_block_is_what_a_driver_starts_with():
    """That nova-compute starts with it is seen in the demo."""
    try:
        conf.CONF(['--config-file', str(generated.SAMPLE)], project='nova',
                  default_config_files=[])
        assert options.findings(conf.CONF) == []
        assert conf.CONF.compute_driver == 'nova_hypervisors.VirtualBoxDriver'
        assert conf.CONF.virtualbox.vrde_port == '5900-6000'
        assert conf.CONF.cinder.endpoint_template.endswith('%(project_id)s')
    finally:
        conf.CONF.reset()
        conf.CONF([], project='nova', default_config_files=[])


def test_the_checkout_is_found():
    assert (layout.CHECKOUT / 'pyproject.toml').exists()
