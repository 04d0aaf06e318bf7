# SPDX-License-Identifier: Apache-2.0
"""What a newer Nova changes, told of two small ones and of the real one."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import nova
import pytest

from lab import layout

PROGRAM = layout.CHECKOUT / 'tools/nova_changes.py'

OLD = {
    'nova/virt/driver.py': """
class ComputeDriver:
    capabilities = {'has_imagecache': False, 'gone': False}
    def __init__(self, virtapi): pass
    def spawn(self, context, instance): pass
    def plug_vifs(self, instance): pass
""",
    'nova/exception.py': """
class NovaException(Exception):
    msg_fmt = 'it failed'
class Lost(NovaException):
    msg_fmt = 'lost'
class NotOurs(NovaException):
    pass
""",
    'nova/objects/instance.py': """
class Instance(base.NovaObject):
    VERSION = '1.0'
    fields = {'host': fields.StringField(),
              'task_state': fields.StringField()}
    def save(self, expected=None): pass
""",
    'nova/conf/vnc.py': """
opts = [cfg.StrOpt('server_listen', default='127.0.0.1', help='old'),
        cfg.IntOpt('port', default=1)]
""",
}
NEW = {
    'nova/virt/driver.py': """
class ComputeDriver:
    capabilities = {'has_imagecache': True}
    def __init__(self, virtapi): pass
    def spawn(self, context, instance, power_on=True): pass
    def new_one(self): pass
""",
    'nova/exception.py': """
class NovaException(Exception):
    msg_fmt = 'it failed'
class NotOurs(Exception):
    pass
""",
    'nova/objects/instance.py': """
class Instance(base.NovaObject):
    VERSION = '1.1'
    fields = {'host': fields.StringField(nullable=True)}
    def save(self, expected=None): pass
""",
    'nova/conf/vnc.py': """
opts = [cfg.StrOpt('server_listen', default='::', help='new'),
        cfg.IntOpt('port', default=2)]
""",
}
OURS = """
from nova import exception
from nova import objects
from nova.virt import driver as virt_driver

def listen(conf, instance: objects.Instance):
    if conf.vnc.server_listen:
        raise exception.Lost()
"""


@pytest.fixture(scope='session')
def tool():
    spec = importlib.util.spec_from_file_location('nova_changes', PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def release(tmp_path, tool):
    def release(name, files):
        for path, text in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / '__init__.py').touch()
            file.write_text(text)
        (tmp_path / name / 'nova/__init__.py').touch()
        return tool.Release(tmp_path / name)
    return release


@pytest.fixture
def ours(tmp_path):
    folder = tmp_path / 'ours'
    (folder / 'tests').mkdir(parents=True)
    (folder / 'it.py').write_text(OURS)
    (folder / 'tests/test_it.py').write_text(
        'from nova import exception\nexception.NotOurs()\n')
    return folder


def test_each_change_of_what_is_touched_is_told(tool, release, ours):
    assert tool.changes(ours, release('old', OLD), release('new', NEW)) == [
        'nova.exception.Lost: (NovaException) -> is not there',
        "nova.exception.Lost.msg_fmt: 'lost' -> is not there",
        ('nova.objects.Instance.fields[host]: fields.StringField() -> '
        'fields.StringField(nullable=True)'),
        ('nova.objects.Instance.fields[task_state]: fields.StringField() -> '
        'is not there'),
        ('nova.virt.driver.ComputeDriver.capabilities[gone]: False -> '
        'is not there'),
        ('nova.virt.driver.ComputeDriver.capabilities[has_imagecache]: '
        'False -> True'),
        'nova.virt.driver.ComputeDriver.new_one: is not there -> (self)',
        ('nova.virt.driver.ComputeDriver.plug_vifs: (self, instance) -> '
        'is not there'),
        ('nova.virt.driver.ComputeDriver.spawn: (self, context, instance) -> '
        '(self, context, instance, power_on=True)'),
        ("option vnc.server_listen: StrOpt(default='127.0.0.1') -> "
        "StrOpt(default='::')")]


def test_what_is_the_same_is_not_told(tool, release, ours):
    assert tool.changes(ours, release('a', OLD), release('b', OLD)) == []


def test_what_this_package_touches_is_found(tool):
    installed = tool.Release(Path(nova.__file__).parent.parent)
    found = tool.uses(tool.OURS, installed)
    assert {('nova.virt.driver', 'ComputeDriver'),
            ('nova.exception', 'InstanceNotFound'),
            ('nova.objects', 'LibvirtLiveMigrateData')} <= found
    # A module that is no more, or a name that was never there, is a fault of
    # the search, or of ours.
    lost = {use for use in found if installed.definition(use) is None}
    assert {use for use in lost if use[0] != 'nova.objects'} <= {
        ('nova.conf', 'CONF')}
    assert 'vnc.server_listen' in tool.options_read(tool.OURS)


def test_a_folder_without_nova_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path, tmp_path], text=True,
        capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f'{tmp_path}: is no version' in done.stderr


def test_it_runs(tmp_path, release, ours):
    release('old', OLD)
    release('new', NEW)
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path / 'old', tmp_path / 'new'],
        text=True, capture_output=True, check=True, timeout=120)
    assert 'ComputeDriver.plug_vifs: (self, instance) -> is not' in done.stdout
    assert 'changes' in done.stderr
