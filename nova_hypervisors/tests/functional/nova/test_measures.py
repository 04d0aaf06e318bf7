# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of a VirtualBox and its image cache."""

import shutil

from nova_hypervisors import conf
from nova_hypervisors.tests.functional.nova import asking
from nova_hypervisors.tests.functional.nova import base


class MeasuresTest(asking.AsksForHealth, base.Base):
    def _configure(self):
        self._listen()

    def test_images_and_their_space(self):
        self.assertEqual(0, self._metric('image_cache_files'))
        image = next(iter(self.glance.images))
        for _ in range(2):
            self._create_server(networks='none', image_uuid=image)
        self.assertEqual(1, self._metric('image_cache_lookups_total',
                                         result='miss'))
        self.assertEqual(1, self._metric('image_cache_lookups_total',
                                         result='hit'))
        # The image, and its base of the flavor's size.
        self.assertEqual(2, self._metric('image_cache_files'))
        self.assertLess(2 ** 20, self._metric('image_cache_bytes'))
        folder = conf.CONF.instances_path
        self.assertEqual(
            shutil.disk_usage(folder).total,
            self._metric('datastore_capacity_bytes', datastore=folder))
        self.assertLess(0, self._metric('datastore_free_bytes',
                                        datastore=folder))
        self.assertIsNone(self._metric('sessions'))


class WebServiceMeasuresTest(asking.AsksForHealth, base.Base):
    backend = 'webservice'

    def _configure(self):
        self._listen()

    def test_sessions(self):
        client = self.compute.manager.driver._parts.client
        client.get_version()
        self.assertLessEqual(1, self._metric('sessions'))
        # The watcher would begin another one.
        self.compute.manager.driver._parts.watcher.stop()
        client.close()
        self.assertEqual(0, self._metric('sessions'))
