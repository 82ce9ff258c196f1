"""`manage.py check_deployment` names what is wrong by a code, and `create_admin` makes the first account."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from portal.deployment import checks
from portal.deployment.activity_log import SEALED_WITHIN, activity_log
from portal.models import Activity, User

SOUND: dict[str, Any] = {
    "PRODUCTION": True,
    "PORTAL_HTTPS": True,
    "SECRET_KEY": "k" * 50,
    "DEBUG": False,
    "ALLOWED_HOSTS": ["portal.example"],
    "TRUSTED_PROXIES": ["127.0.0.1"],
    "SECURE_HSTS_SECONDS": 3600,
    "CELERY_BROKER_URL": "redis://localhost/0",
    "MAIL_CONFIGURED": True,
    "CACHES": {"default": {"BACKEND": "portal.serving.shared_cache.SharedCache"}},
}
LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"
REDIS_AWAY = {"BACKEND": "portal.serving.redis_cache.RedisOrDatabaseCache", "LOCATION": "unix:///no/such/redis.sock"}
HASHED = "where collectstatic puts files"


@pytest.mark.parametrize(
    ("check", "changed", "code"),
    [
        (checks.secret_key, {"SECRET_KEY": ""}, "secret_key_missing"),
        (checks.secret_key, {"SECRET_KEY": "short"}, "secret_key_short"),
        (checks.debug, {"DEBUG": True}, "debug"),
        (checks.hosts, {"ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}, "allowed_hosts_local"),
        (checks.hosts, {"ALLOWED_HOSTS": ["*"]}, "allowed_hosts_any"),
        (checks.hosts, {"ALLOWED_HOSTS": ["https://portal.example"]}, "allowed_host_malformed"),
        (checks.hosts, {"ALLOWED_HOSTS": ["portal.example:443"]}, "allowed_host_malformed"),
        (checks.proxies, {"TRUSTED_PROXIES": ["nginx"]}, "trusted_proxy_malformed"),
        (checks.proxies, {"TRUSTED_PROXIES": []}, "trusted_proxies_missing"),
        (checks.hsts, {"PORTAL_HTTPS": False}, "https_off"),
        (checks.hsts, {"SECURE_HSTS_SECONDS": 0}, "hsts_off"),
        (checks.servers, {"CELERY_BROKER_URL": "filesystem://"}, "broker_files"),
        (checks.shared_cache, {"CACHES": {"default": {"BACKEND": LOCAL_CACHE}}}, "cache_per_process"),
        (checks.shared_cache, {"CACHES": {"default": REDIS_AWAY}}, "cache_away"),
        (checks.accounts, {"MAIL_SECURITY": "ssl3"}, "mail_security_unknown"),
        (checks.accounts, {"MAIL_CONFIGURED": False}, "mail_missing"),
        (checks.static_files, {"STATIC_ROOT": None}, "static_root_missing"),
    ],
)
def test_each_shortcoming_is_found(check: Any, changed: dict[str, Any], code: str) -> None:
    with override_settings(**SOUND, STATIC_ROOT=HASHED):
        assert code not in [found.code for found in check()]
    with override_settings(**SOUND | {"STATIC_ROOT": HASHED} | changed):
        assert code in [found.code for found in check()]


def test_forgotten_static_files_are_found(tmp_path: Path) -> None:
    with override_settings(**SOUND, STATIC_ROOT=str(tmp_path)):
        assert [found.code for found in checks.static_files()] == ["static_files_missing"]
        (tmp_path / "staticfiles.json").write_text("{}", encoding="utf-8")
        assert not list(checks.static_files())


def test_an_open_or_missing_state_folder_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with override_settings(STATE_DIR=folder):
        assert [found.code for found in checks.state_folder()] == ["state_folder_missing"]
        folder.mkdir(mode=0o755)
        assert [found.code for found in checks.state_folder()] == ["state_folder_open"]
        folder.chmod(0o700)
        assert not list(checks.state_folder())


@pytest.mark.django_db
def test_the_command_fails_on_errors_and_prints_codes() -> None:
    out = StringIO()
    with override_settings(**SOUND | {"SECRET_KEY": ""}), pytest.raises(CommandError):
        call_command("check_deployment", stdout=out)
    assert "[secret_key_missing]" in out.getvalue()


@pytest.mark.django_db
def test_the_first_administrator_can_sign_in_with_the_printed_password() -> None:
    out, notes = StringIO(), StringIO()
    call_command("create_admin", "root", stdout=out, stderr=notes)
    password = out.getvalue().split()[-1]
    assert Browser().login(username="root", password=password)
    assert User.objects.get(username="root").is_superuser
    assert password not in notes.getvalue()
    assert Activity.objects.filter(kind="portal.user", object_name="root").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["root", "ROOT", "not a name", ""])
def test_an_account_that_exists_or_has_no_name_is_refused(name: str) -> None:
    call_command("create_admin", "root", stdout=StringIO(), stderr=StringIO())
    before = User.objects.get().password
    with pytest.raises(CommandError):
        call_command("create_admin", name, stdout=StringIO(), stderr=StringIO())
    assert User.objects.get().password == before


@pytest.mark.django_db
def test_without_local_accounts_an_emergency_account_is_needed(settings: Any) -> None:
    settings.LOCAL_ACCOUNTS = False
    assert "break_glass_missing" in [found.code for found in checks.accounts()]
    call_command("create_admin", "root", stdout=StringIO(), stderr=StringIO())
    assert "break_glass_missing" in [found.code for found in checks.accounts()]
    out = StringIO()
    call_command("create_admin", "emergency", "--break-glass", stdout=out, stderr=StringIO())
    assert "break_glass_missing" not in [found.code for found in checks.accounts()]
    assert Browser().login(username="emergency", password=out.getvalue().split()[-1])


@pytest.mark.django_db
def test_a_log_that_is_no_evidence_is_found(settings: Any) -> None:
    settings.PRODUCTION = True
    assert not list(activity_log())
    settings.ACTIVITY_KEY = ""
    assert [found.code for found in activity_log()] == ["activity_key_missing"]
    settings.ACTIVITY_KEY = "short"
    assert [found.code for found in activity_log()] == ["activity_key_short"]
    settings.ACTIVITY_KEY = settings.SECRET_KEY
    assert [found.code for found in activity_log()] == ["activity_key_shared"]


@pytest.mark.django_db
def test_missing_triggers_and_entries_that_wait_are_found() -> None:
    Activity.objects.create(at=timezone.now() - SEALED_WITHIN, verb="v", kind="k.k", object_name="n")
    assert [found.code for found in activity_log()] == ["activity_unsealed"]
    with connection.cursor() as cursor:
        on = " ON portal_activity" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER portal_activity_no_update{on}")
    assert [found.code for found in activity_log()] == ["activity_triggers_missing", "activity_unsealed"]
