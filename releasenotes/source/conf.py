# SPDX-License-Identifier: Apache-2.0
"""How the release notes are built."""

project = 'nova_hypervisors release notes'
author = 'nova-hypervisors maintainers'
copyright = 'nova-hypervisors maintainers'

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

root_doc = 'index'
exclude_patterns = []

# A release's notes name its version themselves.
version = release = ''

html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
