# SPDX-License-Identifier: Apache-2.0
"""A VBoxManage that says what the real one has said."""

from __future__ import annotations

from pathlib import Path

from nova_hypervisors.tests.unit import samples

_SCRIPT = '''#!/bin/sh
# $1 is -q
shift
if [ -f "{folder}/$*" ]; then
    exec cat "{folder}/$*"
fi
echo "VBoxManage: error: this was not recorded" >&2
exit 1
'''

# What was recorded of it, and how it was asked.
_SAYS = {
    '--version': 'version.txt',
    'list hostinfo': 'list-hostinfo.txt',
    'list extpacks': 'list-extpacks.txt',
    'list bridgedifs': 'list-bridgedifs.txt',
    'list natnets': 'list-natnets.txt',
    'getextradata global enumerate': 'getextradata.txt',
}


class RecordedVBoxManage:
    """It has no machines.

    :ivar path: of the program
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / 'recorded'
        self._folder.mkdir()
        self.path = folder / 'VBoxManage'
        self.path.write_text(_SCRIPT.format(folder=self._folder))
        self.path.chmod(0o755)
        self.says('list vms', '')
        self.says('list hostonlyifs', '')
        for words, name in _SAYS.items():
            self.says(words, samples.read('vbox-7.2.22', name))

    def says(self, words: str, text: str | None) -> None:
        """Let it answer otherwise; with None it fails."""
        path = self._folder / words
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
