# SPDX-License-Identifier: Apache-2.0
"""Understanding the answers of an incident again, without a hypervisor.

What a hypervisor answered goes through the same code that read it when it was
recorded.  Nothing is sent, started or written.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import redaction

#: Raises what an answer means.
Understand = Callable[[bundles.Exchange], object]


class CannotReplay(Exception):
    """Says why a call cannot be understood again."""


@dataclasses.dataclass(frozen=True, slots=True)
class Replayed:
    """A call that was understood again.

    :ivar error: what came out; None if it went well
    :ivar why_not: why nothing was made of it
    """

    call: bundles.Exchange
    error: bundles.Failure | None = None
    why_not: str = ''

    @property
    def is_same(self) -> bool:
        return not self.why_not and self.error == self.call.error


@dataclasses.dataclass(frozen=True, slots=True)
class Replay:
    """:ivar error: what the failed call has led to; None: nothing"""

    bundle: bundles.Bundle
    calls: tuple[Replayed, ...]
    error: bundles.Failure | None
    why_not: str = ''

    @property
    def is_same(self) -> bool:
        return self.error == self.bundle.error


def replay(bundle: bundles.Bundle) -> Replay:
    redactor = redaction.Redactor()
    calls = tuple(_again(call, redactor) for call in bundle.calls)
    if bundle.call is None:
        return Replay(bundle, calls, None, 'no call has failed with it: the '
                      'driver made it of what it was told, at '
                      f'{bundle.places[-1] if bundle.places else "?"}')
    failed = calls[bundle.call]
    return Replay(bundle, calls, failed.error, failed.why_not)


def _again(call: bundles.Exchange, redactor: redaction.Redactor) -> Replayed:
    if call.answer is None:
        # Nothing arrived, and what was made of that is all there is.
        return Replayed(call, call.error and bundles.Failure.of(
            _as_error(call.error), redactor))
    if call.cut:
        return Replayed(call, why_not='its answer was too long to be kept')
    try:
        _understand(call)
    except CannotReplay as error:
        return Replayed(call, why_not=str(error))
    except Exception as error:
        # Whatever it is: that it is raised is what one wants to know.
        return Replayed(call, bundles.Failure.of(error, redactor))
    return Replayed(call)


def _as_error(failure: bundles.Failure) -> Exception:
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, errors.ClientError):
        return kind(failure.detail, operation=failure.operation,
                    code=failure.code, fault=failure.fault)
    return type(failure.kind, (Exception,), {})(failure.detail)


def _understand(call: bundles.Exchange) -> None:
    if call.seam not in SEAMS:
        raise CannotReplay(f'seam {call.seam!r} is not known; there are '
                           + ', '.join(SEAMS))
    try:
        SEAMS[call.seam](call)
    except (KeyError, TypeError, AttributeError) as error:
        if not _is_ours(error):
            raise
        raise CannotReplay(f'its request or answer is not as it was written '
                           f'({error!r})') from error
    except ImportError as error:
        raise CannotReplay(f'{error}: install the extra of this hypervisor'
                           ) from error


def _is_ours(error: Exception) -> bool:
    """Return whether an error comes of reading the file, not its answer."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (trace is not None
            and trace.tb_frame.f_globals.get('__name__') == __name__)


def _client(name: str) -> Any:
    """Return a client's module; its extra need not be installed."""
    return importlib.import_module(f'nova_hypervisors.clients.{name}')


def _vboxmanage(call: bundles.Exchange) -> None:
    _client('vbox.program').understood(
        execute.Completed(**call.answer), call.operation)


def _virtualbox_soap(call: bundles.Exchange) -> None:
    soap, logon = _client('soap'), _client('vbox.weblogon')
    where, arguments = call.request['where'], call.request['arguments']

    def answered() -> Any:
        return soap.understood(where, call.operation, call.answer.encode())

    if call.operation == logon.LOG_ON:
        logon.root_of(answered, where, arguments['username'])
        return
    try:
        answered()
    except soap.Fault as fault:
        raise _client('vbox.websession').error_for(
            fault, call.operation) from fault


def _virtualbox_progress(call: bundles.Exchange) -> None:
    raise _client('vbox.codes').error_for(
        call.answer['code'], call.answer['detail'], call.operation)


def _vsphere_soap(call: bundles.Exchange) -> None:
    wire, faults = _client('vsphere.wire'), _client('vsphere.faults')
    try:
        wire.understood(call.request['where'], call.operation,
                        call.answer['status'], call.answer['body'].encode())
    except faults.Fault as fault:
        raise faults.to_error(fault, call.operation,
                              _target(call.request)) from fault


def _vsphere_task(call: bundles.Exchange) -> None:
    faults, found = _client('vsphere.faults'), call.answer
    fault = faults.Fault(found['name'], found['message'], found['details'],
                         found['about'])
    raise faults.to_error(fault, call.operation, _target(found))


def _vsphere_file(call: bundles.Exchange) -> None:
    _client('vsphere.folder').judge(
        call.answer['status'], call.answer['reason'], call.operation,
        call.request['path'])


def _redfish(call: bundles.Exchange) -> None:
    _client('bmc.redfisherrors').understood(
        call.request['where'], call.operation, call.answer['status'],
        call.answer['text'])


def _ribcl(call: bundles.Exchange) -> None:
    _client('bmc.ribcl').understood(call.request['host'], call.operation,
                                    call.answer['text'])


def _ilo4(call: bundles.Exchange) -> None:
    """What an answer means is noted by who has asked."""


def _ipmi(call: bundles.Exchange) -> None:
    _client('bmc.ipmi').understood(execute.Completed(**call.answer),
                                   call.request['where'], call.operation)


def _openstack(call: bundles.Exchange) -> None:
    found = call.answer
    _client('bmc.openstack').understood(
        found['kind'], found['status'], found['message'], call.operation)


def _target(found: Any) -> Any:
    target = found['target']
    return target and _client('vsphere.values').Ref(*target)


SEAMS: Mapping[str, Understand] = {
    'vboxmanage': _vboxmanage,
    'virtualbox-soap': _virtualbox_soap,
    'virtualbox-progress': _virtualbox_progress,
    'vsphere-soap': _vsphere_soap,
    'vsphere-task': _vsphere_task,
    'vsphere-file': _vsphere_file,
    'redfish': _redfish,
    'ilo4': _ilo4,
    'ribcl': _ribcl,
    'ipmi': _ipmi,
    'openstack': _openstack,
}
