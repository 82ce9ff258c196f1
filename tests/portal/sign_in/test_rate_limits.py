"""Guessing passwords is limited for all web processes together, and never locks an owner out."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from portal.models import CachedValue, User
from portal.serving.shared_cache import delete_expired
from portal.sign_in.rate_limits import RateLimitError, begin_attempt
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import make_user
from tests.support.servers.postgresql_and_redis import redis

pytestmark = pytest.mark.django_db
NOON = 1_800_000_000.0  # a whole number of 15-minute windows
REFUSED, WRONG, DONE = 429, 422, 302


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis() as server:
        yield f"unix://{server.socket}"


@pytest.fixture(autouse=True, params=["database", "redis"])
def store(request: pytest.FixtureRequest, settings: Any) -> str:
    """Count in each store that web processes can share."""
    chosen = {"BACKEND": "portal.serving.shared_cache.SharedCache"}
    if request.param == "redis":
        location = request.getfixturevalue("redis_url")
        chosen = {"BACKEND": "portal.serving.redis_cache.RedisOrDatabaseCache", "LOCATION": location}
    settings.CACHES = {"default": chosen, "process": settings.CACHES["process"]}
    cache.clear()
    return str(request.param)


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what gets hashed, which grows with each password that is checked."""
    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def count(self: MD5PasswordHasher, password: str, salt: str) -> str:
        seen.append(password)
        return str(encode(self, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    return seen


def test_the_sixth_wrong_password_is_refused_before_it_is_hashed(ada: User, hashed: list[str], settings: Any) -> None:
    answers = [sign_in("ada", f"wrong {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [WRONG] * 5 + [REFUSED]
    assert 'data-code="sign-in-refused"' in answers[-1].content.decode()
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 301
    before = len(hashed)
    assert sign_in("ada").status_code == REFUSED, "the right password neither, since it is not checked"
    assert len(hashed) == before
    assert sign_in("ada", address="192.0.2.2").status_code == DONE, "elsewhere it is"


def test_fifty_people_sign_in_from_one_address_within_a_minute() -> None:
    people = [make_user(f"person-{n}").username for n in range(50)]
    assert {sign_in(name).status_code for name in people} == {DONE}
    assert sign_in(people[0], "wrong").status_code == WRONG


def test_an_address_that_tries_many_accounts_is_refused(ada: User, settings: Any) -> None:
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 8
    answers = [sign_in(f"nobody-{n}", "wrong").status_code for n in range(9)]
    assert answers == [WRONG] * 8 + [REFUSED]
    assert sign_in("ada").status_code == REFUSED
    assert sign_in("ada", address="192.0.2.2").status_code == DONE


def test_addresses_of_one_ipv6_network_count_as_one(ada: User) -> None:
    answers = [sign_in("ada", "wrong", address=f"2001:db8::{n}").status_code for n in range(1, 7)]
    assert answers == [WRONG] * 5 + [REFUSED]
    assert sign_in("ada", address="2001:db8:0:1::1").status_code == DONE


def test_guessing_from_many_addresses_slows_unknown_browsers_only(ada: User, settings: Any) -> None:
    settings.SIGN_IN_FAILURES_PER_ACCOUNT = 10
    owner = Browser()
    sign_in("ada", browser=owner, address="192.0.2.7")
    owner.post(reverse("portal:sign_out"))
    answers = [sign_in("ada", "wrong", address=f"198.51.100.{n}").status_code for n in range(20)]
    assert answers[:10] == [WRONG] * 10
    assert answers[11:] == [REFUSED] * 9, "the eleventh was the one in half a minute"
    assert sign_in("ada", address="203.0.113.1").status_code == REFUSED
    assert sign_in("ada", browser=owner, address="203.0.113.2").status_code == DONE


def test_the_cookie_of_a_browser_helps_with_its_own_accounts_only(ada: User, settings: Any) -> None:
    make_user("bob")
    browser = Browser()
    sign_in("bob", browser=browser)
    browser.post(reverse("portal:sign_out"))
    assert [sign_in("ada", "wrong", browser=browser).status_code for _ in range(6)] == [WRONG] * 5 + [REFUSED]
    forged = Browser()
    forged.cookies[settings.DEVICE_COOKIE_NAME] = browser.cookies[settings.DEVICE_COOKIE_NAME].value[:-2] + "xx"
    assert sign_in("ada", browser=forged).status_code == REFUSED
    assert [sign_in("bob", "wrong", browser=browser).status_code for _ in range(11)] == [WRONG] * 10 + [REFUSED]


def test_a_slowed_account_is_tried_once_in_half_a_minute(settings: Any) -> None:
    settings.SIGN_IN_FAILURES_PER_ACCOUNT = 2

    def attempt(number: int, at: float) -> bool:
        try:
            begin_attempt("ada", f"network-{number}", "", NOON + at)
        except RateLimitError:
            return False
        return True

    tries = [attempt(number, at) for number, at in enumerate([0, 1, 2, 3, 29, 30, 31, 61])]
    assert tries == [True, True, True, False, False, True, False, True]
    assert attempt(9, 900)


def test_a_refused_attempt_counts_nowhere_else(settings: Any) -> None:
    for _ in range(5):
        begin_attempt("ada", "network", "", NOON)
    for _ in range(30):
        with pytest.raises(RateLimitError):
            begin_attempt("ada", "network", "", NOON)
    begin_attempt("ada", "elsewhere", "", NOON)
    begin_attempt("bob", "network", "", NOON)


def test_values_of_a_store_expire(store: str) -> None:
    assert cache.add("count", 1, 60)
    assert not cache.add("count", 5, 60)
    assert cache.incr("count") == 2
    assert cache.get("count") == 2
    cache.set("list", [1.5, "x"], 60)
    assert cache.get("list") == [1.5, "x"]
    assert cache.touch("list", 0)
    assert cache.get("list") is None
    assert cache.add("list", "again", 60), "what has expired is replaced"
    assert cache.delete("list")
    assert not cache.delete("list")
    with pytest.raises(ValueError):
        cache.incr("missing")
    cache.set("old", 1, 1)
    assert store == "redis" or CachedValue.objects.count() == 2
    delete_expired(4e9)
    assert not CachedValue.objects.exists()
