# SPDX-License-Identifier: Apache-2.0
"""Cinder's volumes as files, which tgtd exports over iSCSI.

Cinder's own drivers for a disk of the host want the device mapper of the
kernel.  This one wants nothing of it.  All that is about targets is Cinder's.

Run by Cinder, with the cloud's Python.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from cinder import interface
from cinder import utils
from cinder.image import image_utils
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_utils import importutils
from oslo_utils import units

_OPTIONS = [cfg.StrOpt('file_volumes_dir', default='$state_path/files',
                       help='The folder of the volumes and snapshots.')]
cfg.CONF.register_opts(_OPTIONS, group=configuration.SHARED_CONF_GROUP)


@interface.volumedriver
class FileDriver(driver.VolumeDriver):
    VERSION = '1.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(_OPTIONS)
        self._folder = Path(self.configuration.file_volumes_dir)
        self.target_driver = importutils.import_object(
            self.target_mapping[self.configuration.target_helper],
            configuration=self.configuration, executor=self._execute)

    def check_for_setup_error(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def local_path(self, volume: Any) -> str:
        return str(self._folder / volume['name'])

    def _update_volume_stats(self) -> None:
        found = shutil.disk_usage(self._folder)
        self._stats = {
            'volume_backend_name': self.configuration.volume_backend_name,
            'vendor_name': 'lab', 'driver_version': self.VERSION,
            'storage_protocol': 'iSCSI',
            'pools': [{
                'pool_name': 'files',
                'total_capacity_gb': found.total / units.Gi,
                'free_capacity_gb': found.free / units.Gi,
                'provisioned_capacity_gb': 0, 'reserved_percentage': 0,
                'max_over_subscription_ratio': '20',
                'thin_provisioning_support': True,
                'thick_provisioning_support': False,
                'multiattach': False}]}

    # Volumes and snapshots

    def _resize(self, path: str, size_gb: int) -> None:
        """Make a file of a size; what is new in it is a hole."""
        with Path(path).open('ab') as file:
            os.truncate(file.fileno(), size_gb * units.Gi)

    def _copy(self, source: str, target: str, size_gb: int) -> None:
        utils.execute('cp', '--sparse=always', '--reflink=auto', source,
                      target)
        self._resize(target, size_gb)

    def create_volume(self, volume: Any) -> None:
        self._resize(self.local_path(volume), volume['size'])

    def delete_volume(self, volume: Any) -> None:
        Path(self.local_path(volume)).unlink(missing_ok=True)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        self._resize(self.local_path(volume), new_size)
        self.target_driver.extend_target(volume)

    def create_snapshot(self, snapshot: Any) -> None:
        self._copy(str(self._folder / snapshot['volume_name']),
                   self.local_path(snapshot), snapshot['volume_size'])

    def delete_snapshot(self, snapshot: Any) -> None:
        self.delete_volume(snapshot)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        self._copy(self.local_path(snapshot), self.local_path(volume),
                   volume['size'])

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        self._copy(self.local_path(src_vref), self.local_path(volume),
                   volume['size'])

    # Images

    def copy_image_to_volume(self, context: Any, volume: Any,
                             image_service: Any, image_id: str,
                             disable_sparse: bool = False) -> None:
        path = self.local_path(volume)
        image_utils.fetch_to_raw(
            context, image_service, image_id, path,
            self.configuration.volume_dd_blocksize, size=volume['size'])
        self._resize(path, volume['size'])

    def copy_volume_to_image(self, context: Any, volume: Any,
                             image_service: Any, image_meta: Any) -> None:
        volume_utils.upload_volume(context, image_service, image_meta,
                                   self.local_path(volume), volume)

    # Targets

    def create_export(self, context: Any, volume: Any,
                      connector: Any) -> dict[str, Any]:
        info = self.target_driver.create_export(context, volume,
                                                self.local_path(volume))
        return {'provider_location': info['location'],
                'provider_auth': info['auth']}

    def ensure_export(self, context: Any, volume: Any) -> None:
        self.target_driver.ensure_export(context, volume,
                                         self.local_path(volume))

    def remove_export(self, context: Any, volume: Any) -> None:
        self.target_driver.remove_export(context, volume)

    def initialize_connection(self, volume: Any, connector: Any) -> Any:
        return self.target_driver.initialize_connection(volume, connector)

    def validate_connector(self, connector: Any) -> Any:
        return self.target_driver.validate_connector(connector)

    def terminate_connection(self, volume: Any, connector: Any,
                             **kwargs: Any) -> Any:
        return self.target_driver.terminate_connection(volume, connector,
                                                       **kwargs)
