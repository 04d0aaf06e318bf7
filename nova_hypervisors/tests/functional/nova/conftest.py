# SPDX-License-Identifier: Apache-2.0
import shutil
import uuid

import pytest


@pytest.fixture
def other_host(request, virtualbox, other_virtualbox, other_web_service):
    """Give a test class a second VirtualBox, and both ways to it."""
    request.cls.other = other_virtualbox
    request.cls.other_service = other_web_service
    yield
    other_virtualbox.clear()


@pytest.fixture
def virtualbox(request, real_virtualbox, web_service):
    """Give a test class a folder, and both ways to VirtualBox."""
    request.cls.real = real_virtualbox
    request.cls.service = web_service
    folder = real_virtualbox.folder / uuid.uuid4().hex[:6]
    folder.mkdir()
    request.cls.folder = folder
    yield
    real_virtualbox.clear()
    shutil.rmtree(folder, ignore_errors=True)
