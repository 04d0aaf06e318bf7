# SPDX-License-Identifier: Apache-2.0
"""The VirtualBox driver with a VirtualBox that is held in memory."""

from nova_hypervisors.tests.fakes import vbox
from nova_hypervisors.virtualbox import driver


class FakeVBoxDriver(driver.VirtualBoxDriver):
    def __init__(self, virtapi):
        super().__init__(virtapi, client=vbox.FakeVBox())
