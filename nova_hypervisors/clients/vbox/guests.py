# SPDX-License-Identifier: Apache-2.0
"""Programs that are run in guests, by VirtualBox's Guest Additions.

Source: "VBoxManage guestcontrol" in the manual, IGuest and IGuestSession in
the SDK reference.  No guest of the project's tests has the Additions: what
they are asked for is tested, and that guests without them are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nova_hypervisors.clients import errors

#: how long VirtualBox waits for a program, at most
LONGEST_S = 60


@dataclasses.dataclass(frozen=True, slots=True)
class GuestProgram:
    """A program, and as whom it is run.

    :param words: its path, and its arguments
    :param environment: what may be secret is handed over in it
    """

    words: tuple[str, ...]
    user: str
    password: str = dataclasses.field(repr=False)
    environment: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False)


def no_additions(uuid: str) -> errors.ClientError:
    return errors.NoAdditions(
        f'the guest of machine {uuid} runs no Guest Additions',
        operation='run_in_guest')
