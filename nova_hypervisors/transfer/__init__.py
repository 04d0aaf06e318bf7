# SPDX-License-Identifier: Apache-2.0
"""Files that go from one of our services to another one.

Neither Nova nor its configuration is known here.
"""
