"""Recognise a private key in text by its armour, or by a label that names a secret number. Pure.

The text is plain: `key_formats.notations` has undone its escapes. Sources: RFC 7468 (PEM), RFC 1421 (encrypted PEM), RFC 7517 (JWK), OpenSSH
PROTOCOL.key, PuTTY's documentation appendix C, the outputs of `openssl pkey -text` and `openssl asn1parse`, .NET's `ToXmlString`,
age's C2SP specification.
"""

import re
from collections.abc import Iterator

MAX_WORDS = 1000

# Hyphens, and the dashes that mail programs and word processors turn them into, in UTF-8 and Windows code pages.
_DASH = rb"(?:[-_=~\x96\x97]|\xe2\x80[\x90-\x95]|\xe2\x88\x92|\xe2\x94[\x80\x81]|\xef\xb9[\x98\xa3]|\xef\xbc\x8d)"
_BEFORE_PRIVATE = re.compile(
    _DASH + rb"[^A-Z0-9]{0,4}(?:BEGIN|END)[^A-Z0-9]{1,6}(?:[A-Z0-9]{1,12}[^A-Z0-9]{1,6}){0,4}\Z"
)
_KEY = re.compile(rb"[^A-Z0-9]{1,6}KEY")
_AFTER_KEY = re.compile(
    rb"(?:[ _]BLOCK)?\s{0,3}" + _DASH + rb"{3}|:\s{0,4}\(\d"
)  # ":" where `openssl pkey -text` prints it
_WORD = b"PRIVATE"
# What to find in capitals, what it must be the beginning of, and the kind of key.
_MARKS = (
    (b"PUTTY-USER-KEY-FILE-", re.compile(b""), "PuTTY"),
    (b"PRIVATE-", re.compile(rb"PRIVATE-(?:LINES|MAC|HASH):"), "PuTTY"),
    (b"DEK-INFO:", re.compile(rb"DEK-INFO:\s{0,4}[A-Z0-9-]{3,20},\s{0,4}[0-9A-F]{16}"), "PEM with a passphrase"),
    (b"AGE-SECRET-KEY-", re.compile(rb"AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50}"), "age"),
)

# A JSON Web Key is private when it has "d" (EC, RSA, OKP) or "k" (a symmetric key) beside "kty". A "+" is a blank of an address.
_JWK_TYPE = re.compile(rb"""(?<![A-Za-z0-9_])kty["']?[\s+]{0,20}[:=]""")
_JWK_SECRET = re.compile(
    rb"""(?<![A-Za-z0-9_])(?:d|k|p|q|dp|dq|qi)["']?[\s+]{0,20}[:=][\s+]{0,20}["']?[A-Za-z0-9+/_-]{16}"""
)

_HEX = rb"(?:0[xX])?+(?:[0-9A-Fa-f]{2}[\s:,-]{0,40}+){24}"
_NOT_A_CERTIFICATE = rb"(?!(?:0[xX])?30[\s:,-]{0,40}8[123])"
_MIXED = rb"(?-i:(?=\S{0,80}[0-9])(?=\S{0,80}[a-z])(?=\S{0,80}[A-Z]))"  # a word of many letters is no number
_BASE64_NUMBER = (
    _MIXED
    + rb"(?:[A-Za-z0-9+/_-]{43}|[A-Za-z0-9+/_-]{64}|[A-Za-z0-9+/_-]{86}|[A-Za-z0-9+/_-]{88})={0,2}(?![A-Za-z0-9+/_=-])"
)
_BETWEEN = rb"[\"'`\])}]{0,3}[ \t]{0,8}(?:\([^()\n]{0,40}\))?[\s+:=>\"'`(\[{,|]{1,60}+"
_LABEL = re.compile(
    rb"PRIV(?:ATE)?(?:[ _-]?(?:key|exponent|value|number|scalar|part|hex|raw|bytes|base64|b64))*+"
    + _BETWEEN
    + _NOT_A_CERTIFICATE
    + rb"(?:"
    + _HEX
    + rb"|"
    + _BASE64_NUMBER
    + rb")",
    re.IGNORECASE,
)
_RSA_NUMBER = re.compile(
    rb"(?:PRIME[12]|EXPONENT[12]|COEFFICIENT)[\"'\])]{0,2}[ \t]{0,4}[:=]\s{0,60}" + _HEX, re.IGNORECASE
)
_RSA_WORDS = (b"PRIME", b"COEFFICIENT")
_XML_MARKS = (b"D>", b"DP>", b"DQ>", b"InverseQ")
_XML_NUMBER = re.compile(
    rb"<(?:\w{1,20}:)?(?:D>\s{0,80}[A-Za-z0-9+/]{80}|(?:DP|DQ|InverseQ)>\s{0,80}[A-Za-z0-9+/]{20})"
    rb"|InverseQ\W{1,20}[A-Za-z0-9+/]{40}"
)
_DSA_NUMBER = re.compile(rb"<(?:\w{1,20}:)?X>\s{0,80}[A-Za-z0-9+/]{20}")
# `openssl asn1parse` of a key: its version 0 or 1, then octets or a long number, perhaps behind an algorithm.
_ASN1_PARSED = re.compile(
    rb"INTEGER\s{1,20}:0[01][ \t\r]{0,20}\n(?:[^\n]{0,80}(?:SEQUENCE|OBJECT|NULL)[^\n]{0,200}\n){0,6}"
    rb"[^\n]{0,80}(?:OCTET STRING|INTEGER\s{1,20}:[0-9A-F]{40})"
)


def kind_of_text(text: bytes) -> str:
    """Return the kind of private key that the text has the armour or a labelled number of; "" where there is none.

    Arguments: `text`, plain text of any length. Takes one pass.
    """
    capitals = text.upper()
    for mark, pattern, kind in _MARKS:
        if any(pattern.match(capitals, at) for at in _places(capitals, mark)):
            return kind
    kinds = (_kind_of_armour(capitals, at) for at in _places(capitals, _WORD))
    return next(filter(None, kinds), "") or _kind_of_labels(text, capitals)


def _places(text: bytes, word: bytes) -> Iterator[int]:
    """Yield where the word is, at most `MAX_WORDS` times."""
    at = text.find(word)
    for _ in range(MAX_WORDS):
        if at == -1:
            return
        yield at
        at = text.find(word, at + 1)


def _kind_of_armour(capitals: bytes, at: int) -> str:
    """Return the kind of key whose armour has the word PRIVATE at `at`. Prose about private keys has no armour."""
    end = at + len(_WORD)
    key = _KEY.match(capitals, end)
    begin = _BEFORE_PRIVATE.search(capitals[max(0, at - 80) : at])
    if key is None or (begin is None and not _AFTER_KEY.match(capitals, key.end())):
        return ""
    words = re.findall(rb"[A-Z0-9]+", begin.group() if begin is not None else capitals[max(0, at - 10) : at])
    for word, kind in (
        (b"PGP", "PGP"),
        (b"OPENSSH", "OpenSSH"),
        (b"SSH2", "OpenSSH"),
        (b"RSA", "PKCS#1"),
        (b"EC", "SEC1"),
        (b"ENCRYPTED", "encrypted PKCS#8"),
    ):
        if word in words:
            return kind
    return "PKCS#8" if len(words) == 1 else "PEM"


def _kind_of_labels(text: bytes, capitals: bytes) -> str:
    if b"kty" in text and _JWK_TYPE.search(text) and _JWK_SECRET.search(text):
        return "JSON Web Key"
    if any(_LABEL.match(text, at) for at in _places(capitals, b"PRIV")):
        return "a number labelled as private"
    if any(_RSA_NUMBER.match(text, at) for word in _RSA_WORDS for at in _places(capitals, word)):
        return "the numbers of an RSA key"
    is_xml = any(mark in text for mark in _XML_MARKS) and _XML_NUMBER.search(text)
    if is_xml or (b"DSAKeyValue" in text and _DSA_NUMBER.search(text)):
        return "XML"
    return "the output of asn1parse" if b"INTEGER" in text and _ASN1_PARSED.search(text) else ""
