# SPDX-License-Identifier: Apache-2.0
"""A root disk is as large as its flavor says, and its file system can be.

The guest grows the file system itself; here the same programs do it, on what
the guest has, after it has run.
"""

import re
import subprocess
from pathlib import Path

import pytest
from oslo_utils import units

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

SMALL = 32 * units.Mi


def run(*words):
    return subprocess.run(words, check=True, capture_output=True,
                          text=True).stdout


@pytest.fixture
def image(image_api, folder):
    """An image with a file system and a file, and the test guest's boot."""
    content = folder / 'content'
    content.mkdir()
    (content / 'motd').write_text('still there')
    path = folder / 'small.raw'
    with path.open('wb') as file:
        file.truncate(SMALL)
    run('mkfs.ext4', '-q', '-d', str(content), str(path))
    with path.open('r+b') as file:
        # The file system begins behind it.
        file.write(peers.lab().guest.read_bytes()[:512])
    return image_api.add('raw', path)


def size(disk):
    found = run('dumpe2fs', '-h', str(disk))
    count, block = (int(re.search(rf'^{name}: +(\d+)', found, re.MULTILINE)[1])
                    for name in ('Block count', 'Block size'))
    return count * block


@pytest.mark.feature('guest.disk.autoconfig')
@pytest.mark.parametrize('cow', [True, False])
def test_a_file_system_grows_to_the_flavor_s_size(
        config, make_driver, spawn, hears, image, folder, real_virtualbox,
        cow):
    config.config(use_cow_images=cow)
    driver = make_driver()
    instance = spawn(builders.instance(image, root_gb=1), driver=driver)
    hears(instance, 'beat', driver=driver)
    driver.power_off(instance)
    root, = real_virtualbox.client.machine_settings(instance.uuid).disks
    flat, disk = folder / 'flat.vdi', folder / 'grown.raw'
    real_virtualbox.client.clone_disk(Path(root.path), flat)
    peers.convert(flat, 'vdi', disk)
    assert disk.stat().st_size == units.Gi
    assert size(disk) == SMALL
    run('e2fsck', '-fp', str(disk))
    run('resize2fs', str(disk))
    assert size(disk) == units.Gi
    assert run('debugfs', '-R', 'cat /motd', str(disk)) == 'still there'
