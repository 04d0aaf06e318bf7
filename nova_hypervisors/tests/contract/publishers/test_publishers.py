# SPDX-License-Identifier: Apache-2.0
"""What both publishers do alike, with a real Swift and a real web server."""

import time
import urllib.error
import urllib.request
import uuid

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import httppublisher

LONG_S = 600


@pytest.fixture
def upload(publisher, container, tmp_path):
    def upload(name, content, **options):
        path = tmp_path / uuid.uuid4().hex
        path.write_bytes(content)
        return publisher.upload_object(container, name, path, **options)
    return upload


def fetch(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def is_gone(url):
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        return error.code in (401, 404)
    return False


def wait_until(condition, timeout_s=20):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_anybody_with_the_url_gets_what_was_uploaded(publisher, container,
                                                     upload):
    content = bytes(range(256)) * 5000
    upload('image-1', content)
    url = publisher.get_tmp_url(container, 'image-1', LONG_S)
    assert fetch(url) == content


def test_a_part_can_be_read(publisher, container):
    url = publisher.get_tmp_url(container, 'there.iso', LONG_S)
    assert fetch(url, Range='bytes=5-6') == b'is'


def test_the_id_stands_for_the_content(upload):
    first, same, other = (upload(name, content) for name, content in (
        ('a', b'one'), ('b', b'one'), ('a', b'two')))
    assert first
    assert first == same != other


def test_a_container_is_made_only_on_request(publisher, tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'x')
    name = str(uuid.uuid4())
    with pytest.raises(errors.NotFound):
        publisher.upload_object(name, 'a', path)
    publisher.upload_object(name, 'a', path, create_container=True)
    publisher.upload_object(name, 'b', path)
    assert publisher.get_object(name, 'b').size == 1


def test_an_upload_takes_the_place_of_what_was_there(publisher, container,
                                                     upload):
    upload('there.iso', b'new')
    url = publisher.get_tmp_url(container, 'there.iso', LONG_S)
    assert fetch(url) == b'new'


def test_the_same_again_leaves_its_urls_alone(publisher, container, upload):
    url = publisher.get_tmp_url(container, 'there.iso', LONG_S)
    upload('there.iso', b'what is there', delete_after_s=LONG_S)
    assert fetch(url) == b'what is there'
    assert publisher.get_object(container, 'there.iso').delete_at


def test_only_a_new_one(publisher, container, upload):
    with pytest.raises(errors.AlreadyExists):
        upload('there.iso', b'new', only_new=True)
    url = publisher.get_tmp_url(container, 'there.iso', LONG_S)
    assert fetch(url) == b'what is there'


def test_after_its_deletion_the_url_leads_nowhere(publisher, container):
    url = publisher.get_tmp_url(container, 'there.iso', LONG_S)
    publisher.delete_object(container, 'there.iso')
    assert is_gone(url)
    with pytest.raises(errors.NotFound):
        publisher.get_object(container, 'there.iso')


def test_files_of_others_are_left_alone(tmp_path):
    served = tmp_path / 'served'
    served.mkdir()
    publisher = httppublisher.HTTPPublisher(tmp_path / 'store', served,
                                            'http://served.test')
    # By what iPXE asks for; its first number is in the past.
    others = served / '52-54-00-5e-ed-02.ipxe'
    others.touch()
    publisher.sweep()
    assert others.exists()


def test_what_is_not_there_is_not_found(publisher, container):
    with pytest.raises(errors.NotFound):
        publisher.delete_object(container, 'other')
    with pytest.raises(errors.NotFound):
        publisher.get_object(container, 'other')
    with pytest.raises(errors.NotFound):
        publisher.note(container, 'other', {})


def test_a_url_expires(publisher, container):
    url = publisher.get_tmp_url(container, 'there.iso', 2)
    assert fetch(url) == b'what is there'

    def over():
        publisher.sweep()
        return is_gone(url)

    wait_until(over)
    # ... and the object is still there.
    assert publisher.get_object(container, 'there.iso').size == 13


def test_an_object_goes_by_itself(publisher, container, upload):
    upload('short', b'x', delete_after_s=3)
    url = publisher.get_tmp_url(container, 'short', LONG_S)
    assert fetch(url) == b'x'

    def gone():
        publisher.sweep()
        return is_gone(url)

    wait_until(gone)
    with pytest.raises(errors.NotFound):
        publisher.get_object(container, 'short')


def test_it_says_when_it_goes(publisher, container, upload):
    upload('later', b'x', delete_after_s=LONG_S)
    info = publisher.get_object(container, 'later')
    assert abs(info.delete_at - time.time() - LONG_S) < 20
    assert publisher.get_object(container, 'there.iso').delete_at is None


def test_a_note_is_kept_and_changes_nothing_else(publisher, container,
                                                 upload):
    upload('noted', b'abc', delete_after_s=LONG_S)
    before = publisher.get_object(container, 'noted')
    publisher.note(container, 'noted', {'usage-count': '2', 'other': 'a'})
    publisher.note(container, 'noted', {'usage-count': '3'})
    after = publisher.get_object(container, 'noted')
    assert after.notes == {'usage-count': '3'}
    assert (after.size, after.delete_at) == (3, before.delete_at)


def test_urls_cannot_be_guessed(publisher, container):
    urls = {publisher.get_tmp_url(container, 'there.iso', LONG_S + number)
            for number in range(3)}
    assert len(urls) == 3
    for url in urls:
        assert is_gone(url[:-6] + 'a' * 6)
        assert is_gone(url.partition('?')[0] + 'x')
