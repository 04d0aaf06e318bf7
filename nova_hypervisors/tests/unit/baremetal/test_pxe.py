# SPDX-License-Identifier: Apache-2.0
"""The files by which nodes boot by network, and what reads them."""

import dataclasses
import gzip
import stat
import subprocess
import time

import pytest

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.boot import ipxescript
from nova_hypervisors.baremetal.boot import pxe
from nova_hypervisors.baremetal.boot import pxefiles
from nova_hypervisors.baremetal.deploy import iscsi
from nova_hypervisors.baremetal.deploy import volume
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import iscsi as common_iscsi
from nova_hypervisors.tests import deployments

MAC = '52:54:00:AB:cd:01'
PARAMETERS = {'deployment_key': 'se-cret'}


@pytest.fixture
def site(tmp_path, image_api):
    site = deployments.Site(tmp_path, image_api, kernel_append='quiet')
    for name in ('tftp', 'hosts', 'options'):
        (tmp_path / name).mkdir()
    for name in ('kernel', 'ramdisk'):
        (tmp_path / name).write_bytes(name.encode())
    site.service.options.update({
        'pxe.tftp_root': str(tmp_path / 'tftp'), 'pxe.loader': 'pxelinux',
        'pxe.dhcp': 'dnsmasq', 'pxe.bootfile': 'pxelinux.0',
        'pxe.uefi_bootfile': 'ipxe.efi', 'pxe.tftp_server': '10.0.0.1',
        'pxe.dnsmasq_hosts_dir': str(tmp_path / 'hosts'),
        'pxe.dnsmasq_options_dir': str(tmp_path / 'options')})
    return site


@pytest.fixture
def node(site, tmp_path):
    return site.service.add(
        ports=(nodes.Port(MAC.lower()),
               nodes.Port('52:54:00:ab:cd:02', pxe_enabled=False)),
        driver_info={'deploy_kernel': str(tmp_path / 'kernel'),
                     'pxe_deploy_ramdisk': str(tmp_path / 'ramdisk')})


@pytest.fixture
def prepare(site, node):
    def prepare(**info):
        task = site.task(node, boot=pxe.PXEBoot, deploy=iscsi.ISCSIDeploy,
                         **info)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        return task
    return prepare


def folders(site):
    return [path for path in (site.folder / 'tftp').iterdir()
            if path.is_dir() and path.name != 'pxelinux.cfg']


class TestRamdisk:
    def test_pxelinux(self, site, node, prepare):
        prepare()
        config = site.folder / 'tftp/pxelinux.cfg/01-52-54-00-ab-cd-01'
        folder, = folders(site)
        lines = config.read_text().splitlines()
        assert f'kernel {folder.name}/kernel' in lines
        assert (f'append initrd={folder.name}/ramdisk,'
                f'{folder.name}/parameters quiet') in lines
        assert (folder / 'kernel').read_bytes() == b'kernel'
        assert len(list(config.parent.iterdir())) == 1

    def test_ipxe(self, site, prepare):
        site.service.options.update({
            'pxe.loader': 'ipxe', 'pxe.http_url': 'http://10.0.0.1:8080/'})
        prepare()
        root = site.folder / 'tftp'
        folder, = folders(site)
        base = f'http://10.0.0.1:8080/{folder.name}'
        script = (root / '52-54-00-ab-cd-01.ipxe').read_text().splitlines()
        assert script[0] == '#!ipxe'
        assert script[1] == (f'kernel {base}/kernel initrd=ramdisk '
                             'initrd=parameters quiet || shell')
        assert f'initrd --name parameters {base}/parameters || shell' in (
            script)
        assert 'mac:hexhyp' in (root / 'boot.ipxe').read_text()

    def test_parameters_are_one_more_ramdisk(self, site, prepare, tmp_path):
        prepare()
        folder, = folders(site)
        out = tmp_path / 'unpacked'
        out.mkdir()
        subprocess.run(
            ['cpio', '--quiet', '-i'], check=True, cwd=out,
            input=gzip.decompress((folder / 'parameters').read_bytes()))
        assert (out / 'parameters.txt').read_text() == (
            'deployment_key=se-cret\n')
        assert (out / 'ca.pem').read_bytes() == site.common.authority()

    def test_it_boots_by_network_once(self, site, node, prepare):
        prepare()
        assert site.machine(node).boot() == api.Boot(api.BootDevice.PXE,
                                                     False)

    def test_nothing_is_left(self, site, prepare):
        task = prepare()
        for _ in range(2):
            task.interfaces.boot.clean_up_ramdisk(task)
            assert folders(site) == []
            for name in ('hosts', 'options', 'tftp/pxelinux.cfg'):
                assert list((site.folder / name).iterdir()) == []

    def test_the_folder_is_another_one_each_time(self, site, prepare):
        prepare()
        first, = folders(site)
        prepare()
        second, = folders(site)
        assert first.name != second.name

    def test_an_operator_s_own_file_keeps_its_mode(self, site, prepare,
                                                   tmp_path):
        (tmp_path / 'kernel').chmod(0o600)
        prepare()
        folder, = folders(site)
        assert (folder / 'kernel').stat().st_mode & 0o777 == 0o644
        assert (tmp_path / 'kernel').stat().st_mode & 0o777 == 0o600


class TestInstance:
    def test_it_boots_from_its_disk(self, site, node, prepare):
        task = prepare()
        task.interfaces.boot.prepare_instance(task)
        assert site.machine(node).boot() == api.Boot(api.BootDevice.DISK,
                                                     True)
        assert folders(site) == []

    def test_it_boots_its_own_kernel(self, site, node, image_api, prepare,
                                     tmp_path):
        kernel, ramdisk = (image_api.add('raw', tmp_path / name)
                           for name in ('kernel', 'ramdisk'))
        image = image_api.add('raw', tmp_path / 'kernel', kernel_id=kernel,
                              ramdisk_id=ramdisk)
        task = prepare(image_source=image, root_uuid='1234',
                       capabilities={'boot_option': 'netboot'})
        task.interfaces.boot.prepare_instance(task)
        folder, = folders(site)
        assert {path.name for path in folder.iterdir()} == {'kernel',
                                                            'ramdisk'}
        config, = (site.folder / 'tftp/pxelinux.cfg').iterdir()
        assert 'root=UUID=1234 quiet' in config.read_text()
        assert site.machine(node).boot().device is api.BootDevice.PXE


class TestVolumes:
    VOLUME = common_iscsi.Connection('v', '[2001:db8::7]', 3261, 'iqn.x:y',
                                     17, 'a-user', 'a "se&cret" $1 <')

    @pytest.fixture
    def task(self, site, node):
        site.service.options['pxe.loader'] = 'ipxe'
        return site.task(node, boot=pxe.PXEBoot, deploy=volume.VolumeDeploy)

    def test_what_ipxe_is_told(self, site, node, task):
        task.interfaces.boot.prepare_volume(task, self.VOLUME)
        path = site.folder / 'tftp/52-54-00-ab-cd-01.ipxe'
        lines = path.read_text().splitlines()
        assert lines[0] == '#!ipxe'
        assert (f'set initiator-iqn iqn.2026-11.org.nova-hypervisors:'
                f'{node.uuid}') in lines
        secret, = [line.split()[-1] for line in lines if 'password' in line]
        assert bytes.fromhex(secret.replace(':', '')).decode() == (
            self.VOLUME.secret)
        # The number of the disk is a hexadecimal one.
        assert lines[-1] == (
            'sanboot iscsi:[2001:db8::7]:6:3261:11:iqn.x:y || shell')
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        # It may restart by itself.
        assert site.machine(node).boot() == api.Boot(api.BootDevice.PXE,
                                                     True)

    def test_without_chap_there_is_no_secret(self):
        script = ipxescript.boot_volume(
            dataclasses.replace(self.VOLUME, user='', secret=''), 'iqn.x:i')
        assert 'password' not in script

    @pytest.mark.parametrize('name', ['iqn.x: y', 'iqn.${x}', 'iqn.\n',
                                      'iqn.é', ''])
    def test_a_name_that_no_script_can_have(self, name):
        with pytest.raises(errors.InvalidArgument, match='in a script'):
            ipxescript.boot_volume(
                dataclasses.replace(self.VOLUME, iqn=name), 'iqn.x:i')

    def test_nothing_is_left(self, site, task):
        task.interfaces.boot.prepare_volume(task, self.VOLUME)
        for _ in range(2):
            task.interfaces.boot.clean_up_instance(task)
            assert [path.name for path in (
                site.folder / 'tftp').iterdir()] == ['boot.ipxe']
        assert list((site.folder / 'options').iterdir()) == []

    def test_what_is_wrong_is_named(self, site, node, task):
        assert task.interfaces.deploy.validate(task)[0].message == (
            "'volume' writes no images: the server has to run from a volume")
        alone = site.task(node, boot=pxe.PXEBoot, deploy=volume.VolumeDeploy,
                          asked=False)
        assert alone.interfaces.deploy.validate(alone) == []
        site.service.options['pxe.loader'] = 'pxelinux'
        fault, = alone.interfaces.deploy.validate(alone)
        assert 'pxelinux boots no volumes' in str(fault)

    def test_a_node_without_a_ramdisk_is_right(self, site):
        site.service.options['pxe.loader'] = 'ipxe'
        node = site.service.add('diskless', ports=(
            nodes.Port('52:54:00:ab:cd:09'),))
        task = site.task(node, boot=pxe.PXEBoot, deploy=volume.VolumeDeploy)
        assert task.interfaces.boot.validate(task) == []
        task = site.task(node, boot=pxe.PXEBoot, deploy=iscsi.ISCSIDeploy)
        assert [fault.field for fault in task.interfaces.boot.validate(task)
                ] == ['driver_info deploy_kernel',
                      'driver_info deploy_ramdisk']


class TestDHCP:
    def test_dnsmasq_takes_what_is_written(self, site, node, prepare,
                                           tmp_path):
        """The real one says which files it reads, and what is wrong."""
        log = tmp_path / 'dnsmasq.log'
        prepare()
        process = subprocess.Popen([
            '/usr/sbin/dnsmasq', '--keep-in-foreground', '--port=0',
            '--conf-file=/dev/null', '--interface=lo', '--bind-interfaces',
            '--dhcp-range=127.0.0.0,static', '--dhcp-alternate-port',
            f'--dhcp-hostsdir={tmp_path}/hosts',
            f'--dhcp-optsdir={tmp_path}/options', '--user=root',
            f'--dhcp-leasefile={tmp_path}/leases',
            f'--log-facility={log}', f'--pid-file={tmp_path}/pid'])
        try:
            for _ in range(100):
                text = log.read_text() if log.exists() else ''
                if text.count('read /') == 2:
                    break
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        assert f'read {tmp_path}/options/{node.uuid}' in text
        assert f'read {tmp_path}/hosts/52-54-00-ab-cd-01.conf' in text
        assert 'bad' not in text

    @pytest.mark.parametrize(('mode', 'bootfile'), [
        (api.BootMode.BIOS, 'pxelinux.0'), (api.BootMode.UEFI, 'ipxe.efi')])
    def test_the_loader_is_that_of_the_firmware(self, site, node, prepare,
                                                mode, bootfile):
        site.machine(node).set_boot_mode(mode)
        prepare()
        options = (site.folder / 'options' / node.uuid).read_text()
        assert f'option:bootfile-name,{bootfile}\n' in options
        assert 'option:tftp-server,10.0.0.1\n' in options

    def test_neutron_is_told_and_told_again(self, site, node, monkeypatch):
        ports = {}

        class Neutron:
            def update_port(self, port, body):
                ports[port] = {
                    one['opt_name']: one['opt_value'] for one
                    in body['port']['extra_dhcp_opts']}

        monkeypatch.setattr(pxe.PXEBoot, '_neutron',
                            staticmethod(lambda: Neutron()))
        site.service.options['pxe.dhcp'] = 'neutron'
        first, second = node.ports
        site.services.store.update(node.uuid, ports=(
            nodes.Port(first.address, vif_id='a' * 36),
            nodes.Port(second.address, False, vif_id='b' * 36)))
        task = site.task(node, boot=pxe.PXEBoot)
        task.interfaces.boot.prepare_ramdisk(task, PARAMETERS)
        assert ports == {'a' * 36: {
            'bootfile-name': 'pxelinux.0', 'tftp-server': '10.0.0.1',
            'server-ip-address': '10.0.0.1'}}
        task.interfaces.boot.clean_up_ramdisk(task)
        assert set(ports['a' * 36].values()) == {None}


class TestFaults:
    def test_all_at_once(self, site):
        site.service.options['pxe.tftp_root'] = '/no/such/folder'
        node = site.service.add(ports=(nodes.Port(MAC.lower(), False),))
        task = site.task(node, boot=pxe.PXEBoot)
        text = '\n'.join(map(str, task.interfaces.boot.validate(task)))
        for part in ('deploy_kernel', 'deploy_ramdisk', 'pxe_enabled',
                     'there is no folder /no/such/folder'):
            assert part in text

    def test_a_folder_that_is_not_there(self, site, node, prepare):
        site.service.options['pxe.dnsmasq_hosts_dir'] = '/no/such'
        with pytest.raises(errors.ClientError, match=r'see the folders'):
            prepare()


def test_two_nodes_do_not_meet(tmp_path):
    (tmp_path / 'kernel').write_bytes(b'k')
    boot = pxefiles.Boot(tmp_path / 'kernel', tmp_path / 'kernel', 'quiet')
    root = tmp_path / 'root'
    root.mkdir()
    made = {uuid: pxefiles.Files(root, uuid, [address], pxefiles.IPXE)
            for uuid, address in (('a' * 36, '52:54:00:00:00:0a'),
                                  ('b' * 36, '52:54:00:00:00:0b'))}
    for files in made.values():
        files.write(boot)
    made['a' * 36].remove()
    left = {path.name[:10] for path in root.iterdir()}
    assert left == {'boot.ipxe', '52-54-00-0', 'b' * 10}
    assert (root / '52-54-00-00-00-0b.ipxe').exists()
