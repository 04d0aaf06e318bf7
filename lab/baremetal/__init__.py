# SPDX-License-Identifier: Apache-2.0
"""Real peers of the driver for bare metal."""
