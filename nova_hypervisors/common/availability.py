# SPDX-License-Identifier: Apache-2.0
"""Taking no servers while the hypervisor does not answer.

nova-compute goes on reporting to Nova while its hypervisor is gone, so the
scheduler would go on choosing this host.  Nova's own driver for libvirt
disables the service then (``_set_host_enabled`` in nova/virt/libvirt/
driver.py); so do these.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import time
from collections.abc import Callable

from nova import context as nova_context
from nova import objects
from nova.virt import virtapi as nova_virtapi
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

# Why the service is disabled, so that only what was done here is undone.
_REASON = 'AUTO: the hypervisor does not answer'

# What fits into Nova's database.
_REASON_LENGTH = 255

# A look may take as long as a call of the hypervisor that hangs.
_SILENCE_S = 60.0


class State(enum.Enum):
    ANSWERS = 'answers'
    GONE = 'gone'
    #: nothing was heard yet, or not for long
    UNKNOWN = 'unknown'


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the hypervisor.

    :param since: when it became so
    """

    state: State
    since: datetime.datetime
    reason: str | None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Availability:
    """Told after each look at the hypervisor how it went.

    Nova is told once for each change.  What an operator says meanwhile,
    enabling it or disabling it for another reason, stays.

    :param hostname: [DEFAULT] host
    :param interval_s: between two looks
    """

    def __init__(self, virtapi: nova_virtapi.VirtAPI, hostname: str,
                 interval_s: float = 0, *,
                 now: Callable[[], datetime.datetime] = _now,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._virtapi = virtapi
        self._hostname = hostname
        self._silence_s = _SILENCE_S + 2 * interval_s
        self._now = now
        self._monotonic = monotonic
        self._heard_at = monotonic()
        self._standing = Standing(State.UNKNOWN, now(),
                                  'the hypervisor was not looked at yet')
        # None: a nova-compute that ran before may have left it disabled.
        self._told: bool | None = None
        self._failing = False

    def answers(self) -> None:
        """Take servers again, if it was us who took none."""
        self._note(State.ANSWERS, None)
        if self._told is not True:
            self._tell(True, None)

    def is_gone(self, error: Exception) -> None:
        """Take no servers, and say why."""
        self._note(State.GONE, str(error))
        if self._told is not False:
            self._tell(False, f'{_REASON}: {error}'[:_REASON_LENGTH])

    def standing(self) -> Standing:
        """Return what is known of the hypervisor, whatever Nova was told.

        A look that hangs tells nothing, so what was heard last becomes old.
        """
        standing = self._standing
        silent_s = self._monotonic() - self._heard_at
        if silent_s <= self._silence_s:
            return standing
        return Standing(
            State.UNKNOWN,
            self._now() - datetime.timedelta(seconds=silent_s),
            f'nothing was heard of the hypervisor for {silent_s:.0f} seconds; '
            f'before, its state was: {standing.state.value}')

    def _note(self, state: State, reason: str | None) -> None:
        before = self._standing
        self._heard_at = self._monotonic()
        self._standing = Standing(
            state, before.since if before.state is state else self._now(),
            reason)

    def _tell(self, enabled: bool, reason: str | None) -> None:
        context = nova_context.get_admin_context()
        try:
            service = objects.Service.get_by_compute_host(context,
                                                          self._hostname)
            if self._is_ours(service, enabled):
                service.disabled = not enabled
                service.disabled_reason = reason
                service.save()
                LOG.warning('This host takes %s', 'servers again' if enabled
                            else f'no servers: {reason}')
                self._tell_placement(context, enabled)
        except Exception as problem:
            # Nova may be gone too.  The next look comes in a few seconds.
            LOG.log(logging.DEBUG if self._failing else logging.WARNING,
                    'Nova cannot be told whether this host takes servers: %s',
                    problem)
            self._failing = True
            return
        self._failing = False
        self._told = enabled

    @staticmethod
    def _is_ours(service: objects.Service, enabled: bool) -> bool:
        if enabled:
            return bool(service.disabled and (
                service.disabled_reason or '').startswith(_REASON))
        return not service.disabled

    def _tell_placement(self, context: nova_context.RequestContext,
                        enabled: bool) -> None:
        """Let the scheduler know at once.

        Nova does so itself with its next look at the host's resources, so it
        is no harm if this fails.
        """
        try:
            for node in objects.ComputeNodeList.get_all_by_host(
                    context, self._hostname):
                self._virtapi.update_compute_provider_status(
                    context, node.uuid, enabled)
        except Exception as problem:
            LOG.warning('Placement cannot be told whether this host takes '
                        'servers: %s', problem)
