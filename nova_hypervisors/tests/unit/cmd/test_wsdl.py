# SPDX-License-Identifier: Apache-2.0
"""The command that writes the WSDL of ESX hosts."""

import sys

from suds import client

from nova_hypervisors.clients import vsphere
from nova_hypervisors.clients.vsphere import wsdl


def test_it_is_one_that_suds_reads(run, tmp_path):
    path = tmp_path / 'new' / 'vimService.wsdl'
    assert run('wsdl', str(tmp_path / 'new')) == (0, f'{path}\n', '')
    assert 'PowerOnVM_Task' in str(client.Client(path.as_uri(), cache=None))


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / 'file').touch()
    status, output, errors = run('wsdl', str(tmp_path / 'file'))
    assert (status, output) == (1, '')
    assert str(tmp_path / 'file') in errors


def test_without_the_extra_it_says_what_to_install(run, tmp_path,
                                                   monkeypatch):
    monkeypatch.setitem(sys.modules, 'oslo_vmware', None)
    monkeypatch.delitem(sys.modules, wsdl.__name__)
    monkeypatch.delattr(vsphere, 'wsdl')
    status, output, errors = run('wsdl', str(tmp_path))
    assert (status, output) == (1, '')
    assert 'nova-hypervisors[vmware]' in errors
