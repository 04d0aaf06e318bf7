# SPDX-License-Identifier: Apache-2.0
"""Where the driver gets secrets and options from."""

import pytest

from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import settings

FIXED = '00000000-0000-0000-0000-000000000000'
PASSWORD = settings.Setting('ilo_password', 'secret', required=True)


@pytest.fixture
def sources(tmp_path):
    """Nova's configuration, with a key manager that has one key."""
    path = tmp_path / 'nova.conf'
    path.write_text(
        f'[DEFAULT]\nstate_path = {tmp_path}\n[key_manager]\n'
        'backend = nova.keymgr.conf_key_mgr.ConfKeyManager\n'
        'fixed_key = 67656865696d\nauth_type = token\ntoken = x\n'
        '[virtualbox]\nwebservice_user = vb\n')
    conf.CONF([], project='nova', default_config_files=[str(path)])
    here = factory.make_inventory(conf.CONF)
    yield here.services.sources
    conf.CONF.reset()


def value(sources, setting, **given):
    values, faults = settings.resolve([setting], given, sources)
    return faults[0].message if faults else values[setting.name]


def test_the_key_manager_s_are_read(sources):
    assert value(sources, PASSWORD,
                 ilo_password=f'castellan:{FIXED}') == 'geheim'


def test_one_that_it_does_not_have_is_said_so(sources):
    message = value(sources, PASSWORD, ilo_password='castellan:nope')
    assert message.startswith('the key manager does not give nope')


def test_a_file_s_are_read(sources, tmp_path):
    (tmp_path / 'x').write_text('geheim\n')
    assert value(sources, PASSWORD,
                 ilo_password=f'file:{tmp_path}/x') == 'geheim'


def test_options_of_nova_are_defaults(sources):
    setting = settings.Setting('vbox_username', options=(
        'nowhere.at_all', 'virtualbox.nothing', 'virtualbox.webservice_user'))
    assert value(sources, setting) == 'vb'
