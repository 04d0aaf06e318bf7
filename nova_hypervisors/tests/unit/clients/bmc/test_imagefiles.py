# SPDX-License-Identifier: Apache-2.0
"""Only what is an image gets to a hypervisor that opens it."""

import http.server
import threading
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import imagefiles
from nova_hypervisors.tests import imageserver

CDROM, FLOPPY = api.MediaKind.CDROM, api.MediaKind.FLOPPY


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / 'served'
    folder.mkdir()
    made = imageserver.ImageServer(folder)
    yield made
    made.close()


@pytest.fixture
def fetch(tmp_path):
    def fetch(url, kind=CDROM, **limits):
        path = tmp_path / 'fetched'
        imagefiles.fetch(url, path, kind, **{
            'timeout_s': 5, 'limit_bytes': 1 << 30, **limits})
        return path.read_bytes()
    return fetch


class TestFetching:
    @pytest.mark.parametrize(('kind', 'name'), [(CDROM, 'image.iso'),
                                                (FLOPPY, 'image.img')])
    def test_what_is_there(self, server, fetch, kind, name):
        assert fetch(server.url(name), kind) == (
            server.folder / name).read_bytes()

    def test_what_is_not_there(self, server, fetch):
        with pytest.raises(errors.NotFound, match='404'):
            fetch(server.url('other.iso'))

    def test_nobody_there(self, server, fetch):
        server.close()
        with pytest.raises(errors.Unreachable):
            fetch(server.url('image.iso'))

    def test_a_signature_is_in_no_error(self, server, fetch):
        url = server.url('other.iso?temp_url_sig=0123&x=y')
        with pytest.raises(errors.NotFound) as caught:
            fetch(url)
        assert '0123' not in str(caught.value)
        assert 'other.iso' in str(caught.value)

    def test_too_much(self, server, fetch):
        with pytest.raises(errors.InvalidArgument, match='1024 bytes'):
            fetch(server.url('image.iso'), limit_bytes=1024)

    def test_a_floppy_is_no_larger_than_one(self, server, fetch):
        (server.folder / 'large').write_bytes(bytes(4 << 20))
        with pytest.raises(errors.InvalidArgument, match='bytes'):
            fetch(server.url('large'), FLOPPY)

    def test_a_server_that_never_ends(self, fetch):
        with pytest.raises(errors.TimedOut):
            fetch(slow_server(), timeout_s=0.5)


def slow_server():
    """Start a server that gives a little, again and again."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(50):
                    self.wfile.write(bytes(1 << 20))
                    time.sleep(0.05)
            except OSError:
                pass

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f'http://127.0.0.1:{server.server_port}/'


class TestLooking:
    @pytest.mark.parametrize('content', [
        b'', b'--iprt-iso-maker-file-marker-bourne-sh /etc/passwd\n' * 2,
        b'FILE "/etc/shadow" BINARY\n TRACK 01 MODE1/2048\n' * 4,
        bytes(1 << 16), b'KDMV' + bytes(1 << 16)])
    def test_what_is_no_iso(self, server, fetch, content):
        (server.folder / 'bad').write_bytes(content)
        with pytest.raises(errors.InvalidArgument, match='no image of a'):
            fetch(server.url('bad'))

    def test_a_list_of_files_that_says_it_is_an_iso(self, server, fetch):
        iso = bytearray((server.folder / 'image.iso').read_bytes())
        iso[:64] = b'--iprt-iso-maker-file-marker-bourne-sh /etc/passwd'.ljust(
            64)
        (server.folder / 'bad').write_bytes(iso)
        with pytest.raises(errors.InvalidArgument, match='begins with text'):
            fetch(server.url('bad'))

    def test_the_rest_of_a_sector_is_added(self, server, fetch):
        (server.folder / 'short').write_bytes(bytes(1000))
        assert fetch(server.url('short'), FLOPPY) == bytes(1024)


class TestUrls:
    @pytest.mark.parametrize(('text', 'is_url'), [
        ('http://a/b', True), ('HTTPS://a/b', True), ('/a/b', False),
        ('C:\\a.iso', False), ('file:///a', False)])
    def test_urls_and_paths(self, text, is_url):
        assert imagefiles.is_url(text) is is_url

    @pytest.mark.parametrize(('url', 'bare'), [
        ('http://u:p@a/b?s=1#f', 'http://a/b'), ('http://a', 'http://a'),
        ('http://a/b@c', 'http://a/b@c')])
    def test_without_secrets(self, url, bare):
        assert imagefiles.without_secrets(url) == bare
