# SPDX-License-Identifier: Apache-2.0
"""Log-ons, locks and connections, with the real vboxwebsrv.

What the web service does for machines is in the contract suite.
"""

import contextlib
import re
import ssl
import time
import uuid
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import webservice
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers

USER = 'somebody'
PASSWORD = 'a secret'

# The shortest that vboxwebsrv takes: seconds.
EXPIRY_S = 2


@pytest.fixture
def start(real_virtualbox):
    """Start a web service with other options than the tests' common one."""
    with contextlib.ExitStack() as stack:

        def start(*options, **more):
            service = webpeers.RealWebService(real_virtualbox, *options,
                                              **more)
            stack.callback(service.close)
            return service

        yield start
    real_virtualbox.manage('setproperty', 'websrvauthlibrary', 'null')
    real_virtualbox.clear()


@pytest.fixture
def machine(real_virtualbox):
    """A machine that boots the test guest; it is off."""
    spec = api.MachineSpec(
        uuid=str(uuid.uuid4()), name='machine', vcpus=1, memory_mb=64,
        folder=real_virtualbox.folder / uuid.uuid4().hex[:6])
    real_virtualbox.client.create_machine(spec)
    path = peers.make_vdi(spec.folder / 'root.vdi')
    real_virtualbox.client.attach_disk(spec.uuid, 0, path)
    yield spec.uuid
    real_virtualbox.clear()


def is_unlocked(real, machine):
    """Return whether VBoxManage may change a machine."""
    real.manage('modifyvm', machine, '--memory', '72')
    return True


class TestLoggingOn:
    @pytest.fixture
    def guarded(self, start, real_virtualbox):
        hashed = real_virtualbox.manage('internalcommands', 'passwordhash',
                                        PASSWORD).split()[-1]
        real_virtualbox.manage('setextradata', 'global',
                               f'VBoxAuthSimple/users/{USER}', hashed)
        return start(library='VBoxAuthSimple')

    def test_with_the_right_password(self, guarded):
        sessions = guarded.make_sessions(USER, PASSWORD)
        client = webservice.WebServiceClient(sessions, 60)
        assert client.list_machines() == []
        client.close()

    @pytest.mark.parametrize(('user', 'password'), [
        (USER, 'another'), ('nobody', PASSWORD), ('', '')])
    def test_not_with_a_wrong_one(self, guarded, user, password):
        sessions = guarded.make_sessions(user, password)
        client = webservice.WebServiceClient(sessions, 60)
        with pytest.raises(errors.AuthenticationFailed) as caught:
            client.list_machines()
        assert repr(user) in str(caught.value)
        assert 'secret' not in str(caught.value)

    def test_a_log_on_that_was_not_used_is_made_anew(self, start, machine,
                                                     real_virtualbox):
        service = start('-t', str(EXPIRY_S), '-i', '1')
        client = service.client
        assert client.machine_state(machine) is api.MachineState.OFF
        time.sleep(3 * EXPIRY_S)
        assert client.machine_state(machine) is api.MachineState.OFF
        time.sleep(3 * EXPIRY_S)
        client.set_boot_order(machine, (api.BootDevice.NETWORK,))
        found = real_virtualbox.client.machine_settings(machine)
        assert found.boot_order == (api.BootDevice.NETWORK,)

    def test_it_is_kept_while_something_goes_on(self, start, machine):
        # Starting and stopping take longer than the log-on is good for.
        service = start('-t', str(EXPIRY_S), '-i', '1')
        service.client.start(machine)
        service.client.power_off(machine)
        assert service.client.machine_state(machine) is api.MachineState.OFF

    def test_all_are_ended_in_the_end(self, start, machine, real_virtualbox):
        service = start('-v')
        for _ in range(3):
            service.client.machine_settings(machine)
        service.client.close()
        log = real_virtualbox.folder / 'vboxwebsrv.log'
        log.write_bytes(b'')

        def nothing_is_left():
            found = re.findall(r'(\d+) websessions, (\d+) references',
                               log.read_text(errors='replace'))
            return bool(found) and found[-1] == ('0', '0')

        peers.wait_until(nothing_is_left, timeout_s=30)


class TestConnections:
    def test_a_service_that_was_started_anew_is_found_again(self, start,
                                                            machine):
        service = start()
        assert len(service.client.list_machines()) == 1
        service.restart()
        assert len(service.client.list_machines()) == 1
        service.restart()
        service.client.set_boot_order(machine, (api.BootDevice.DVD,))

    def test_connections_that_end_after_some_calls(self, start, machine):
        service = start('-k', '3')
        for _ in range(5):
            assert service.client.machine_settings(machine).vcpus == 1

    def test_connections_that_were_cut(self, start, machine):
        service = start()
        service.client.list_machines()
        service.forwarder.cut()
        assert len(service.client.list_machines()) == 1
        service.forwarder.cut()
        service.client.set_boot_order(machine, (api.BootDevice.DVD,))

    def test_a_service_that_is_not_there(self, start):
        service = start()
        service.stop()
        with pytest.raises(errors.Unreachable):
            service.client.list_machines()

    def test_one_that_gives_no_answer(self, start):
        service = start()
        sessions = service.make_sessions(timeout_s=1)
        client = webservice.WebServiceClient(sessions, 60)
        client.list_machines()
        for process in service.processes():
            process.suspend()
        begun = time.monotonic()
        with pytest.raises(errors.TimedOut, match='within 1 seconds'):
            client.list_machines()
        assert time.monotonic() - begun < 10
        for process in service.processes():
            process.resume()
        assert client.list_machines() == []

    def test_its_daemon_is_gone(self, start, real_virtualbox):
        service = start()
        service.client.list_machines()
        real_virtualbox.restart_vboxsvc()
        with pytest.raises(errors.ClientError):
            service.client.list_machines()
        service.restart()
        assert service.client.list_machines() == []


class TestLocks:
    """A lock that is left behind blocks a machine for good."""

    def test_none_is_left_when_a_call_fails(self, start, machine,
                                            real_virtualbox):
        client = start().client
        for broken in (
                lambda: client.delete_snapshot(machine, 'none'),
                lambda: client.detach_disk(machine, 17),
                lambda: client.pause(machine),
                lambda: client.discard_state(machine),
                lambda: client.set_nic(machine, api.Nic(
                    99, 'fa:16:3e:00:00:01', 'virtio', api.UNPLUGGED))):
            with pytest.raises(errors.ClientError):
                broken()
            assert is_unlocked(real_virtualbox, machine)

    @pytest.mark.parametrize('after', range(1, 9))
    def test_none_is_left_when_a_connection_breaks(self, start, machine,
                                                   real_virtualbox, after):
        """Each call of a change in turn loses its answer."""
        service = start()
        service.client.list_machines()
        service.forwarder.cut_after(after)
        with contextlib.suppress(errors.ClientError):
            service.client.set_boot_order(machine, (api.BootDevice.DVD,))
        assert is_unlocked(real_virtualbox, machine)
        service.client.set_boot_order(machine, (api.BootDevice.DVD,))

    def test_a_machine_that_somebody_has_locked_is_busy(
            self, start, machine, real_virtualbox):
        first, second = start().client, start().client

        def change_meanwhile(web):
            with web.locked(machine, 'Write'), pytest.raises(errors.Busy):
                second.set_boot_order(machine, (api.BootDevice.DVD,))

        first._sessions.change(change_meanwhile)
        second.set_boot_order(machine, (api.BootDevice.DVD,))


class TestTls:
    @pytest.fixture
    def authority(self, real_virtualbox):
        return certificates.Authority(real_virtualbox.folder / 'tls')

    @pytest.fixture
    def service(self, authority, start, real_virtualbox):
        both = real_virtualbox.folder / 'tls/both.pem'
        both.write_bytes(b''.join(
            Path(path).read_bytes() for path in authority.make('service')))
        return start('--ssl', '--keyfile', str(both), scheme='https')

    def _client(self, service, tls):
        return webservice.WebServiceClient(service.make_sessions(tls=tls), 60)

    def test_a_certificate_that_is_trusted(self, service, authority):
        assert self._client(service, authority.client()).list_machines() == []

    def test_one_that_is_not(self, service):
        client = self._client(service, ssl.create_default_context())
        with pytest.raises(errors.CertificateRefused, match='not trusted'):
            client.list_machines()
