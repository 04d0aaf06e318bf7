# SPDX-License-Identifier: Apache-2.0
"""What the VirtualBox driver costs, beside VirtualBox itself.

    python -m benchmarks.virtualbox [--format json] [--quick]

Run by a Python that has this package's tests; "make virtualbox" makes one, and
the VirtualBox.  Everything is measured in one run on one machine, ours in turn
with what it is compared to, and each figure is a median: what counts is how
they compare.
"""
