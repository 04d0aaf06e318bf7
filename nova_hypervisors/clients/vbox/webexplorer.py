# SPDX-License-Identifier: Apache-2.0
"""Listing and deleting files on the web service's host.

Source: IVFSExplorer in VirtualBox.xidl, which was made for importing
appliances.  It deletes no folders.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

# Of FsObjType_Directory, in what it lists.
_FOLDER = '4'

_FILE_ERROR = 0x80BB0004  # VBOX_E_FILE_ERROR

_SOON_S = 60.0


def files(web: WebSession, folder: PurePath) -> Mapping[str, int]:
    """Return the sizes of the files in a folder.

    :raises NotFound: there is no such folder
    """
    listed = web.call('IVFSExplorer_entryList', _explorer(web, folder))
    names, types, sizes = (
        [item.text or '' for item in listed.iterfind(tag)]
        for tag in ('names', 'types', 'sizes'))
    return {name: int(size) for name, kind, size
            in zip(names, types, sizes, strict=True) if kind != _FOLDER}


def delete(web: WebSession, folder: PurePath, names: Iterable[str]) -> None:
    """Delete files of a folder; one that is not there is no error."""
    explorer = _explorer(web, folder)
    for name in names:
        with contextlib.suppress(errors.NotFound):
            web.wait(web.text('IVFSExplorer_remove', explorer, names=[name]),
                     'delete', _SOON_S)


def _explorer(web: WebSession, folder: PurePath) -> str:
    appliance = web.text('IVirtualBox_createAppliance', web.root)
    explorer = web.text('IAppliance_createVFSExplorer', appliance,
                        URI=f'file://{folder}')
    try:
        web.wait(web.text('IVFSExplorer_update', explorer), 'list', _SOON_S)
    except errors.ClientError as error:
        if error.code != _FILE_ERROR:
            raise
        # It says no more.
        raise errors.NotFound(f'the folder {folder} cannot be read',
                              operation='list', code=error.code) from error
    return explorer
