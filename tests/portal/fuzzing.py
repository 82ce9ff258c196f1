"""Random input for every URL: numbers, text and structures that a browser never sends, but a script does."""

import random
import re
from html.parser import HTMLParser
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

# Every parameter that a view reads besides the controls of its form.
PARAMETERS = (
    *("add_condition", "attempt", "began", "binding", "change", "choose", "client", "code", "compared", "confirmed"),
    *("count", "cursor", "decision", "error", "fault", "field", "finding", "ignored", "join", "kind", "list", "name"),
    *("namespace", "next", "operand", "operator", "page", "pem", "properties", "proposed_certificate"),
    *("proposed_file_name", "proposed_thumbprint", "q", "query", "round", "row", "rule", "said", "seen", "share"),
    *("sort", "source", "status", "team", "templates", "theme", "thumbprints", "topic", "until", "uses_sources"),
    *("validation_scheme", "value", "verdict", "which", "whose", "within"),
)
NUMBERS = (
    *("0", "-1", "1", "2", "00", "+1", " 1", "1.5", "1e9", "0x1", "1_000", "NaN", "Infinity", "-0", "١", "²", "Ⅷ"),
    *(str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(2**64), "9" * 19, "9" * 200, "9" * 5000),
    *("-" + "9" * 5000, "0" * 5000 + "1", "1-1", "9" * 5000 + "-1"),
)
TEXTS = (
    *("", " ", "\t\r\n", "a", "a\x00b", "\x00", "\ud7ff", "\U0010ffff", "‮abc", "\x1b[0m", "é", "e\u0301", "ﬃ", "İ"),
    *(
        "x" * 129,
        "x" * 600,
        "x" * 12_000,
        "😀" * 300,
        "../..",
        "/",
        "//evil.example",
        "https://evil.example/",
        "foo:bar",
    ),
    *("portal:home", "http://[", "http://[::1", "javascript:alert(1)", "?", "#", "%", "%00", "%s", "{}", "{{ x }}"),
    *("{% x %}", "'", '"', "\\", "';--", "<script>alert(1)</script>", "a,b,,c", "[", "[1", "[]", "{}", "null", "true"),
    *("[" * 2000, '{"a":' * 500, '{"a": 1e999}', '["a", 1]', "NaN", "9" * 5000, '{"a": ' + "9" * 4000 + "}"),
    *("2026-01-01", "2026-13-45T99:99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59Z"),
    *("2026-01-01T00:00:00+99:99", "9" * 400 + "-01-01", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"),
    *("attributes.a = " + "9" * 5000, "attributes.a IN [" + "1," * 200 + "1]", "NOT " * 900 + "x", "(" * 3000),
    *(
        "factory/+/#",
        "a/" * 20,
        "${client.authenticationName}",
        "$" * 30,
        "${",
        "namespaces.client",
        "press-1",
        "line-a",
    ),
)
FORM_COUNTERS = re.compile(r".*-(TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS$")


class _Controls(HTMLParser):
    """Collects name and value of each control of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"input", "select", "textarea", "button"} and given.get("name"):
            self.found.setdefault(str(given["name"]), []).append(given.get("value") or "")


def controls_of(page: str) -> dict[str, list[str]]:
    """Return the values of each named control of a page, without the token of its form."""
    parser = _Controls()
    parser.feed(page)
    return {name: values for name, values in parser.found.items() if name != "csrfmiddlewaretoken"}


class Fuzz:
    """A seeded source of input for one URL; `controls` are those of its page."""

    def __init__(self, seed: str, controls: dict[str, list[str]]) -> None:
        self._random = random.Random(seed)
        self._controls = controls
        self._names = [*controls, *PARAMETERS]

    def value(self) -> str:
        choose = self._random
        kind = choose.random()
        if kind < 0.35:
            return choose.choice(NUMBERS)
        if kind < 0.85:
            return choose.choice(TEXTS)
        return "".join(chr(choose.choice([choose.randrange(1, 256), choose.randrange(256, 0xD800)])) for _ in range(20))

    def fields(self) -> dict[str, Any]:
        """Return the controls with some values changed, repeated or missing, and some parameters of other pages."""
        choose, data = self._random, dict[str, Any]()
        for name, values in self._controls.items():
            kind = choose.random()
            if kind < 0.1:
                continue
            changes = kind < 0.4 or (FORM_COUNTERS.match(name) and kind < 0.6)
            data[name] = self.value() if changes else choose.choice(values)
        for name in choose.choices(self._names, k=choose.randrange(4)):
            data[name] = [self.value() for _ in range(choose.randrange(1, 4))]
        return data

    def poisoned(self) -> dict[str, Any]:
        """Return fields of which no form takes any: each text has a NUL, each choice is unknown."""
        return {name: f"\x00{self.value()}\x00" for name in self._names if self._random.random() < 0.9}

    def files(self) -> dict[str, Any]:
        """Return a file for each control that may take one, now and then."""
        choose = self._random
        if choose.random() < 0.7:
            return {}
        content = choose.choice([b"", choose.randbytes(300), self.value().encode("utf-8", "replace"), b"\x30\x82" * 90])
        name = choose.choice(["ca.pem", "a" * 300 + ".crt", "x.p12", "‮.pem", "x/../y"])
        return {choose.choice(["file", "chain", *self._controls]): SimpleUploadedFile(name, content)}

    def headers(self) -> dict[str, str]:
        choose = self._random
        possible = {
            "hx-request": "true",
            "hx-boosted": "true",
            "hx-history-restore-request": "true",
            "hx-current-url": choose.choice([each for each in TEXTS if each.isprintable() and each.isascii()]),
            "hx-target": "grid",
            "x-request-id": choose.choice(["9" * 5000, "a b", "ok-0123456789"]),
            "accept-language": "x" * 3000,
            "range": "bytes=0-0," * 50,
            "if-modified-since": "9" * 100,
            "cookie": choose.choice(["theme=" + "x" * 3000, 'theme="\\', "messages=!!", "theme=\xff"]),
        }
        return {name: value for name, value in possible.items() if choose.random() < 0.12}
