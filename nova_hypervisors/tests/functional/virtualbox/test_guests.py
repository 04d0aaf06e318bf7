# SPDX-License-Identifier: Apache-2.0
"""The test guest has no Guest Additions, and whoever needs them is told."""

import pytest
from nova import exception


@pytest.mark.feature('operation.set-admin-password')
def test_a_password_is_not_set_without_the_guest_additions(
        config, folder, make_driver, spawn, hears):
    password = folder / 'password'
    password.write_text('let me in\n')
    config.config(group='virtualbox', guest_user='root',
                  guest_password_file=str(password))
    driver = make_driver()
    instance = spawn(driver=driver)
    hears(instance, 'beat', driver=driver)
    with pytest.raises(exception.InstanceAgentNotEnabled,
                       match='runs no Guest Additions') as caught:
        driver.set_admin_password(instance, 'a new one')
    assert 'a new one' not in str(caught.value)
    assert 'let me in' not in str(caught.value)
