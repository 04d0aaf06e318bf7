# SPDX-License-Identifier: Apache-2.0
"""Fixtures with the real VirtualBox, which know nothing of Nova."""

import shutil

import pytest

from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers


@pytest.fixture(scope='session')
def real_virtualbox():
    """One registry for all tests of a run; they clear it themselves."""
    yield from registry('v')


@pytest.fixture(scope='session')
def web_service(real_virtualbox):
    """VirtualBox's web service for the same registry."""
    yield from service(real_virtualbox)


def registry(name):
    folder = peers.short_folder(name)
    real = peers.RealVirtualBox(folder)
    yield real
    real.clear()
    real.restart_vboxsvc()
    shutil.rmtree(folder)


def service(real):
    made = webpeers.RealWebService(real)
    real.web_services.append(made)
    real.quick = made.client
    yield made
    real.quick = None
    real.web_services.remove(made)
    made.close()


def make_bare_machine(real, name):
    """Make a machine as somebody may have made it, with both drives."""
    real.manage('createvm', '--name', name, '--register', '--basefolder',
                str(real.folder), '--ostype', 'Other_64')
    for controller, kind, drive in (('IDE', 'ide', 'dvddrive'),
                                    ('Floppy', 'floppy', 'fdd')):
        real.manage('storagectl', name, '--name', controller, '--add', kind)
        real.manage('storageattach', name, '--storagectl', controller,
                    '--port', '0', '--device', '0', '--type', drive,
                    '--medium', 'emptydrive')
