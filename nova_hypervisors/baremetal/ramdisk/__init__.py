# SPDX-License-Identifier: Apache-2.0
"""The ramdisk that installs a machine, made of Debian's packages."""
