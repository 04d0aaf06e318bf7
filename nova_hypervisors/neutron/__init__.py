# SPDX-License-Identifier: Apache-2.0
"""The part of this package that runs in neutron-server."""
