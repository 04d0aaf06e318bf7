# SPDX-License-Identifier: Apache-2.0
"""A link to an ESX host that is not there: a test makes its answers."""

import types

ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:vim25="urn:vim25"><e:Body>{}</e:Body></e:Envelope>')


class Link:
    """Keeps what is sent and answers what it is told to.

    :ivar answers: bodies; the last one is given again and again
    """

    host, port, where = 'esx', 443, 'https://esx:443'
    ca_file, insecure = None, False
    connect_timeout_s = timeout_s = 1

    def __init__(self):
        self.sent = []
        self.headers = []
        self.answers = []
        self.status = 200

    def request(self, method, path, operation, timeout_s, headers, *,
                anonymous=False, data=None):
        self.sent.append((operation, data))
        self.headers.append(headers)
        body = (self.answers.pop(0) if len(self.answers) > 1
                else self.answers[0])
        return types.SimpleNamespace(
            status_code=self.status, headers={},
            content=body if isinstance(body, bytes)
            else ENVELOPE.format(body).encode())

    def remember(self, login):
        pass

    forget = close = lambda self: None
