# SPDX-License-Identifier: Apache-2.0
"""A driver that fails as a test says, and the file that it leaves."""

import contextlib
from pathlib import Path

from oslo_config import cfg

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import wire
from nova_hypervisors.clients.vsphere import wsdl
from nova_hypervisors.common import boundary
from nova_hypervisors.common import incidents
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import vspherelink

MISSING = ('VBoxManage: error: Could not find a registered machine named '
           "'{}'\nVBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND "
           '(0x80bb0001), component VirtualBoxWrap\n')

_SOAP = ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
         '<e:Body><answer>{}</answer></e:Body></e:Envelope>')


_ALWAYS = {
    weblogon.LOG_ON: '<returnval>root</returnval>',
    'IVirtualBox_getVersion': '<returnval>7.2.22</returnval>'}


class Driver:
    """:param work: what each of its methods does"""

    column = 'virtualbox-vboxmanage'

    def __init__(self, work=lambda: None):
        self.work = work

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True):
        with boundary.for_instance(instance):
            return self.work()

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        self.unpause(instance)

    def unpause(self, instance):
        with boundary.for_instance(instance):
            return self.work()

    def get_available_resource(self, nodename):
        return {'hypervisor_type': 'VirtualBox',
                'hypervisor_version': 7002022}


class Service:
    """A SOAP service that is not there, and answers all alike.

    :param returned: what is in the element that it answers with
    """

    where = 'http://vbox.example:18083/'

    def __init__(self, returned):
        self.returned = returned

    def call(self, operation, arguments, timeout_s=None, heard=None):
        answer = _SOAP.format(_ALWAYS.get(
            operation, self.returned)).encode()
        heard(answer)
        return soap.understood(self.where, operation, answer)


class Leak:
    """Calls hypervisors, and lets them say what they should not.

    :param folder: for files; not that of incidents
    """

    def __init__(self, folder, fixture):
        self._folder = folder
        self._fixture = fixture
        self.incidents = Path(folder) / 'incidents'
        fixture.config(group='incidents', directory=str(self.incidents))
        #: of spawn
        self.arguments = {}
        self.context = builders.admin_context()
        self.instance = builders.instance()
        self._work = []

    def configure(self, group, **values):
        self._fixture.config(group=group, **values)

    def declare(self, name):
        """Declare an option, as a library does that is used."""
        self._fixture.register_opt(cfg.StrOpt(name, secret=True))

    def vboxmanage(self, *words, secrets=(), said='', failed=''):
        """Run VBoxManage; it prints that, or an error."""
        run = program.Program(
            'VBoxManage', timeout_s=1, private_folder=self._folder, env={},
            policy=retry.NEVER, run=lambda *_: execute.Completed(
                1 if failed else 0, said, failed))
        self._work.append(lambda: run(words, secrets=secrets))

    def says(self, said):
        """Let VBoxManage print that."""
        self.vboxmanage('list', 'vms', said=said)

    def web_service(self, operation, returned='', password='x', **arguments):
        """Log on to the web service and call an operation of it."""
        sessions = weblogon.WebSessions(
            Service(returned or '<returnval>r</returnval>'), 'user',
            lambda: password, retry.NEVER)
        self._work.append(lambda: sessions.read(
            lambda web: web.call(operation, web.root, **arguments)))

    def esx(self, operation, answer='<a/>', target='SessionManager',
            **arguments):
        link = vspherelink.Link()
        link.answers = [answer]
        made = wire.Wire(link, str(wsdl.ensure(self._folder)))

        def call():
            ref = values.Ref(target, 'x')
            try:
                made.call(operation, ref, **arguments)
            except faults.Fault as fault:
                raise faults.to_error(fault, operation, ref) from fault

        self._work.append(call)

    def fail(self):
        """Do all this in spawn, and then fail; return the file."""
        self.vboxmanage('startvm', 'x', failed=MISSING.format('x'))
        driver = Driver(lambda: [step() for step in self._work])
        incidents.watch(self._fixture.conf, driver)
        arguments = {'image_meta': None, 'injected_files': [],
                     'admin_password': None, 'allocations': {},
                     **self.arguments}
        with contextlib.suppress(Exception):
            driver.spawn(self.context, self.instance, **arguments)
        path, = self.incidents.iterdir()
        return path


def failure(kind=errors.InvalidState, detail='it is off', **more):
    """Return an error as a file has it."""
    return bundles.Failure(kind.__name__, detail, more.get('operation', ''),
                           more.get('code'), more.get('fault', ''))


def is_reproduced(made, kind, seam):
    """See that a replay ends as what was recorded, at this seam."""
    bundle = made.bundle
    assert bundle.error.kind == kind.__name__
    assert made.error == bundle.error
    assert bundle.calls[bundle.call].seam == seam
    assert [call for call in made.calls if not call.is_same] == []
