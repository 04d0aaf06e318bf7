# SPDX-License-Identifier: Apache-2.0
"""How the documentation is built: options, commands and the support matrix
come from the code."""

import csv
import importlib.metadata
from pathlib import Path

from nova_hypervisors.capabilities import registry
from nova_hypervisors.capabilities import render
from nova_hypervisors.vmwareapi import oldflags

project = 'nova_hypervisors'
author = 'nova-hypervisors maintainers'
copyright = 'nova-hypervisors maintainers'
version = release = importlib.metadata.version('nova-hypervisors')

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'sphinx_feature_classification.support_matrix',
]

# CONTRIBUTING.rst and HACKING.rst are included from the top.
root_doc = 'index'
exclude_patterns = []
nitpicky = True

html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
html_theme_options = {'display_global_toc_section': True}

man_pages = [('cli/index', 'nova-hypervisors',
              'look after the compute drivers of nova-hypervisors',
              [author], 1)]

autoprogram_cliff_application = 'nova-hypervisors'


built = Path(__file__).parent.parent / 'build'
built.mkdir(exist_ok=True)


def _write_matrix():
    """Write the support matrix as its Sphinx extension reads it."""
    # Of a driver that is only planned there is nothing to tell.
    columns = [column for column in registry.COLUMNS
               if registry.supported(column)]
    (built / 'support-matrix.ini').write_text(
        render.as_ini(columns), encoding='utf-8')


_write_matrix()


def _write_old_flags():
    """Write the table of the first ESX driver's flags."""
    with (built / 'old-flags.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('Flag', 'Read by', 'Now', 'Note'))
        for flag in oldflags.FLAGS:
            writer.writerow((
                f'``{flag.name}``', flag.service,
                f'``{flag.successor}``' if flag.successor else '\\-',
                flag.reason))


_write_old_flags()
