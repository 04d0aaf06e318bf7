# SPDX-License-Identifier: Apache-2.0
"""The hardware types for Ironic, in a Python that has Ironic and no Nova.

They are a suite of their own: see lab/testing.py.
"""
