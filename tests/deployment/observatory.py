"""Score a page by the rules of Mozilla's HTTP Observatory (MDN), version of 2026.

Every page starts with 100 points. A fault subtracts points; what goes beyond the usual adds some, which count only when 90
or more are left. Rules and points, in the Observatory's order:

| test | points |
| --- | --- |
| Content-Security-Policy | +10: `default-src 'none'`, nothing `unsafe`, `form-action` set; +5: nothing unsafe; −20: unsafe; −25: none |
| cookies | +5: `Secure`, session cookies `HttpOnly`, all `SameSite`; 0: none; −20: no `SameSite` for CSRF or no `Secure`; −30, −40: session |
| CORS | 0: no header; −50: any origin with credentials |
| redirection | 0: first redirect goes to HTTPS on the same host; −5: another host; −20: none |
| Referrer-Policy | +5: `no-referrer`, `same-origin`, `strict-origin(-when-cross-origin)`; 0: none; −5: others |
| Strict-Transport-Security | 0: six months or more; −10: less; −20: none. (+5 for the preload list, which the portal never asks for) |
| subresource integrity | 0: all scripts from the same origin; −5 and more: scripts from elsewhere without it |
| X-Content-Type-Options | 0: `nosniff`; −5: none |
| X-Frame-Options | +5: `frame-ancestors` in the policy, `DENY` or `SAMEORIGIN`; −20: none |
| Cross-Origin-Resource-Policy | +10: `same-origin` or `same-site`; 0: none or `cross-origin` |
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SIX_MONTHS = 15_768_000  # seconds
PRIVATE_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
ENOUGH_FOR_EXTRA = 90


@dataclass(frozen=True)
class Page:
    """A page opened with HTTPS, and where the same address with HTTP redirects to ("" = nowhere).

    `headers` are by lower-case name; `cookies` are the values of `Set-Cookie`.
    """

    url: str
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: str
    redirect: str


def score(page: Page) -> int:
    """Return the points of a page."""
    points = [rule(page) for rule in RULES]
    faults = 100 + sum(each for each in points if each < 0)
    return faults + sum(each for each in points if each > 0) if faults >= ENOUGH_FOR_EXTRA else faults


def points_by_rule(page: Page) -> dict[str, int]:
    return {rule.__name__: rule(page) for rule in RULES}


def content_security_policy(page: Page) -> int:
    policy = _policy(page)
    if not policy:
        return -25
    scripts = policy.get("script-src", policy.get("default-src"))
    objects = policy.get("object-src", policy.get("default-src"))
    styles = policy.get("style-src", policy.get("default-src"))
    if scripts is None or objects is None or _is_unsafe((*scripts, *objects)):
        return -20
    if styles is None or _is_unsafe(styles):
        return 0
    is_closed = policy.get("default-src") == ("'none'",) and policy.get("form-action") in (("'none'",), ("'self'",))
    return 10 if is_closed else 5


def cookies(page: Page) -> int:
    if not page.cookies:
        return 0
    worst = 5
    for cookie in page.cookies:
        name, _, rest = cookie.partition("=")
        attributes = {part.strip().lower() for part in rest.split(";")[1:]}
        is_session, is_csrf = "sess" in name.lower(), "csrf" in name.lower()
        if "secure" not in attributes:
            worst = min(worst, -40 if is_session else -20)
        if is_session and "httponly" not in attributes:
            worst = min(worst, -30)
        if not attributes & {"samesite=lax", "samesite=strict"}:
            worst = min(worst, -20 if is_csrf else 0)
    return worst


def cross_origin_sharing(page: Page) -> int:
    is_for_all = page.headers.get("access-control-allow-origin", "") not in ("", "*")
    return -50 if is_for_all and page.headers.get("access-control-allow-credentials") == "true" else 0


def redirection(page: Page) -> int:
    target, here = urlsplit(page.redirect), urlsplit(page.url)
    if target.scheme != "https":
        return -20
    return 0 if target.hostname == here.hostname else -5


def referrer_policy(page: Page) -> int:
    policy = page.headers.get("referrer-policy")
    if policy is None:
        return 0
    return 5 if policy.strip().lower() in PRIVATE_REFERRERS else -5


def strict_transport_security(page: Page) -> int:
    age = re.search(r"max-age=(\d+)", page.headers.get("strict-transport-security", ""))
    if age is None:
        return -20
    return 0 if int(age[1]) >= SIX_MONTHS else -10


def subresource_integrity(page: Page) -> int:
    tags = re.findall(r"<script\b[^>]*>", page.body)
    sources = [found[1] for tag in tags if "integrity=" not in tag and (found := re.search(r'src="([^"]*)"', tag))]
    return -5 if any(urlsplit(source).netloc not in ("", urlsplit(page.url).netloc) for source in sources) else 0


def content_type_options(page: Page) -> int:
    return 0 if page.headers.get("x-content-type-options") == "nosniff" else -5


def frame_options(page: Page) -> int:
    by_policy = _policy(page).get("frame-ancestors") in (("'none'",), ("'self'",))
    by_header = page.headers.get("x-frame-options", "").upper() in ("DENY", "SAMEORIGIN")
    return 5 if by_policy or by_header else -20


def resource_policy(page: Page) -> int:
    return 10 if page.headers.get("cross-origin-resource-policy") in ("same-origin", "same-site") else 0


RULES = (
    content_security_policy,
    cookies,
    cross_origin_sharing,
    redirection,
    referrer_policy,
    strict_transport_security,
    subresource_integrity,
    content_type_options,
    frame_options,
    resource_policy,
)


def _policy(page: Page) -> dict[str, tuple[str, ...]]:
    directives = (part.split() for part in page.headers.get("content-security-policy", "").split(";"))
    return {words[0].lower(): tuple(words[1:]) for words in directives if words}


def _is_unsafe(sources: Iterable[str]) -> bool:
    """Return whether a source is unsafe, a scheme, or everything."""
    return any(
        source.startswith("'unsafe") or source in ("*", "data:", "http:", "https:", "blob:") for source in sources
    )
