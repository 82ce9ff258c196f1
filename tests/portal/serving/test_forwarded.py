"""X-Forwarded-* headers count from a trusted proxy and from no one else."""

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from portal.serving.forwarded import ForwardedHeadersMiddleware, trusted_networks


def seen(peer: str, **headers: str) -> HttpRequest:
    """The request as views see it."""
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_HOST="10.0.0.5:8000", **headers)  # type: ignore[arg-type]
    found: list[HttpRequest] = []

    def view(inner: HttpRequest) -> HttpResponse:
        found.append(inner)
        return HttpResponse()

    ForwardedHeadersMiddleware(view)(request)
    return found[0]


@pytest.fixture(autouse=True)
def _proxy() -> Iterator[None]:
    with override_settings(TRUSTED_PROXIES=["127.0.0.2", "10.1.0.0/16", "fd00::/8"], ALLOWED_HOSTS=["*"]):
        yield


HEADERS = {
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "portal.example",
    "HTTP_X_FORWARDED_FOR": "203.0.113.7",
}


def test_a_trusted_proxy_says_scheme_host_and_client() -> None:
    request = seen("127.0.0.2", **HEADERS)
    assert request.is_secure()
    assert request.get_host() == "portal.example"
    assert request.META["REMOTE_ADDR"] == "203.0.113.7"
    assert request.forwarded == "trusted"  # type: ignore[attr-defined]


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1", "", "not an address"])
def test_spoofed_headers_change_nothing(peer: str) -> None:
    request = seen(peer, **HEADERS)
    assert not request.is_secure()
    assert request.get_host() == "10.0.0.5:8000"
    assert request.META["REMOTE_ADDR"] == peer
    assert request.forwarded == "ignored"  # type: ignore[attr-defined]
    assert not [name for name in request.headers if name.lower().startswith("x-forwarded")]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first one is what the client claims
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),  # two proxies of ours
        ("nonsense, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("nonsense", "127.0.0.2"),
        ("", "127.0.0.2"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(chain: str, client: str) -> None:
    assert seen("127.0.0.2", HTTP_X_FORWARDED_FOR=chain).META["REMOTE_ADDR"] == client


def test_a_mapped_ipv4_address_is_the_address() -> None:
    assert seen("::ffff:127.0.0.2", **HEADERS).is_secure()


def test_a_unix_socket_is_trusted_only_by_name() -> None:
    with override_settings(TRUSTED_PROXIES=["unix"]):
        assert seen("", **HEADERS).is_secure()


def test_a_name_is_no_trusted_address() -> None:
    with pytest.raises(ValueError, match="proxy"):
        trusted_networks(["proxy"])
