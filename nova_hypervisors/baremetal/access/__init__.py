# SPDX-License-Identifier: Apache-2.0
"""How to get at a node's machine: the fields of ``driver_info``, a file each.

The power interface and the management interface of one way share them, and so
one client.
"""
