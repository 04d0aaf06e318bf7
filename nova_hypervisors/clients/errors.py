# SPDX-License-Identifier: Apache-2.0
"""What can go wrong when talking to a hypervisor.

Nothing here knows Nova.  The class says what happened, ``transient`` says
whether trying again can help.  A detail never holds a secret: whoever makes
an error from a command line or a request leaves the arguments out.
"""

from __future__ import annotations


class ClientError(Exception):
    """Any failure that a hypervisor reports, or on the way to it."""

    transient = False
    #: how often a transient one is tried again, whatever was configured
    least_tries = 0

    def __init__(self, detail: str, *, operation: str = '',
                 code: int | None = None, fault: str = '') -> None:
        """:param fault: the hypervisor's own name of it, if it has one"""
        super().__init__(f'{operation}: {detail}' if operation else detail)
        self.detail = detail
        self.operation = operation
        self.code = code
        self.fault = fault


class Unreachable(ClientError):
    """Nobody answers; nothing was done."""

    transient = True


class NotListening(ClientError):
    """Whom it was to connect to does not listen, yet; nothing was done."""

    transient = True


class CertificateRefused(ClientError):
    """The certificate that the hypervisor shows is not to be trusted."""


class ConnectionLost(ClientError):
    """The answer did not come.  It may have been done or not."""


class NotInstalled(ClientError):
    """The program that we drive is not on this host, or may not be run."""


class AuthenticationFailed(ClientError):
    pass


class Forbidden(ClientError):
    """Who is logged in lacks a privilege."""


class NotFound(ClientError):
    pass


class MachineNotFound(NotFound):
    pass


class MediumNotFound(NotFound):
    pass


class AlreadyExists(ClientError):
    pass


class InvalidArgument(ClientError):
    """The hypervisor does not take this value."""


class NoSuchPort(InvalidArgument):
    """A controller has fewer ports."""


class InvalidState(ClientError):
    """The object exists but its state forbids the operation."""


class InUse(InvalidState):
    """Something else holds on to the object: a child disk, a machine."""


class Busy(InvalidState):
    """Somebody else holds the object's lock; wait and try again."""

    transient = True


class MediumBusy(Busy):
    """Somebody else holds a disk's lock.

    A machine's process that is just ending does, once in a hundred times for
    ten seconds.
    """

    least_tries = 15


class Unsupported(ClientError):
    """This version, build or backend of the hypervisor cannot do it."""


class VolumeUnavailable(ClientError):
    """The hypervisor does not reach a volume, or is not let in."""


class NoAdditions(Unsupported):
    """The guest does not run what the hypervisor needs in it."""


class OutOfSpace(ClientError):
    pass


class TimedOut(ClientError):
    """No answer within the limit.  It may have been done or not."""


class Cancelled(ClientError):
    """It was given up because we asked for that."""


class DataDamaged(ClientError):
    """What arrived is not what was sent."""
