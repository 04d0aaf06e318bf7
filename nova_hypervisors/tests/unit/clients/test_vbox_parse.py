# SPDX-License-Identifier: Apache-2.0
"""What the real VBoxManage 7.2.22 printed, read."""

import pytest

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import parse
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.tests.unit import samples

UUID = '5d0e6a6e-0000-4000-8000-00000000000{}'


def sample(name):
    return samples.read('vbox-7.2.22', name)


def test_machines():
    assert parse.machines(sample('list-vms.txt')) == [
        api.Machine(UUID.format(1), 'instance-00000001'),
        api.Machine(UUID.format(2), 'a "quoted" {name} ünï'),
        api.Machine(UUID.format(3), 'saved one')]
    assert [machine.uuid for machine
            in parse.machines(sample('list-runningvms.txt'))] == [
        UUID.format(1)]


def test_a_name_over_two_lines_and_one_that_is_inaccessible():
    text = (f'"two\nlines" {{{UUID.format(1)}}}\n'
            f'"<inaccessible>" {{{UUID.format(2)}}}\n')
    assert parse.machines(text) == [
        api.Machine(UUID.format(1), 'two\nlines'),
        api.Machine(UUID.format(2), '<inaccessible>', accessible=False)]


def test_pairs():
    pairs = parse.pairs(sample('showvminfo.txt'))
    assert pairs['VMState'] == 'running'
    assert pairs['UUID'] == UUID.format(1)
    assert pairs['memory'] == '128'
    assert pairs['SATA-1-0'] == '/srv/cloud/boot.iso'
    assert pairs['uartmode1'].startswith('server,')
    # A value over two lines, with quotes in it.
    assert pairs['description'] == 'first line\nsecond="line"'
    assert pairs['VRDEClients'] == '0'
    assert int(pairs['vrdeport']) in range(5960, 5991)


def test_extradata():
    assert parse.extradata(sample('getextradata.txt')) == {
        'VBoxInternal/HM/FallbackToIEM': '1'}
    assert parse.extradata('Key: a/b, Value: c, Value: d\n') == {
        'a/b': 'c, Value: d'}


def test_host():
    host = parse.host(sample('list-hostinfo.txt'), 'x86_64')
    assert (host.cpus, host.cores, host.memory_mb) == (2, 2, 24105)
    assert 0 < host.memory_free_mb < host.memory_mb
    assert 'Xeon' in host.processor
    assert host.operating_system.startswith('Linux ')
    assert host.hardware_virtualization is False


def test_extension_packs():
    assert parse.extension_packs(sample('list-extpacks.txt')) == [
        api.ExtensionPack('VNC', '7.2.22', 'VBoxVNC', '')]


def test_extension_packs_as_the_first_driver_s_readme_shows_them():
    packs = parse.extension_packs('''Extension Packs: 2
Pack no. 0:   Oracle VM VirtualBox Extension Pack
Version:      4.3.20
Revision:     96996
Edition:      
Description:  USB 2.0 Host Controller, Host Webcam, VirtualBox RDP.
VRDE Module:  VBoxVRDP
Usable:       true 
Why unusable: 

Pack no. 1:   VNC
Version:      4.3.18
Revision:     96516
Edition:      
Description:  VNC plugin module
VRDE Module:  VBoxVNC
Usable:       false 
Why unusable: it is too old
''')  # noqa: W291
    assert [(pack.name, pack.vrde_module, pack.why_unusable)
            for pack in packs] == [
        ('Oracle VM VirtualBox Extension Pack', 'VBoxVRDP', ''),
        ('VNC', 'VBoxVNC', 'it is too old')]


def test_media():
    disks = parse.media(sample('list-hdds.txt'), api.DiskKind.DISK)
    by_path = {disk.path: disk for disk in disks}
    base = by_path['/srv/cloud/base.vdi']
    assert (base.parent, base.capacity_mb) == (None, 1)
    root = by_path[f'/srv/cloud/{UUID.format(2)}/root.vdi']
    assert root.parent == base.path
    image, = parse.media(sample('list-dvds.txt'), api.DiskKind.DVD)
    assert image == api.Medium('/srv/cloud/boot.iso', api.DiskKind.DVD, 1)


def test_names_of_networks():
    assert parse.names(sample('list-bridgedifs.txt')) >= {'eth0'}
    assert parse.names(sample('list-natnets.txt')) == {'net1'}
    assert parse.names('') == frozenset()


def test_statistics_of_adapters():
    nics, _ = parse.statistics(sample('statistics.xml'))
    assert nics == {1: api.NicStatistics(1770, 1308),
                    2: api.NicStatistics(1770, 1308)}


def test_statistics_of_disks():
    _, disks = parse.statistics(sample('statistics-disk.xml'))
    assert disks == {0: api.DiskStatistics(512, 1, 0, 0)}


@pytest.mark.parametrize(('text', 'expected'), [
    (sample('version.txt'), (7, 2, 22)),
    ('7.0.26r168464\n', (7, 0, 26)),
    (('WARNING: The character device /dev/vboxdrv does not exist.\n'
     '\t Please install the virtualbox-dkms package\n7.1.4_Ubuntur165100\n'),
     (7, 1, 4)),
])
def test_versions(text, expected):
    assert version.parse(text) == version.Version(*expected)


def test_no_version():
    with pytest.raises(ValueError, match='rubbish'):
        version.parse('rubbish')


def test_a_version_is_one_growing_number():
    numbers = [version.Version(*parts).number for parts in (
        (7, 0, 26), (7, 1, 4), (7, 2, 0), (7, 2, 22), (7, 10, 0), (8, 0, 0))]
    assert numbers == sorted(numbers)
    assert numbers[3] == 7002022
    assert numbers[-1] < 2 ** 31


@pytest.mark.parametrize(('parts', 'architecture', 'unknown'), [
    ((7, 0, 26), False, False), ((7, 1, 0), True, False),
    ((7, 2, 22), True, False), ((8, 0, 0), True, True)])
def test_quirks(parts, architecture, unknown):
    quirks = version.Quirks.of(version.Version(*parts))
    assert quirks.platform_architecture is architecture
    assert quirks.unknown is unknown
