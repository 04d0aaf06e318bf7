# SPDX-License-Identifier: Apache-2.0
import socket
import ssl
import struct

import pytest

from nova_hypervisors.consoles import rfb

CHALLENGE = bytes(range(16))

# Computed by "openssl enc -des-ecb -nopad", with the bits of each byte of the
# password mirrored by hand.
ANSWERS = [
    ('pass1234', '347fb697af6577eb59ea23b55c25a3ff'),
    ('12345678', '83dd2b4dbd04367f28578fdd5b142740'),
    ('5d0e6a6e', '9125a0d9f3335eca4b593e026607d7de'),
    ('short', '5b346bb6a6a41150d972a67efc94be85'),
    ('£uro', '01b2d3e19212650a059443a83e126cc6'),
    ('', '491e890de9ace932838a49792f2213f3'),
]

TYPES = b'\x01\x02'
WELCOME = bytes(4)


def refusal(text):
    return struct.pack('!II', 1, len(text)) + text


class TestEncrypt:
    @pytest.mark.parametrize(('password', 'answer'), ANSWERS)
    def test_a_challenge_is_answered(self, password, answer):
        assert rfb.encrypt(CHALLENGE, password).hex() == answer

    def test_only_eight_characters_count(self):
        assert rfb.encrypt(CHALLENGE, '5d0e6a6e-0000-4000') == rfb.encrypt(
            CHALLENGE, '5d0e6a6e')


class TestLogOn:
    """What the server says lies ready before it is asked for."""

    @pytest.fixture
    def log_on(self, pair, receive):
        def log_on(*said, password='pass1234'):
            server, client = pair
            server.sendall(b''.join(said))
            server.shutdown(socket.SHUT_WR)
            rfb.log_on(client, password)
            client.close()
            return receive(server, 100)
        return log_on

    @pytest.mark.parametrize('types', [b'\x01\x02', b'\x03\x13\x02\x01'])
    def test_the_password_is_proven(self, log_on, types):
        assert log_on(rfb.VERSION, types, CHALLENGE, WELCOME) == (
            rfb.VERSION + b'\x02' + bytes.fromhex(ANSWERS[0][1]))

    @pytest.mark.parametrize(('said', 'words'), [
        ((b'RFB 003.003\n',), 'RFB 3.8'),
        ((b'HTTP/1.1 400',), 'RFB 3.8'),
        ((rfb.VERSION, b'\0', struct.pack('!I', 8), b'too many'),
         'too many'),
        ((rfb.VERSION, b'\x02\x01\x13'), 'no VNC authentication'),
        ((rfb.VERSION, TYPES, CHALLENGE, refusal(b'wrong')),
         'password refused: wrong'),
    ])
    def test_what_the_server_objects_to_is_told(self, log_on, said, words):
        with pytest.raises(rfb.HandshakeError, match=words):
            log_on(*said)

    @pytest.mark.parametrize('count', [0, 5, 12, 13, 14, 29, 30, 33])
    def test_a_server_may_end_it_at_any_time(self, log_on, count):
        whole = rfb.VERSION + TYPES + CHALLENGE + WELCOME
        with pytest.raises(rfb.HandshakeError, match='closed'):
            log_on(whole[:count])

    def test_a_reason_is_not_read_for_ever(self, log_on):
        endless = struct.pack('!II', 1, 0xffffffff) + b'x' * 4096
        with pytest.raises(rfb.HandshakeError) as caught:
            log_on(rfb.VERSION, TYPES, CHALLENGE, endless)
        assert 'xxx' in str(caught.value)
        assert len(str(caught.value)) < 1100

    def test_a_reason_that_is_no_text_does_no_harm(self, log_on):
        with pytest.raises(rfb.HandshakeError, match='refused'):
            log_on(rfb.VERSION, TYPES, CHALLENGE, refusal(b'\xff'))


class TestWelcome:
    @pytest.fixture
    def welcome(self, pair, receive):
        def welcome(*said):
            server, client = pair
            client.sendall(b''.join(said))
            client.shutdown(socket.SHUT_WR)
            assert rfb.welcome(server, None) is server
            server.close()
            return receive(client, 100)
        return welcome

    def test_without_security(self, welcome):
        assert welcome(rfb.VERSION, b'\x01') == (
            rfb.VERSION + b'\x01\x01' + WELCOME)

    @pytest.mark.parametrize(('said', 'words'), [
        ((b'RFB 003.007\n', b'\x01'), 'RFB 3.8'),
        ((rfb.VERSION, b'\x02'), 'not offered'),
        ((rfb.VERSION, b'\0'), 'not offered'),
        ((rfb.VERSION,), 'closed'),
        ((), 'closed'),
    ])
    def test_who_wants_something_else_is_refused(self, welcome, said, words):
        with pytest.raises(rfb.HandshakeError, match=words):
            welcome(*said)


class TestVencrypt:
    def test_what_follows_is_encrypted(self, pair, begin, encrypt, receive,
                                       authority):
        server, client = pair
        end = begin(rfb.welcome, server, authority.server())
        with encrypt(client, authority.client()) as peer:
            assert receive(peer, 4) == WELCOME
            inside = end()
            inside.sendall(b'pixels')
            assert receive(peer, 6) == b'pixels'
            peer.sendall(b'keys')
            assert receive(inside, 4) == b'keys'
            assert isinstance(inside, ssl.SSLSocket)
            inside.close()

    def test_a_client_checks_the_certificate(self, pair, begin, encrypt,
                                             authority, stranger):
        server, client = pair
        end = begin(rfb.welcome, server, authority.server())
        with pytest.raises(ssl.SSLCertVerificationError):
            encrypt(client, stranger.client())
        with pytest.raises(rfb.HandshakeError, match='no TLS'):
            end()

    def test_a_client_may_need_a_certificate_itself(
            self, pair, begin, encrypt, receive, authority, stranger):
        server, client = pair
        end = begin(rfb.welcome, server, authority.server(clients=stranger))
        context = authority.client(stranger.make('proxy'))
        with encrypt(client, context) as peer:
            assert receive(peer, 4) == WELCOME
            end().close()

    @pytest.mark.parametrize('has_one', [False, True])
    def test_without_one_or_with_another_s_it_is_refused(
            self, pair, begin, encrypt, authority, stranger, has_one):
        server, client = pair
        end = begin(rfb.welcome, server, authority.server(clients=stranger))
        context = authority.client(
            authority.make('proxy') if has_one else None)
        with (encrypt(client, context),
              pytest.raises(rfb.HandshakeError, match='no TLS')):
            end()

    @pytest.mark.parametrize(('said', 'words', 'answer'), [
        (b'\x01', 'not offered', b''),
        (b'\x13\0\x01', 'VeNCrypt 0.2', b'\0\x02\xff'),
        (b'\x13\0\x02\0\0\1\2', 'X.509', b'\0\x02\0\x01\0\0\1\4\0'),
        (b'\x13\0\x02\0\0\1\4plain', 'no TLS', None),
    ])
    def test_who_wants_less_is_refused(self, pair, receive, authority, said,
                                       words, answer):
        server, client = pair
        client.sendall(rfb.VERSION + said)
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(rfb.HandshakeError, match=words):
            rfb.welcome(server, authority.server())
        server.close()
        if answer is not None:
            assert receive(client, 100) == (
                rfb.VERSION + b'\x01\x13' + answer)
