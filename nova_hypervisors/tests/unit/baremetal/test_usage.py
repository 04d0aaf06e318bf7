# SPDX-License-Identifier: Apache-2.0
import threading
import time

from nova_hypervisors.baremetal import usage
from nova_hypervisors.tests import baremetalnodes

Held = usage.Held
IMAGE = 'boot-1234'


def hold_until(images, holder, made):
    """Hold an image as a deploy does, and make it if told to."""
    while (held := images.hold(IMAGE, holder)) is Held.WAIT:
        time.sleep(0.002)
    if held is Held.BUILD:
        made.append(holder)
        time.sleep(0.005)
        images.ready(IMAGE)


class TestOne:
    def test_the_first_makes_it_and_the_last_deletes_it(self, here):
        images = here.images
        assert images.hold(IMAGE, 'a') is Held.BUILD
        assert images.hold(IMAGE, 'b') is Held.WAIT
        images.ready(IMAGE)
        assert images.hold(IMAGE, 'b') is Held.READY
        assert images.count(IMAGE) == 2
        assert images.held_by('b') == [IMAGE]
        assert not images.release(IMAGE, 'a')
        assert images.release(IMAGE, 'b')
        # Until it is gone nobody may use it, or make it.
        assert images.hold(IMAGE, 'c') is Held.WAIT
        images.forget(IMAGE)
        assert images.hold(IMAGE, 'c') is Held.BUILD

    def test_to_say_it_twice_counts_once(self, here):
        here.images.hold(IMAGE, 'a')
        here.images.ready(IMAGE)
        assert here.images.hold(IMAGE, 'a') is Held.READY
        assert here.images.count(IMAGE) == 1
        assert here.images.release(IMAGE, 'a')
        assert not here.images.release(IMAGE, 'a')

    def test_who_does_not_hold_it_releases_nothing(self, here):
        here.images.hold(IMAGE, 'a')
        here.images.ready(IMAGE)
        assert not here.images.release(IMAGE, 'stranger')
        assert here.images.count(IMAGE) == 1

    def test_what_could_not_be_made_is_tried_by_the_next(self, here):
        here.images.hold(IMAGE, 'a')
        here.images.give_up(IMAGE, 'a')
        assert here.images.count(IMAGE) == 0
        assert here.images.hold(IMAGE, 'b') is Held.BUILD


class TestDeaths:
    def test_a_restarted_service_goes_on_where_it_ended(self, here):
        here.images.hold(IMAGE, 'a')
        assert here.images.hold(IMAGE, 'b') is Held.WAIT
        usage.Images(here.database, baremetalnodes.HOST).recover()
        assert here.images.hold(IMAGE, 'a') is Held.BUILD

    def test_another_service_s_work_is_left_alone(self, here):
        here.images.hold(IMAGE, 'a')
        usage.Images(here.database, 'there').recover()
        assert here.images.hold(IMAGE, 'b') is Held.WAIT

    def test_what_takes_too_long_is_taken_over(self, here):
        impatient = usage.Images(here.database, 'there', stale_s=-1)
        here.images.hold(IMAGE, 'a')
        assert impatient.hold(IMAGE, 'b') is Held.BUILD


class TestMany:
    def test_eight_at_once_make_it_once_and_delete_it_once(self, here):
        made, last = [], []

        def use(holder):
            hold_until(here.images, holder, made)
            barrier.wait(60)
            counted.append(here.images.count(IMAGE))
            barrier.wait(60)
            if here.images.release(IMAGE, holder):
                last.append(holder)
                here.images.forget(IMAGE)

        barrier, counted = threading.Barrier(8), []
        threads = [threading.Thread(target=use, args=(f'node-{number}',))
                   for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert counted == [8] * 8
        assert (len(made), len(last)) == (1, 1)
        assert here.images.count(IMAGE) == 0
