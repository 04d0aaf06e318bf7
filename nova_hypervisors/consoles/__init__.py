# SPDX-License-Identifier: Apache-2.0
"""What stands between a machine's screen and serial port and Nova.

Nothing here knows Nova or VirtualBox.
"""
