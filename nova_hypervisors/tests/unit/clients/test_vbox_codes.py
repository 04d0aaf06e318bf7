# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import codes


@pytest.mark.parametrize(('code', 'text', 'kind'), [
    # Seen with 7.2.22, when a machine had just ended.
    (0x80BB0003, ('Failed to get a console object from the direct session '
     '(NS_ERROR_ABORT)'), errors.Busy),
    (0x80BB0003, 'something else', errors.ClientError),
    (0x80BB0001, 'Could not find a registered machine named',
     errors.MachineNotFound),
    (-2135228409, 'locked', errors.Busy),
    (-2135228409, "Failed to lock media '/a.vdi'", errors.MediumBusy)])
def test_what_an_error_is(code, text, kind):
    assert type(codes.error_for(code, text, 'lock')) is kind
