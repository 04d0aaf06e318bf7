# SPDX-License-Identifier: Apache-2.0
"""Programs in guests, by the web service."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

# AdditionsRunLevelType: from here on programs can be run.
_READY = ('Userland', 'Desktop')

# GuestSessionWaitForFlag_Start and ProcessWaitForFlag_Terminate.
_STARTED = 1
_TERMINATED = 2
_ENDED_WELL = 'TerminatedNormally'


@contextlib.contextmanager
def _session(web: WebSession, guest: str,
             wanted: guests.GuestProgram) -> Iterator[str]:
    recording.hide((wanted.password, *wanted.environment.values()))
    session = web.text('IGuest_createSession', guest, user=wanted.user,
                       password=wanted.password, domain='',
                       sessionName='nova-hypervisors')
    try:
        state = web.text('IGuestSession_waitFor', session, waitFor=_STARTED,
                         timeoutMS=guests.LONGEST_S * 1000)
        if state != 'Start':
            raise errors.ClientError(
                f'the guest lets nobody in as {wanted.user}: {state}',
                operation='run_in_guest')
        yield session
    finally:
        web.call('IGuestSession_close', session)


class WebGuests:
    """:class:`.interface.GuestApi`."""

    _sessions: weblogon.WebSessions

    @weblogon.changes
    def run_in_guest(self, web: WebSession, uuid: str,
                     wanted: guests.GuestProgram) -> None:
        with web.locked(uuid) as lock:
            guest = web.text('IConsole_getGuest', lock.console)
            if web.text('IGuest_getAdditionsRunLevel', guest) not in _READY:
                raise guests.no_additions(uuid)
            with _session(web, guest, wanted) as session:
                self._run_program(web, session, wanted)

    def _run_program(self, web: WebSession, session: str,
                     wanted: guests.GuestProgram) -> None:
        # 7.1 wants to know the folder too.
        folder = {'cwd': ''} if web.quirks.platform_architecture else {}
        process = web.text(
            'IGuestSession_processCreate', session,
            executable=wanted.words[0], arguments=list(wanted.words),
            **folder, environmentChanges=[
                f'{name}={value}'
                for name, value in wanted.environment.items()],
            flags=[], timeoutMS=guests.LONGEST_S * 1000)
        web.text('IProcess_waitFor', process, waitFor=_TERMINATED,
                 timeoutMS=guests.LONGEST_S * 1000)
        status = web.text('IProcess_getStatus', process)
        code = web.text('IProcess_getExitCode', process)
        if (status, code) != (_ENDED_WELL, '0'):
            raise errors.ClientError(
                f'{wanted.words[0]} ended with status {code} ({status})',
                operation='run_in_guest')
