# SPDX-License-Identifier: Apache-2.0
"""Consoles for VMware's own Remote Console (VMRC), as data: no I/O here.

The first ESX driver handed a console out as four values: its type, the host,
the port, and a password that is JSON in base64 with ``vm_id``, ``username``
and ``password`` in it.  A page with VMware's browser plug-in made use of
these.  VMware has taken the plug-in back, and has a program in its place,
which opens ``vmrc://`` addresses.

Source: doc/source/vmwareapi_readme.rst and nova/console/
vmrc.py of Nova 2011.2; the address as govmomi's "govc vm.console" makes it.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import urllib.parse

_JOIN = ':'

# What ends a script, or begins a comment, may not be in one.
_ESCAPED = {ord(char): f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'}


class Kind(enum.Enum):
    """The value is the console's type."""

    #: the host's own user and password
    CREDENTIALS = 'vmrc+credentials'
    #: a ticket that is good for one connection
    SESSION = 'vmrc+session'


WARNINGS = {
    Kind.CREDENTIALS:
        "it holds the host's user and password as clear text (base64 hides "
        'nothing): whoever gets it has the host with all its servers; '
        f'{Kind.SESSION.value} does not',
    Kind.SESSION:
        "it is good once, and opens a session of the host's user that can do "
        'all that this user can: give it to nobody but an operator',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Console:
    """:param vm_id: the path of the .vmx with credentials, else the reference

    :param reference: of the machine, as the host calls it
    """

    kind: Kind
    host: str
    port: int
    vm_id: str
    reference: str
    username: str = dataclasses.field(repr=False)
    secret: str = dataclasses.field(repr=False)

    @property
    def password(self) -> str:
        """All that a client has to know beside host and port."""
        text = json.dumps({'vm_id': self.vm_id, 'username': self.username,
                           'password': self.secret})
        return base64.b64encode(text.encode()).decode()

    @property
    def uri(self) -> str:
        """The address that VMware's program opens.

        It never has the host's password in it, for which the program asks:
        addresses are kept by browsers and shells.
        """
        user = (f'clone:{self._quoted(self.secret)}'
                if self.kind is Kind.SESSION else self._quoted(self.username))
        return (f'vmrc://{user}@{_in_url(self.host)}:{self.port}/'
                f'?moid={self._quoted(self.reference)}')

    @staticmethod
    def _quoted(text: str) -> str:
        return urllib.parse.quote(text, safe='')

    @property
    def page(self) -> str:
        """The page with the plug-in; its pieces are those of the readme."""
        return _PAGE.format(type=self.kind.value, call=self._call)

    @property
    def _call(self) -> str:
        """The JavaScript that opens the connection."""
        address = f'{self.host}{_JOIN}{self.port}'
        if self.kind is Kind.SESSION:
            return (f'vmrc.connectWithSession({_js(address)}, '
                    f'{_js(self.vm_id)}, {_js(self.secret)}, MODE_WINDOW);')
        return (f'vmrc.connect({_js(address)}, {_js(self.username)}, '
                f"{_js(self.secret)}, '', {_js(self.vm_id)}, MODE_WINDOW);")


def with_credentials(host: str, port: int, path: str, reference: str,
                     username: str, password: str) -> Console:
    """:param path: of the machine's .vmx, ``[datastore] folder/file``"""
    return Console(Kind.CREDENTIALS, host, port, path, reference, username,
                   password)


def with_session(host: str, port: int, reference: str,
                 ticket: str) -> Console:
    """:param ticket: by AcquireCloneTicket; lost if its session ends"""
    return Console(Kind.SESSION, host, port, reference, reference, ticket,
                   ticket)


def _in_url(host: str) -> str:
    return f'[{host}]' if ':' in host else host


def _js(text: str) -> str:
    """Return a string literal that is safe within a script of a page."""
    return json.dumps(text).translate(_ESCAPED)


# Internet Explorer knows the plug-in by the one object, others by the other.
_PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="X-UA-Compatible" content="IE=8">
<meta name="referrer" content="no-referrer">
<title>{type}</title>
</head>
<body>
<!--[if IE]>
<object id="vmrc" classid="CLSID:B94C2238-346E-4C5E-9B36-8CC627F35574">
</object>
<![endif]-->
<!--[if !IE]> -->
<object id="vmrc" type="application/x-vmware-vmrc;version=2.5.0.0">
</object>
<!-- <![endif]-->
<script type="text/javascript">
    var MODE_WINDOW = 2;
    var vmrc = document.getElementById('vmrc');
    {call}
</script>
</body>
</html>
"""
