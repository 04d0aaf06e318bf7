# SPDX-License-Identifier: Apache-2.0
"""A process with the daemon's name stands for it."""

import os
import subprocess
import time

import pytest

from nova_hypervisors.clients.vbox import daemon


@pytest.fixture
def env(tmp_path):
    return {'VBOX_USER_HOME': str(tmp_path)}


@pytest.fixture
def start(tmp_path, env):
    running = []

    def start(name, seconds):
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\nsleep "$1"\ntouch "{tmp_path}/ended"\n')
        program.chmod(0o755)
        process = subprocess.Popen([program, str(seconds)],
                                   env={**os.environ, **env})
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_young_one_is_given_time_to_end(start, env, tmp_path):
    start('VBoxSVC', 0.5)
    assert daemon.end_if_wedged(env, time.time())
    assert (tmp_path / 'ended').exists()


def test_an_old_one_is_ended(start, env, monkeypatch):
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    hanging = start('VBoxSVC', 60)
    assert daemon.end_if_wedged(env, time.time())
    assert hanging.wait(timeout=5) != 0


def test_one_that_took_its_place_is_left_alone(start, env, monkeypatch):
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    before = time.time() - 1
    answering = start('VBoxSVC', 60)
    assert daemon.end_if_wedged(env, before)
    assert answering.poll() is None


def test_nothing_is_done_while_a_machine_runs(start, env, monkeypatch):
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    start('VBoxHeadless', 60)
    hanging = start('VBoxSVC', 60)
    assert not daemon.end_if_wedged(env, time.time())
    assert hanging.poll() is None


def test_a_daemon_of_others_is_left_alone(start, monkeypatch):
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    hanging = start('VBoxSVC', 60)
    assert not daemon.end_if_wedged({}, time.time())
    assert hanging.poll() is None


def test_if_there_is_none_it_is_asked_again(env):
    assert daemon.end_if_wedged(env, time.time())
