# SPDX-License-Identifier: Apache-2.0
"""Nova compute drivers for VirtualBox, VMware ESX and bare metal."""
