# SPDX-License-Identifier: Apache-2.0
"""DMTF's own validator of Redfish services, for ours.

It compares all that the service shows with the published schemas, which it
fetches from redfish.dmtf.org.  Where that cannot be reached, the environment
has REDFISH_SCHEMAS, a folder with them: ``csdl`` of DSP8010.

Run with a Python that has this project and Nova: see ``make redfish``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

_WANTED = ('redfish-service-validator',)

_USER, _PASSWORD = 'admin', 'se cret'
_LIMIT_S = 600

# Of the table at its end: what passed, warnings, what failed.
_TOTALS = re.compile(
    r'^\|\s*(\d+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|', re.MULTILINE)


def main() -> int:
    lab = layout.Layout.from_environment()
    venv = lab.top / 'venvs/redfish'
    packages.make_venv(lab, venv, _WANTED, lab.logs / 'pip-redfish.log')
    with tempfile.TemporaryDirectory() as folder:
        output = _validate(venv, Path(folder))
    (lab.logs / 'redfish-validator.log').write_text(output)
    totals = _TOTALS.search(output)
    if totals is None:
        raise progress.LabError('the validator has come to no end',
                                lab.logs / 'redfish-validator.log')
    passed, warned, failed = map(int, totals.groups())
    sys.stdout.write(f'{passed} passed, {warned} warnings, {failed} failed\n')
    return int(failed != 0)


def _validate(venv: Path, folder: Path) -> str:
    """Run it on three machines in memory, which are in different states."""
    # Of the tests: what they use must not be imported with the lab.
    from nova_hypervisors.clients.bmc import api
    from nova_hypervisors.tests import redfishfront
    front = redfishfront.Front(None, _USER, _PASSWORD)
    for name in ('one', 'two', 'three'):
        front.machines[name] = front.system(name)
    machine = front.machines['one'].machine()
    machine.insert_media(api.MediaKind.CDROM, 'http://192.0.2.1/image.iso')
    machine.set_boot(api.BootDevice.PXE)
    machine.power_on()
    schemas = os.environ.get('REDFISH_SCHEMAS')
    try:
        return subprocess.run(
            [venv / 'bin/rf_service_validator', '--rhost', front.url,
             '--user', _USER, '--password', _PASSWORD, '--authtype', 'Basic',
             '--logdir', str(folder / 'logs'), '--schema_directory',
             schemas or str(folder / 'schemas'),
             *(('--skipschema',) if schemas else ())],
            cwd=folder, timeout=_LIMIT_S, capture_output=True, text=True,
            check=False).stdout
    finally:
        front.close()


if __name__ == '__main__':
    sys.exit(main())
