# SPDX-License-Identifier: Apache-2.0
"""Real peers on one machine: VirtualBox and an OpenStack around it.

Everything lies in one folder outside the checkout and listens on loopback.
Only the standard library is used here: this is what runs first on a bare
machine.
"""
