# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from keystoneauth1 import loading
from nova.conf import vmware as novas_vmware
from oslo_config import cfg

from nova_hypervisors import conf
from nova_hypervisors.conf import opts
from nova_hypervisors.conf import vmware
from nova_hypervisors.neutron import opts as neutron_opts

# What the first driver's README published.
FORMER = {
    'virtualbox': {
        'remote_display': False,
        'retry_count': 3,
        'retry_interval': 1,
        'vboxmanage_cmd': 'VBoxManage',
        'vrde_unique_port': False,
        'vrde_module': 'Oracle VM VirtualBox Extension Pack',
        'vrde_port': '3389',
        'vrde_require_instance_uuid_as_password': False,
        'vrde_password_length': None,
        'wait_soft_reboot_seconds': 60,
    },
    'rdp': {
        'enabled': False,
        'encrypted_rdp': False,
        'security_method': 'RDP',
        'server_certificate': None,
        'server_private_key': None,
        'server_ca': None,
        'html5_proxy_base_url': 'http://127.0.0.1:6083/',
    },
}

NOVAS = novas_vmware.ALL_VMWARE_OPTS

ALL = [(group, option)
       for group, options in (*opts.list_opts(), *neutron_opts.list_opts())
       for option in options]


def ids(value):
    return value.name


@pytest.fixture
def defaults():
    conf.CONF([], project='nova', default_config_files=[])
    yield conf.CONF
    conf.CONF.reset()


@pytest.fixture
def read(tmp_path):
    """Read a configuration file."""
    def read(text):
        path = tmp_path / 'nova.conf'
        path.write_text(text)
        conf.CONF([], project='nova', default_config_files=[str(path)])
        return conf.CONF
    yield read
    conf.CONF.reset()


class TestNames:
    @pytest.mark.parametrize(('group', 'name'), [
        (group, name) for group, values in FORMER.items() for name in values])
    def test_those_of_the_first_driver_are_there(self, defaults, group, name):
        assert defaults[group][name] == FORMER[group][name]

    def test_there_are_ten_and_seven(self):
        assert {group: len(names) for group, names in FORMER.items()} == {
            'virtualbox': 10, 'rdp': 7}

    def test_they_are_published(self):
        found = {group.name: {option.name for option in options}
                 for group, options in opts.list_opts()}
        assert {'virtualbox', 'rdp', 'vmware', 'baremetal'} <= set(found)
        for group, names in FORMER.items():
            assert set(names) <= found[group]

    def test_published_ones_are_registered(self, defaults):
        others = {option.dest for option in (
            *NOVAS, *loading.get_session_conf_options(),
            *loading.get_auth_common_conf_options())}
        for group, options in opts.list_opts():
            assert set(defaults[group.name]) - others == {
                option.dest for option in options}

    def test_nova_has_none_of_those_that_are_ours(self):
        """It would then be declared twice, or mean something else."""
        ours = dict(opts.list_opts())[vmware.GROUP]
        assert not {option.name for option in ours} & {
            option.name for option in NOVAS}

    def test_nova_has_those_that_the_help_names(self):
        named = set(re.findall(r'``([a-z_]+)``', vmware.GROUP.help))
        assert len(named) == 8
        assert named <= {
            option.name for option in NOVAS}


class TestValues:
    def test_the_first_driver_s_example_is_read(self, read):
        found = read('''
[virtualbox]
remote_display = true
vrde_module = VNC
vrde_port = 5900-6000
vrde_unique_port = true
vrde_password_length=20
vrde_require_instance_uuid_as_password=True
[rdp]
enabled=false
encrypted_rdp=true
security_method=RDP
server_certificate=server_cert.pem
server_private_key=server_key_private.pem
server_ca=ca_cert.pem
html5_proxy_base_url=http://127.0.0.1:8000/
''')
        assert found.virtualbox.vrde_password_length == 20
        assert found.virtualbox.vrde_port == '5900-6000'
        assert found.rdp.html5_proxy_base_url == 'http://127.0.0.1:8000/'

    def test_a_path_with_spaces_is_one_path(self, read):
        path = r'C:\Program Files\Oracle\VirtualBox\VBoxManage.exe'
        found = read(f'[virtualbox]\nvboxmanage_cmd={path}\n')
        assert found.virtualbox.vboxmanage_cmd == path

    def test_a_port_group_may_have_a_comma_in_its_name(self, read):
        found = read('[vmware]\nphysical_network_mappings = '
                     'physnet1:VM Network, "physnet2:Test, old"\n')
        assert found.vmware.physical_network_mappings == [
            'physnet1:VM Network', 'physnet2:Test, old']

    @pytest.mark.parametrize(('group', 'line'), [
        ('virtualbox', 'retry_count = -1'),
        ('virtualbox', 'retry_interval = soon'),
        ('virtualbox', 'command_timeout = 0'),
        ('virtualbox', 'remote_display = perhaps'),
        ('virtualbox', 'vrde_password_length = 0'),
        ('virtualbox', 'vrde_password_length = 37'),
        ('virtualbox', 'console_port = 65536'),
        ('virtualbox', 'console_log_size = 0'),
        ('virtualbox', 'wait_soft_reboot_seconds = -1'),
        ('virtualbox', 'state_poll_interval = 0.1'),
        ('virtualbox', 'snapshot_image_format = iso'),
        ('vmware', 'screen_protocol = rdp'),
        ('vmware', 'instances_folder = /nova'),
        ('vmware', 'instances_folder ='),
        ('vmware', 'image_cache_folder = nova//images'),
        ('vmware', 'image_cache_folder = [local] images'),
        ('vmware', 'request_timeout = 0'),
        ('vmware', 'port_group_prefix = a-name-that-is-too-long'),
        ('vmware', 'vlan_mappings = "physnet1:vmnic0'),
        ('rdp', 'security_method = none'),
        ('rdp', 'html5_proxy_base_url = ftp://x/'),
    ])
    def test_what_cannot_be_is_refused(self, read, group, line):
        found = read(f'[{group}]\n{line}\n')
        with pytest.raises((cfg.Error, ValueError)):
            found[group][line.split()[0]]


class TestHelp:
    def sentences(self, text):
        """Return the paragraphs that are neither lists nor headings."""
        paragraphs = [' '.join(part.split())
                      for part in re.split(r'\n\s*\n', text.strip())]
        return [part for part in paragraphs if not part.startswith('*')
                and part not in ('Possible values:', 'Related options:')]

    @pytest.mark.parametrize(('group', 'option'), ALL, ids=ids)
    def test_every_option_is_explained_in_sentences(self, group, option):
        first, *others = self.sentences(option.help)
        assert first[0].isupper()
        assert len(first.split()) >= 3
        assert first.endswith('.')
        for paragraph in others:
            assert paragraph.endswith(('.', ':', '``')), paragraph

    @pytest.mark.parametrize(('group', 'option'), ALL, ids=ids)
    def test_every_choice_is_too(self, group, option):
        choices = getattr(option.type, 'choices', None) or {}
        for meaning in choices.values():
            assert meaning[0].isalnum()
            assert meaning.endswith('.')

    @pytest.mark.parametrize(('group', 'option'), ALL, ids=ids)
    def test_related_options_are_there(self, group, option):
        _, _, related = option.help.partition('Related options:')
        known = {other.name for section, other in ALL
                 if section.name == group.name}
        known |= {option.name for option in NOVAS if group is vmware.GROUP}
        for name in re.findall(r'^\* ``(\w+)``', related, re.MULTILINE):
            assert name in known

    @pytest.mark.parametrize('group', sorted(
        {group.name: group for group, _ in ALL}.values(), key=ids), ids=ids)
    def test_every_group_is(self, group):
        assert group.title
        for paragraph in self.sentences(group.help):
            assert paragraph.endswith('.')

    def test_nothing_is_too_wide_for_a_sample_file(self):
        for _, option in ALL:
            assert max(map(len, option.help.splitlines())) <= 79
