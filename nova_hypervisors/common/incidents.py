# SPDX-License-Identifier: Apache-2.0
"""Leaving a file when a driver's method has failed: see clients/bundles.py.

The methods are wrapped on the driver's object, and only if that is wanted:
otherwise there is nothing that could cost time.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import inspect
import os
import platform
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nova import version as nova_version
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import versionutils

from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import redaction
from nova_hypervisors.common import checks
from nova_hypervisors.common import incidentfiles
from nova_hypervisors.common import knownsecrets

LOG = logging.getLogger(__name__)

_PACKAGE = 'nova_hypervisors'

# What fails alike again so soon is not written once more: Nova asks every few
# seconds for what is not there.
_AGAIN_S = 600.0

_RESOURCE = 'get_available_resource'


def findings(conf: cfg.ConfigOpts) -> Iterator[checks.Finding]:
    """Say what is wrong with the options; makes the folder."""
    folder = conf.incidents.directory
    if not folder:
        return
    if not Path(folder).is_absolute():
        yield checks.Finding(
            '[incidents] directory', f'{folder} is no absolute path: name '
            'the whole path of a folder of nova-compute\'s own')
        return
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        yield checks.Finding(
            '[incidents] directory', f'{folder} cannot be made '
            f'({error.strerror}): make it, for nova-compute\'s user')
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield checks.Finding(
            '[incidents] directory', f'{folder} cannot be written by this '
            'user: give it to nova-compute\'s')


def watch(conf: cfg.ConfigOpts, driver: Any) -> None:
    """Let a driver's methods leave files, if that is wanted.

    :param driver: its ``column`` says what it drives
    """
    group = conf.incidents
    if group.directory:
        Incidents(
            incidentfiles.Files(Path(group.directory), group.max_files,
                                group.max_age_days), driver.column,
            functools.partial(knownsecrets.configured, conf)).watch(driver)


class Incidents:
    """The failures of one driver.

    :param column: of the support matrix
    :param configured: returns what is secret in the configuration
    """

    def __init__(self, files: incidentfiles.Files, column: str,
                 configured: Callable[[], set[str]],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._configured = configured
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[tuple[str | None, ...], float] = {}
        self._hypervisor = {'column': column}

    def watch(self, driver: Any) -> None:
        """Wrap those methods of a driver that this package has."""
        names = {name for kind in type(driver).__mro__
                 if kind.__module__.partition('.')[0] == _PACKAGE
                 for name, value in vars(kind).items()
                 if inspect.isfunction(value) and not name.startswith('_')}
        for name in names:
            setattr(driver, name, self._watched(name, getattr(driver, name)))

    def _watched(self, name: str,
                 method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if recording.current() is not None:
                return method(*args, **kwargs)
            recorder = recording.Recorder()
            try:
                with recording.recording(recorder):
                    found = method(*args, **kwargs)
            except Exception as error:
                self._tell(name, recorder, error, _arguments(
                    method, args, kwargs))
                raise
            if name == _RESOURCE:
                self._learn(found)
            return found
        return watched

    def _learn(self, resource: Any) -> None:
        """Remember the hypervisor's version: it cannot be asked later."""
        number = resource.get('hypervisor_version')
        self._hypervisor = {
            **self._hypervisor, 'kind': str(resource.get('hypervisor_type')),
            'version': (versionutils.convert_version_to_str(number)
                        if isinstance(number, int) else str(number))}

    def _tell(self, name: str, recorder: recording.Recorder,
              error: Exception, arguments: dict[str, Any]) -> None:
        """Leave a file; whatever goes wrong, Nova has its error."""
        server = getattr(arguments.get('instance'), 'uuid', None)
        # Without a call there is nothing to see that the log does not say.
        if not recorder.calls or not self._is_news((
                name, server, type(_typed(error)).__name__)):
            return
        try:
            bundle = self._bundle(name, server, recorder, error, arguments)
            path = self._files.write(name, server, bundle.text())
        except Exception as problem:
            LOG.warning('The incident of %s was not written: %s', name,
                        getattr(problem, 'strerror', None)
                        or type(problem).__name__)
            return
        LOG.warning('%s failed; what went over the wire is in %s. See it '
                    'with: nova-hypervisors replay %s', name, path, path)

    def _is_news(self, what: tuple[str | None, ...]) -> bool:
        now = self._clock()
        with self._lock:
            self._written = {
                key: when for key, when in self._written.items()
                if now - when < _AGAIN_S}
            known = what in self._written
            self._written.setdefault(what, now)
        return not known

    def _bundle(self, name: str, server: str | None,
                recorder: recording.Recorder, error: Exception,
                arguments: dict[str, Any]) -> bundles.Bundle:
        redactor = redaction.Redactor({
            *recorder.secrets, *self._configured(),
            *knownsecrets.of_arguments(arguments)})
        chain = list(_chain(error))
        found = _typed(error)
        calls = list(recorder.calls)
        return bundles.Bundle(
            written=datetime.datetime.now(datetime.UTC).isoformat(
                timespec='milliseconds'),
            versions=_versions(), hypervisor=self._hypervisor,
            operation=name, server=server, seconds=round(recorder.seconds, 6),
            error=bundles.Failure.of(found, redactor),
            nova=(None if found is error
                  else bundles.Failure.of(error, redactor)),
            call=next((number for number in reversed(range(len(calls)))
                       if any(calls[number].error is one for one in chain)),
                      None),
            places=tuple(_places(found)), dropped=recorder.dropped,
            calls=tuple(bundles.Exchange.of(call, redactor)
                        for call in calls))


def _arguments(method: Callable[..., Any], args: tuple[Any, ...],
               kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return inspect.signature(method).bind_partial(
            *args, **kwargs).arguments
    except TypeError:
        # Somebody calls it wrongly, and that is the error.
        return dict(kwargs)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Go from an error to what it was made of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _typed(error: Exception) -> Exception:
    """Return the client's error that an error was made of, or itself."""
    for one in _chain(error):
        if isinstance(one, errors.ClientError):
            return one
    return error


def _places(error: Exception) -> Iterator[str]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get('__name__', '')
        if module.partition('.')[0] == _PACKAGE and module != __name__:
            yield f'{module}:{line} {frame.f_code.co_name}'


def _versions() -> dict[str, str]:
    return {'nova_hypervisors': importlib.metadata.version(
                'nova-hypervisors'),
            'nova': nova_version.version_string(),
            'python': platform.python_version(),
            'system': platform.platform()}
