# SPDX-License-Identifier: Apache-2.0
"""DevStack as its plugins see it.

Its functions are stand-ins of those that its documentation names
(https://docs.openstack.org/devstack/latest/plugins.html).  With DEVSTACK_DIR,
a checkout of DevStack, those that write configuration files are the real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from oslo_config import cfg

from lab import layout

_PLUGIN = layout.CHECKOUT / 'devstack'
_TESTS = Path(__file__).parent

# As stack.sh does it: one shell for all phases, which ends with an error.
_SCRIPT = '''
set -o errexit
source {tests}/standins.bash
source {plugin}/override-defaults
source {plugin}/settings
while read -r words; do
    # shellcheck disable=SC2086
    source {plugin}/plugin.sh $words
done <<<"$PHASES"
'''

# The commands see the Nova of this Python, but for the link: that goes into
# a checkout.
_PROGRAM = '''#!/bin/bash
export PYTHONPATH={checkout}
if [[ $1 == link ]]; then
    export PYTHONPATH={nova}:{checkout}
fi
exec {python} -W ignore -c 'import sys
from nova_hypervisors.cmd import app
sys.exit(app.main())' "$@"
'''

_NOVA_CONF = '''
[DEFAULT]
my_ip = 192.0.2.10
state_path = {folder}/state
instances_path = {folder}/instances
transport_url = rabbit://stackrabbit:secret@192.0.2.10:5672/

[neutron]
region_name = RegionOne
'''

_ML2_CONF = '''
[ml2]
mechanism_drivers = openvswitch
type_drivers = flat,vlan

[ml2_type_flat]
flat_networks = physnet1
'''


class DevStack:
    """A folder in which DevStack has configured Nova and Neutron.

    :ivar nova: the checkout of Nova
    :ivar settings: what local.conf says
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self.data = folder / 'data'
        self.nova = folder / 'nova-checkout'
        self.nova_conf = folder / 'nova.conf'
        self.ml2_conf = folder / 'ml2_conf.ini'
        self._calls = folder / 'calls'
        self.settings = settings
        self._make()

    def _make(self) -> None:
        self._calls.touch()
        (self._folder / 'state').mkdir()
        self.nova_conf.write_text(_NOVA_CONF.format(folder=self._folder))
        self.ml2_conf.write_text(_ML2_CONF)
        (self.nova / 'nova/virt').mkdir(parents=True)
        for package in ('nova', 'nova/virt'):
            (self.nova / package / '__init__.py').touch()
        program = self._folder / 'bin/nova-hypervisors'
        program.parent.mkdir()
        program.write_text(_PROGRAM.format(
            checkout=layout.CHECKOUT, nova=self.nova, python=sys.executable))
        program.chmod(0o755)

    @property
    def shim(self) -> Path:
        """Where Nova looks for the drivers."""
        return self.nova / 'nova/virt/nova_hypervisors'

    def run(self, *phases: str) -> subprocess.CompletedProcess[str]:
        """Run phases such as 'stack install' after one another."""
        return subprocess.run(
            ['bash', '-c', _SCRIPT.format(plugin=_PLUGIN, tests=_TESTS)],
            env={'PATH': os.environ['PATH'], 'CALLS': str(self._calls),
                 'DATA_DIR': str(self.data), 'STACK_USER': 'stack',
                 'ENABLED_SERVICES': 'n-api,n-cpu,q-svc',
                 'EXEC_PREFIX': str(self._folder / 'bin'),
                 'NOVA_CONF': str(self.nova_conf),
                 'NOVA_CPU_CONF': str(self.nova_conf),
                 # Without its first slash, as DevStack has it.
                 'Q_PLUGIN_CONF_FILE': str(self.ml2_conf).removeprefix('/'),
                 'DEVSTACK_DIR': os.environ.get('DEVSTACK_DIR', ''),
                 'PHASES': '\n'.join(phases), **self.settings},
            capture_output=True, text=True, timeout=120, check=False)

    def configure(self) -> None:
        """Run the phases of stack.sh until all is configured.

        :raises AssertionError: one has failed
        """
        self._run_well('pre-install', 'install', 'post-config')

    def stack(self) -> str:
        """Run all phases of stack.sh; return what they print.

        :raises AssertionError: one has failed
        """
        return self._run_well('pre-install', 'install', 'post-config',
                              'extra')

    def _run_well(self, *phases: str) -> str:
        done = self.run(*(f'stack {phase}' for phase in phases))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def calls(self, name: str) -> list[str]:
        """Return what a function was told, call by call."""
        return [line.removeprefix(f'{name} ')
                for line in self._calls.read_text().splitlines()
                if line.startswith(f'{name} ')]


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the options of a file as oslo.config reads them."""
    sections: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(str(path), sections).parse()
    return {section: {option: values[-1]
                      for option, values in options.items()}
            for section, options in sections.items()}


def complaints(path: Path, *namespaces: str) -> str:
    """Return what oslo-config-validator says of a file: nothing, if well.

    :param namespaces: whose options may be in it
    """
    done = subprocess.run(
        [str(Path(sys.executable).with_name('oslo-config-validator')),
         *(f'--namespace={namespace}' for namespace in namespaces),
         # Its options depend on what other options say.
         '--exclude-group=neutron', f'--input-file={path}'],
        capture_output=True, text=True, timeout=120, check=False)
    return '' if done.returncode == 0 else done.stdout + done.stderr
