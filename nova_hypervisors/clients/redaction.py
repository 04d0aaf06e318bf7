# SPDX-License-Identifier: Apache-2.0
"""Taking out of texts what nobody may see.

In two ways, as each alone misses something: what is known to be secret is
taken out in every form in which it may have been written, and what stands
where secrets use to stand is taken out unknown.  To redact twice is the same
as once, so what was redacted can be compared with what is redacted.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import shlex
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from xml.sax import saxutils

#: What stands where something was.
GONE = '***'

# A shorter one would take half of all texts with it.
_SHORTEST = 4

# Its limits keep a long word from being looked at from each of its letters.
_NAME = (r'[\w.:/-]{0,60}(?:passw(?:or)?d|passphrase'
         r'|(?:admin|new|root|rescue)_?pass|secret|token|ticket|credential|signature|cookie|temp_url_sig'
         r'|session_?(?:key|id)|(?:private|api|auth|access)_?key)[\w.-]{0,60}')
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)

# Each takes what its group "secret" matches.
_PATTERNS = tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL)
                  for pattern in (
    # A key in PEM, whole or cut.
    (r'-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<secret>.*?)'
     r'(?=-----END|\Z)'),
    # Who is named in an URL.
    r'(?<=://)(?P<secret>[^\s/@"\'<>]+)(?=@)',
    # Parts of an URL's query: temporary URLs of Swift, S3 and others.
    (r'[?&;](?:amp;)?(?:[\w-]{0,40}sig(?:nature)?|[\w-]{0,40}token|key'
     r'|[\w-]{0,40}password|[\w-]{0,40}credential|ticket)='
     r'(?P<secret>[^&\s"\'<>]+)'),
    # Headers of HTTP, to the end of their line or quotation.
    (r'\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{1,40}token'
     r'|vmware-api-session-id)["\']?\s*[:=]\s*["\']?'
     r'(?P<secret>[^\r\n"\']+)'),
    r'\bvmware_soap_session="?(?P<secret>[^";,\s]+)',
    # Elements of XML; attributes, as iLO's LOGIN has.
    rf'<(?:[\w-]+:)?{_NAME}(?:\s[^<>]*)?>(?P<secret>[^<]+)',
    rf'\s(?:{_NAME})\s*=\s*"(?P<secret>[^"]*)"',
    # A key and its value: options of a machine of VMware's, properties.
    (rf'<(?:[\w-]+:)?(?:key|name)\b[^<>]*>{_NAME}</(?:[\w-]+:)?(?:key|name)>'
     r'\s*<(?:[\w-]+:)?value\b[^<>]*>(?P<secret>[^<]+)'),
    # "name": "value" of JSON and Python, name=value of programs.
    rf'["\']{_NAME}["\']\s*:\s*["\'](?P<secret>[^"\']+)',
    (rf'\b{_NAME}[\])]?\s*[=:]\s*["\']?'
     r'(?P<secret>[^\s"\'<>,;&*][^\s"\'<>,;&]*)'),
    rf'--{_NAME}[= ]["\']?(?P<secret>[^\s"\'-][^\s"\']*)',
    # A token of Keystone's, and a JWT.
    r'\b(?P<secret>gAAAAA[\w-]{20,}=*)',
    r'\b(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)',
    # The log-on in a reference of VirtualBox's web service: who has it is
    # logged on.
    r'\b(?P<secret>[0-9a-f]{16})(?=-[0-9a-f]{16}\b)',
))


class Redactor:
    """:param secrets: what is known to be secret"""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST
                 for form in _forms(secret) if len(form) >= _SHORTEST}
        self._known = re.compile('|'.join(
            map(re.escape, sorted(forms, key=len, reverse=True)))
            ) if forms else None

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for pattern in _PATTERNS:
            text = pattern.sub(_without, text)
        return text

    def value(self, value: Any) -> Any:
        """Redact what JSON can hold, and bytes, as far down as it goes."""
        if isinstance(value, bytes):
            return self.text(value.decode(errors='replace'))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): (
                        GONE if is_secret_name(str(key)) and item
                        and not isinstance(item, dict | list)
                        else self.value(item))
                    for key, item in value.items()}
        if isinstance(value, list | tuple):
            return list(self._words(value))
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def _words(self, words: Iterable[Any]) -> Iterator[Any]:
        """Redact a command line's words: --password has its value after it."""
        named = False
        for word in words:
            yield (GONE if named and isinstance(word, str)
                   else self.value(word))
            named = (isinstance(word, str) and word.startswith('-')
                     and '=' not in word and is_secret_name(word))


def is_secret_name(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _without(match: re.Match[str]) -> str:
    whole, begin = match.group(0), match.start()
    return (whole[:match.start('secret') - begin] + GONE
            + whole[match.end('secret') - begin:])


def _forms(secret: str) -> Iterator[str]:
    """Say how a secret may have been written."""
    yield secret
    for write in _WRITERS:
        yield write(secret)
    data = secret.encode()
    yield data.hex()
    yield data.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield from (_inside(encode, data, before) for before in range(3))


_WRITERS: tuple[Callable[[str], str], ...] = (
    saxutils.escape,
    functools.partial(saxutils.escape, entities={
        '"': '&quot;', "'": '&apos;'}),
    functools.partial(urllib.parse.quote, safe=''),
    urllib.parse.quote,
    urllib.parse.quote_plus,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: repr(secret)[1:-1],
    shlex.quote)


def _inside(encode: Callable[[bytes], bytes], data: bytes,
            before: int) -> str:
    """Return base64 of what stands after so many other bytes.

    The characters that depend on what is beside it are left out.
    """
    text = encode(b'\0' * before + data).rstrip(b'=').decode()
    first = (before * 8 + 5) // 6
    last = (before + len(data)) * 8 // 6
    return text[first:last]
