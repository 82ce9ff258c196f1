"""While Redis is away, people sign in and guessing stays limited: the database counts in its place."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from portal.models import CachedValue
from portal.serving import redis_cache
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import make_user
from tests.support.servers.postgresql_and_redis import Redis, redis

pytestmark = pytest.mark.django_db
REFUSED, WRONG, DONE = 429, 422, 302


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    monkeypatch.setattr(redis_cache, "_away", {})
    with redis() as server:
        chosen = {
            "BACKEND": "portal.serving.redis_cache.RedisOrDatabaseCache",
            "LOCATION": f"unix://{server.socket}",
            "OPTIONS": {"socket_timeout": 1.0},
        }
        settings.CACHES = {"default": chosen, "process": settings.CACHES["process"]}
        yield server


def test_sign_in_works_and_is_limited(server: Redis, settings: Any) -> None:
    make_user("ada")
    server.kill()
    assert sign_in("ada").status_code == DONE
    most = settings.SIGN_IN_FAILURES_PER_ACCOUNT_AND_ADDRESS
    answers = [sign_in("ada", "wrong").status_code for _ in range(most + 1)]
    assert answers == [WRONG] * most + [REFUSED]
    assert CachedValue.objects.exists()


def test_redis_counts_again_when_it_is_back(
    server: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("kept", 1, 600)
    server.kill()
    for _ in range(3):
        assert cache.get("kept") is None
    assert [record.levelname for record in caplog.records] == ["ERROR"], "an outage is logged once in a process"
    server.start()
    assert cache.get("kept") is None, "Redis is not asked again at once"
    monkeypatch.setattr(redis_cache, "_away", dict.fromkeys(redis_cache._away, 0.001))
    assert cache.get("kept") == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_each_operation_has_a_substitute(server: Redis) -> None:
    server.kill()
    assert cache.add("a", 1, 60)
    assert not cache.add("a", 2, 60)
    assert cache.incr("a") == 2
    assert cache.touch("a", 600)
    cache.set("b", [1], 60)
    assert cache.get_many(["a", "b", "c"]) == {"a": 2, "b": [1]}
    assert cache.delete("b")
    with pytest.raises(ValueError, match="not found"):
        cache.incr("b")
    cache.clear()
    assert not CachedValue.objects.exists()
