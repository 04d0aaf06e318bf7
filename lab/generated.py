# SPDX-License-Identifier: Apache-2.0
"""The files of the checkout that are made from the code.

Run by a Python that has Nova: ``python -m lab.generated write``.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

from oslo_config import cfg
from oslo_config import generator

from lab import dependencies
from lab import layout
from lab import releasetable
from nova_hypervisors.capabilities import registry
from nova_hypervisors.capabilities import render

_CONFIG = layout.CHECKOUT / 'etc/config-generator.conf'
_OPENING = layout.CHECKOUT / 'etc/nova_compute.conf.opening'

_MATRIX = re.compile(r'(?<=<!-- matrix -->\n).*(?=<!-- /matrix -->)',
                     re.DOTALL)

SAMPLE = layout.CHECKOUT / 'etc/nova_compute.conf.sample'
README = layout.CHECKOUT / 'README.md'


def sample() -> str:
    """Return the sample configuration: a block that works, then all."""
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(['--config-file', str(_CONFIG)])
    options = io.StringIO()
    generator.generate(conf, options)
    # There is nothing of ours in Nova's own section.
    text = options.getvalue().replace('[DEFAULT]', '', 1).strip()
    return f'{_OPENING.read_text()}\n{text}\n'


def readme() -> str:
    """Return README.md with the support matrix as it is."""
    table = render.as_markdown(list(registry.COLUMNS))
    return _MATRIX.sub(lambda _: f'\n{table}\n\n', README.read_text())


FILES: dict[Path, Callable[[], str]] = {
    SAMPLE: sample, README: readme, dependencies.PAGE: dependencies.page,
    releasetable.PAGE: releasetable.page}


def main() -> int:
    if sys.argv[1:] != ['write']:
        print(__doc__)
        return 2
    for path, make in FILES.items():
        path.write_text(make())
        print(path.relative_to(layout.CHECKOUT))
    return 0


if __name__ == '__main__':
    sys.exit(main())
