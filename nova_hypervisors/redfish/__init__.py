# SPDX-License-Identifier: Apache-2.0
"""Machines of any kind as systems of a Redfish service.

So whatever speaks Redfish drives them: Ironic, Metal3, Ansible.  Nothing here
knows Nova, or what kind of machine it is: see :mod:`.clients.bmc.api`.
"""
