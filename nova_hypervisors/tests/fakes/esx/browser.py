# SPDX-License-Identifier: Apache-2.0
"""HostDatastoreBrowser: what is in a folder of a datastore."""

from __future__ import annotations

import datetime
import fnmatch
from pathlib import Path
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import locations
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import tasks

_B = vim.host.DatastoreBrowser
#: By a file's ending, the type that a query for it has, and its answer.
_KINDS = {
    '.vmdk': (_B.VmDiskQuery, _B.VmDiskInfo),
    '.iso': (_B.IsoImageQuery, _B.IsoImageInfo),
    '.vmx': (_B.VmConfigQuery, _B.VmConfigInfo),
    '.log': (_B.VmLogQuery, _B.VmLogInfo),
    '.nvram': (_B.VmNvramQuery, _B.VmNvramInfo),
}
_PARTS = ('-flat.vmdk', '-delta.vmdk', '-rdm.vmdk')


class Browser(managed.Managed):
    kind = _B

    def __init__(self, esx: Any, moid: str, store: Any) -> None:
        super().__init__(esx, moid)
        self._store = store

    @property
    def datastore(self) -> list[Any]:
        return [self._store.ref] if self._store else [
            one.ref for one in self.esx.datastores]

    @tasks.task
    def SearchDatastore_Task(self, datastorePath: str,
                             searchSpec: Any = None) -> Any:
        return self._search(self._folder(datastorePath),
                            searchSpec or _B.SearchSpec())

    @tasks.task
    def SearchDatastoreSubFolders_Task(self, datastorePath: str,
                                       searchSpec: Any = None) -> Any:
        folder = self._folder(datastorePath)
        spec = searchSpec or _B.SearchSpec()
        below = [one for one in sorted(folder.local.rglob('*'))
                 if one.is_dir()]
        found = [self._search(folder, spec)]
        for one in below:
            path = one.relative_to(folder.datastore.folder).as_posix()
            found.append(self._search(
                locations.Location(folder.datastore, path), spec))
        return _B.SearchResults.Array(found)

    def _folder(self, text: str) -> Any:
        folder = locations.locate(self.esx, text)
        if self._store and folder.datastore is not self._store:
            raise vim.fault.InvalidDatastorePath(
                msg=f"Invalid datastore path '{text}'.", datastorePath=text)
        if not folder.local.is_dir():
            raise faults.not_found(text)
        return folder

    def _search(self, folder: Any, spec: Any) -> Any:
        # folderPath ends with a slash, but for the root: HostDatastore-
        # BrowserSearchResults has it so in its examples.
        path = f'{folder}/' if folder.file else f'{folder} '
        return _B.SearchResults(
            datastore=folder.datastore.ref, folderPath=path, file=[
                self._info(file, spec)
                for file in self._sorted(folder.local, spec)
                if _matches(file, spec)])

    def _sorted(self, folder: Path, spec: Any) -> list[Path]:
        return sorted(folder.iterdir(), key=lambda file: (
            bool(spec.sortFoldersFirst) and not file.is_dir(), file.name))

    def _info(self, file: Path, spec: Any) -> Any:
        kind = _B.FileInfo
        details = spec.details
        if details and details.fileType:
            kind = _B.FolderInfo if file.is_dir() else _KINDS.get(
                file.suffix, (None, _B.FileInfo))[1]
        made = kind(path=file.name)
        status = file.stat()
        if details and details.fileSize:
            made.fileSize = status.st_size
        if details and details.modification:
            made.modification = datetime.datetime.fromtimestamp(
                status.st_mtime, datetime.UTC)
        if details and details.fileOwner:
            made.owner = 'root'
        return made


def _matches(file: Path, spec: Any) -> bool:
    name = file.name
    patterns = list(spec.matchPattern) or ['*']
    if spec.searchCaseInsensitive is not False:
        name = name.lower()
        patterns = [one.lower() for one in patterns]
    if not any(fnmatch.fnmatchcase(name, one) for one in patterns):
        return False
    return not spec.query or any(_asked(file, one) for one in spec.query)


def _asked(file: Path, query: Any) -> bool:
    if isinstance(query, _B.FolderQuery):
        return file.is_dir()
    if type(query) is _B.Query:
        return True
    wanted, _ = _KINDS.get(file.suffix, (None, None))
    # A disk is its descriptor (VmDiskFileQuery: "the primary file").  Guess:
    # without that query its extents are listed, too.
    return wanted is not None and isinstance(query, wanted) and not (
        file.name.endswith(_PARTS))
