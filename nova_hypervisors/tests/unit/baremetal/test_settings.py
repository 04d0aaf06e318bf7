# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.baremetal import settings

Setting = settings.Setting

VBOX = (
    Setting('vbox_address', required=True, aliases=('virtualbox_host',),
            help='the host of VirtualBox'),
    Setting('vbox_port', 'port', default=18083, aliases=('virtualbox_port',),
            options=('virtualbox.port',)),
    Setting('vbox_password', 'secret', default='',
            aliases=('virtualbox_password',),
            options=('virtualbox.password', 'virtualbox.password_file')),
)


@pytest.fixture
def options():
    return {}


@pytest.fixture
def sources(options):
    return settings.Sources(
        lambda group, name: options.get(f'{group}.{name}'),
        settings.secret_from)


def faults(sources, *declared, **given):
    return [str(fault) for fault
            in settings.resolve(declared, given, sources)[1]]


class TestValues:
    def test_both_prefixes_name_the_same_field(self, sources):
        for name in ('vbox_address', 'virtualbox_host'):
            values, wrong = settings.resolve(VBOX, {name: 'pc'}, sources)
            assert not wrong
            assert values == {'vbox_address': 'pc', 'vbox_port': 18083,
                              'vbox_password': ''}

    def test_both_at_once_are_a_fault_if_they_differ(self, sources):
        fault, = faults(sources, *VBOX, vbox_address='pc',
                        virtualbox_host='other')
        assert 'given twice: vbox_address and virtualbox_host' in fault
        assert not faults(sources, *VBOX, vbox_address='pc',
                          virtualbox_host='pc')

    def test_an_option_is_the_default(self, sources, options):
        options['virtualbox.port'] = 1234
        values, _ = settings.resolve(VBOX, {'vbox_address': 'pc'}, sources)
        assert values['vbox_port'] == 1234

    def test_a_secret_s_default_is_in_an_option_or_a_file(
            self, sources, options, tmp_path):
        path = tmp_path / 'secret'
        path.write_text('from file\n')
        options['virtualbox.password_file'] = str(path)
        given = {'vbox_address': 'pc'}
        assert settings.resolve(VBOX, given, sources)[0][
            'vbox_password'] == 'from file'
        options['virtualbox.password'] = 'plain'
        assert settings.resolve(VBOX, given, sources)[0][
            'vbox_password'] == 'plain'

    @pytest.mark.parametrize('form', ['file:{}', 'file://{}'])
    def test_a_secret_is_read_from_its_file(self, sources, tmp_path, form):
        path = tmp_path / 'secret'
        path.write_text('geheim\nmore\n')
        values, wrong = settings.resolve(VBOX, {
            'vbox_address': 'pc', 'vbox_password': form.format(path)},
            sources)
        assert not wrong
        assert values['vbox_password'] == 'geheim'

    @pytest.mark.parametrize(('kind', 'given', 'value'), [
        ('integer', '60', 60), ('boolean', 'yes', True),
        ('boolean', False, False), ('url', 'https://a/b', 'https://a/b'),
        ('mapping', {'a': 1}, {'a': 1})])
    def test_values_get_the_type_of_their_kind(self, sources, kind, given,
                                               value):
        assert settings.resolve([Setting('x', kind)], {'x': given}, sources
                                )[0] == {'x': value}


class TestFaults:
    def test_all_are_told_at_once_with_the_field_s_name(self, sources):
        found = faults(sources, *VBOX, virtualbox_port='many',
                       vbox_password='geheim')
        assert found == [
            ('driver_info vbox_address: it is required and missing (or '
            'virtualbox_host): the host of VirtualBox'),
            "driver_info virtualbox_port: 'many' is not an integer",
            ('driver_info vbox_password: a secret is not kept here: put it '
            'into a file that only the user of nova-compute can read, and '
            'say file:/the/path, or castellan:ID')]

    @pytest.mark.parametrize(('kind', 'value', 'words'), [
        ('port', 0, 'is no port'), ('port', 65536, 'is no port'),
        ('boolean', 'maybe', 'neither true nor false'),
        ('url', 'ftp://a', 'is no URL'), ('string', {}, 'is no text'),
        ('mapping', 'a=b', 'no mapping'), ('file', '/nowhere', 'read: No'),
        ('secret', 'file:/nowhere', '/nowhere cannot be read')])
    def test_each_kind_says_what_is_wrong(self, sources, kind, value, words):
        fault, = faults(sources, Setting('x', kind), x=value)
        assert words in fault

    def test_a_choice_names_the_others(self, sources):
        fault, = faults(sources, Setting('x', choices=('a', 'b')), x='c')
        assert fault == "driver_info x: 'c' is none of a, b"


class TestWithoutReferences:
    """As in Ironic, where driver_info has the secrets themselves."""

    def test_a_secret_is_what_is_given(self, options, tmp_path):
        (tmp_path / 'secret').write_text('of somebody')
        for given in ('pass word', f'file:{tmp_path}/secret'):
            values, wrong = settings.resolve(
                VBOX, {'vbox_address': 'pc', 'vbox_password': given},
                settings.Sources(lambda group, name: None, None))
            assert (values['vbox_password'], wrong) == (given, [])

    def test_what_is_missing_is_told_from_what_is_wrong(self, sources):
        wrong = settings.resolve(VBOX, {'vbox_port': 'x'}, sources)[1]
        assert [fault.missing for fault in wrong] == [True, False]


class TestMasking:
    GIVEN = {'vbox_address': 'pc', 'vbox_password': 'geheim',
             'ilo_password': 'file:/etc/ilo', 'snmp_auth_password': 'oops'}

    def test_secrets_are_hidden_and_references_are_not(self):
        assert settings.masked(VBOX, self.GIVEN) == {
            'vbox_address': 'pc', 'vbox_password': settings.MASK,
            'ilo_password': 'file:/etc/ilo',
            'snmp_auth_password': settings.MASK}
