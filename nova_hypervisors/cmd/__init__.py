# SPDX-License-Identifier: Apache-2.0
"""The ``nova-hypervisors`` command, a file a subcommand."""
