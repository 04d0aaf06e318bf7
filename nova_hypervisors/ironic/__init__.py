# SPDX-License-Identifier: Apache-2.0
"""Hardware types for Ironic: what our nodes are made of, for its own nodes.

Ironic's interfaces here hand every call to the same classes by which our
driver switches machines.  Nothing of Nova is needed: Ironic has no Nova.
"""
