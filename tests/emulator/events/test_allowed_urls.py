"""Which URLs the emulator calls: those of the operator, and never addresses that nobody meant."""

import pytest

from emulator.events.allowed_urls import AllowedUrls, WebhookUrlError, is_callable

ALLOWED = AllowedUrls(["https://hooks.example.com/events/", "http://localhost:9000", "https://[::1]:9443/a"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/events/",
        "https://hooks.example.com/events",
        "https://hooks.example.com/events/press?code=abc&x=%2F",
        "https://HOOKS.example.com:443/events/a/b",
        "https://hooks.example.com./events/a",
        "http://localhost:9000",
        "http://localhost:9000/any",
        "https://[::1]:9443/a/b",
    ],
)
def test_what_an_operator_allows_is_called(url: str) -> None:
    assert ALLOWED.check(url).text == url


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://hooks.example.com/eventsx", "not-allowed"),
        ("https://hooks.example.com/", "not-allowed"),
        ("https://hooks.example.com/Events/", "not-allowed"),
        ("https://hooks.example.com:8443/events/", "not-allowed"),
        ("http://hooks.example.com/events/", "not-allowed"),
        ("https://hooks.example.com.evil.example/events/", "not-allowed"),
        ("https://evil.example/https://hooks.example.com/events/", "not-allowed"),
        ("http://localhost:9001/", "not-allowed"),
        ("http://127.0.0.1:9000/", "not-allowed"),
        ("https://hooks.example.com/events/../admin", "path"),
        ("https://hooks.example.com/events/%2e%2E/admin", "path"),
        ("https://hooks.example.com/events/./a", "path"),
        ("https://hooks.example.com/events/a%2fb", "path"),
        ("https://user@hooks.example.com/events/", "user"),
        ("https://hooks.example.com@evil.example/events/", "user"),
        ("https://hooks.example.com/events/#x", "fragment"),
        ("https://hooks.example.com:0/events/", "port"),
        ("https://hooks.example.com:99999/events/", "malformed"),
        ("https://[::1/events/", "malformed"),
        ("https:///events/", "host"),
        ("https://./events/", "host"),
        ("ftp://hooks.example.com/events/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("hooks.example.com/events/", "scheme"),
        ("https://hooks.example.com/events/ a", "characters"),
        ("https://hooks.example.com\\@evil.example/events/", "characters"),
        ("https://hooks.example.com/events/\r\nX: y", "characters"),
        ("https://hööks.example.com/events/", "characters"),
        ("", "length"),
        ("https://hooks.example.com/events/" + "a" * 2_048, "length"),
    ],
)
def test_what_an_operator_does_not_allow_is_refused(url: str, code: str) -> None:
    with pytest.raises(WebhookUrlError) as refused:
        ALLOWED.check(url)
    assert refused.value.code == code


def test_nothing_is_allowed_by_default_and_the_option_is_named() -> None:
    with pytest.raises(WebhookUrlError) as refused:
        AllowedUrls().check("https://hooks.example.com:8443/events?code=secret")
    assert refused.value.code == "none-allowed"
    assert "--allow-webhook https://hooks.example.com:8443/" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://hooks.example.com/", True),
        ("https://HOOKS.example.com.:8443/any?x", True),
        ("https://localhost:9443/decide/key", True),
        ("https://[::1]:9443/", True),
        ("https://hooks.example.com.evil.example/", False),
        ("http://hooks.example.com/", False),
        ("https://localhost/", False),
        ("https://localhost:9444/", False),
        ("https://127.0.0.1:9443/", False),
    ],
)
def test_a_host_is_allowed_with_any_or_one_port(url: str, is_allowed: bool) -> None:
    allowed = AllowedUrls(hosts=["hooks.example.com", "localhost:9443", "[::1]:9443"])
    if is_allowed:
        assert allowed.check(url).text == url
        return
    with pytest.raises(WebhookUrlError) as refused:
        allowed.check(url)
    assert refused.value.code == "not-allowed"


@pytest.mark.parametrize("host", ["https://a.example", "a.example/x", "a.example?x", "u@a.example", "a b", "a:0", ""])
def test_an_invalid_host_is_refused(host: str) -> None:
    with pytest.raises(WebhookUrlError):
        AllowedUrls(hosts=[host])


@pytest.mark.parametrize("prefix", ["https://a.example/x?y", "ftp://a.example", "https://", "a.example"])
def test_an_invalid_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(WebhookUrlError):
        AllowedUrls([prefix])


@pytest.mark.parametrize(
    ("host", "address", "expected"),
    [
        ("hooks.example.com", "203.0.113.7", True),
        ("hooks.intranet", "10.1.2.3", True),
        ("hooks.example.com", "127.0.0.1", False),  # a name that resolves to this machine
        ("hooks.example.com", "::1", False),
        ("hooks.example.com", "::ffff:127.0.0.1", False),
        ("localhost", "127.0.0.1", True),
        ("a.localhost", "::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("metadata.example", "169.254.169.254", False),
        ("169.254.169.254", "169.254.169.254", False),
        ("::ffff:169.254.169.254", "::ffff:169.254.169.254", False),
        ("fe80.example", "fe80::1%eth0", False),
        ("any.example", "0.0.0.0", False),
        ("any.example", "::", False),
        ("many.example", "224.0.0.1", False),
        ("many.example", "255.255.255.255", False),
    ],
)
def test_some_addresses_are_never_called(host: str, address: str, expected: bool) -> None:
    assert is_callable(host, address) is expected


def test_an_allowed_address_that_is_never_called_is_refused() -> None:
    with pytest.raises(WebhookUrlError) as refused:
        AllowedUrls(["http://169.254.169.254/"]).check("http://169.254.169.254/latest/meta-data")
    assert refused.value.code == "address"
