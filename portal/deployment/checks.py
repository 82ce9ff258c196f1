"""Checks of a deployment: what is wrong, and how to fix it.

Each check yields shortcomings. Checks of settings are here. Apps register those of workers and Azure with
`portal.registry.register_deployment_check`.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core import checks as django_checks
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from portal.deployment.activity_log import activity_log
from portal.deployment.starting import configured_secret_key
from portal.models import User
from portal.registry import Shortcoming, deployment_checks
from portal.serving.forwarded import trusted_networks

LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
# Packages of requirements/production.txt, by the beginning of the URL that needs them.
DRIVERS = {
    "postgres": ("DATABASE_URL", "psycopg"),
    "redis": ("CELERY_BROKER_URL", "redis"),
    "amqp": ("CELERY_BROKER_URL", "amqp"),
}
MAIL_SECURITY = ("starttls", "tls", "none")
OWN_TO_A_PROCESS = ("locmem.LocMemCache", "dummy.DummyCache")


def find_shortcomings() -> Iterator[Shortcoming]:
    """Yield the shortcomings of every check: settings, database, Django's own, then those of the apps."""
    for check in (
        secret_key,
        debug,
        state_folder,
        hosts,
        proxies,
        hsts,
        drivers,
        servers,
        shared_cache,
        accounts,
        static_files,
        database,
        activity_log,
    ):
        yield from check()
    yield from django_deployment_checks()
    for registered in deployment_checks():
        yield from registered()


def secret_key() -> Iterable[Shortcoming]:
    key = configured_secret_key()
    if not key:
        yield Shortcoming(
            "error",
            "secret_key_missing",
            "PORTAL_SECRET_KEY is not set, so the portal refuses to start.",
            'Generate one for the environment file: python3 -c "import secrets; print(secrets.token_urlsafe(50))"',
        )
    elif len(key) < 40:
        yield Shortcoming(
            "error",
            "secret_key_short",
            f"PORTAL_SECRET_KEY has only {len(key)} characters.",
            'Use at least 40: python3 -c "import secrets; print(secrets.token_urlsafe(50))"',
        )


def debug() -> Iterable[Shortcoming]:
    if settings.DEBUG:
        yield Shortcoming(
            "error", "debug", "PORTAL_DEBUG is on: error pages show code and settings.", "Remove PORTAL_DEBUG."
        )


def state_folder() -> Iterable[Shortcoming]:
    folder = Path(settings.STATE_DIR)
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        yield Shortcoming(
            "error",
            "state_folder_missing",
            f"The state folder {folder} does not exist.",
            f"Start the portal once, or run: install -d -m 0700 {folder}",
        )
        return
    except OSError as fault:
        yield Shortcoming(
            "error",
            "state_folder_unreadable",
            f"The state folder {folder} cannot be read: {fault.strerror}.",
            "Run this command as the user that runs the portal, and check who owns the folder.",
        )
        return
    if mode & 0o077:
        yield Shortcoming(
            "error",
            "state_folder_open",
            f"Other users of this machine can reach the state folder {folder}.",
            f"Run: chmod 700 {folder}",
        )


def hosts() -> Iterable[Shortcoming]:
    chosen = settings.ALLOWED_HOSTS
    if settings.PRODUCTION and not set(chosen) - LOCAL_HOSTS:
        yield Shortcoming(
            "error",
            "allowed_hosts_local",
            "PORTAL_ALLOWED_HOSTS names only this machine: every request by the portal's own name is rejected.",
            "Set it to the host names that users open, such as portal.example.com.",
        )
    if "*" in chosen:
        yield Shortcoming(
            "error",
            "allowed_hosts_any",
            "PORTAL_ALLOWED_HOSTS accepts any host name.",
            "Name the portal's own host names.",
        )
    for host in chosen:
        if "/" in host or (":" in host and not host.startswith("[")):
            yield Shortcoming(
                "error",
                "allowed_host_malformed",
                f"PORTAL_ALLOWED_HOSTS contains {host}, which is not a host name.",
                "Write only the name: no https://, port or path.",
            )


def proxies() -> Iterable[Shortcoming]:
    try:
        trusted_networks(settings.TRUSTED_PROXIES)
    except ValueError as fault:
        yield Shortcoming(
            "error",
            "trusted_proxy_malformed",
            f"PORTAL_TRUSTED_PROXIES contains an invalid address: {fault}.",
            "Write addresses or networks such as 10.0.0.5 or 10.0.0.0/24, or unix for a Unix domain socket.",
        )
    if settings.PORTAL_HTTPS and not settings.TRUSTED_PROXIES:
        yield Shortcoming(
            "error",
            "trusted_proxies_missing",
            "PORTAL_HTTPS is on, but no proxy is trusted: the portal cannot see that a browser uses HTTPS, and rejects "
            "every form.",
            "Set PORTAL_TRUSTED_PROXIES to the address from which the reverse proxy connects, such as 127.0.0.1.",
        )


def hsts() -> Iterable[Shortcoming]:
    if settings.PRODUCTION and not settings.PORTAL_HTTPS:
        yield Shortcoming(
            "warning",
            "https_off",
            "PORTAL_HTTPS is off: passwords and sessions cross the network unencrypted.",
            "Put a TLS proxy in front (deploy/nginx.conf) and set PORTAL_HTTPS=true.",
        )
    elif settings.PORTAL_HTTPS and not settings.SECURE_HSTS_SECONDS:
        yield Shortcoming(
            "warning",
            "hsts_off",
            "PORTAL_HSTS_SECONDS is 0: an attacker may redirect a browser to the portal without TLS.",
            "Remove the variable (one hour), and raise it when TLS has worked for a while.",
        )


def drivers() -> Iterable[Shortcoming]:
    engine, broker = settings.DATABASES["default"]["ENGINE"], settings.CELERY_BROKER_URL
    for beginning, (variable, package) in DRIVERS.items():
        is_needed = beginning in engine if variable == "DATABASE_URL" else broker.startswith(beginning)
        if is_needed and find_spec(package) is None:
            yield Shortcoming(
                "error",
                "driver_missing",
                f"{variable} needs the Python package {package}, which is not installed.",
                "Run: pip install --require-hashes -r requirements/production.txt",
            )


def servers() -> Iterable[Shortcoming]:
    if not settings.PRODUCTION:
        return
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Shortcoming(
            "warning",
            "database_sqlite",
            "The database is a SQLite file, which suits one machine and a few users.",
            "Set DATABASE_URL to a PostgreSQL server.",
        )
    if settings.CELERY_BROKER_URL.startswith("filesystem"):
        yield Shortcoming(
            "warning",
            "broker_files",
            "Messages to workers are files in the state folder, which workers on other machines cannot read.",
            "Set CELERY_BROKER_URL to a Redis or RabbitMQ server.",
        )


def shared_cache() -> Iterable[Shortcoming]:
    if settings.CACHES["default"]["BACKEND"].endswith(OWN_TO_A_PROCESS):
        yield Shortcoming(
            "error",
            "cache_per_process",
            "Each web process counts failed sign-ins for itself, so guessing passwords is hardly limited.",
            "Remove PORTAL_CACHE_URL (the database counts), or set it to a Redis server: redis://host:6379/1",
        )
    ping = getattr(caches["default"], "ping", None)
    if ping and (reason := ping()):
        yield Shortcoming(
            "warning",
            "cache_away",
            f"The Redis server of PORTAL_CACHE_URL does not answer: {reason[:200]}. Rate limits count in the database meanwhile.",
            "Start the server, or correct PORTAL_CACHE_URL.",
        )


def accounts() -> Iterable[Shortcoming]:
    """Yield what keeps users from signing in: no mail, or no account that may use a password."""
    if settings.MAIL_SECURITY not in MAIL_SECURITY:
        yield Shortcoming(
            "error",
            "mail_security_unknown",
            f"PORTAL_MAIL_SECURITY is {settings.MAIL_SECURITY[:40]}: passwords would cross the network unencrypted.",
            f"Use one of: {', '.join(MAIL_SECURITY)}.",
        )
    if settings.PRODUCTION and not settings.MAIL_CONFIGURED:
        yield Shortcoming(
            "warning",
            "mail_missing",
            "PORTAL_MAIL_HOST is not set: users cannot reset a forgotten password.",
            "Set it to your mail server, and PORTAL_MAIL_FROM to the sender.",
        )
    if settings.LOCAL_ACCOUNTS:
        return
    try:
        has_emergency = User.objects.filter(break_glass=True, is_active=True, is_superuser=True).exists()
    except DatabaseError:
        return  # reported by the check of the database
    if not has_emergency:
        yield Shortcoming(
            "error",
            "break_glass_missing",
            "PORTAL_LOCAL_ACCOUNTS is false, and no administrator can sign in when single sign-on is out of order.",
            "Run: manage.py create_admin emergency --break-glass, and keep the password in a safe.",
        )


def static_files() -> Iterable[Shortcoming]:
    if not settings.PRODUCTION:
        return
    root = settings.STATIC_ROOT
    if not root:
        yield Shortcoming(
            "warning",
            "static_root_missing",
            "PORTAL_STATIC_ROOT is not set: style sheets and scripts are served without long caching.",
            "Set it to a separate folder, and run: manage.py collectstatic --noinput",
        )
    elif not (Path(root) / "staticfiles.json").exists():
        yield Shortcoming(
            "warning",
            "static_files_missing",
            f"{root} contains no static files: they are served without long caching.",
            "Run: manage.py collectstatic --noinput, then restart the web processes.",
        )


def database() -> Iterable[Shortcoming]:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as fault:
        yield Shortcoming(
            "error",
            "database_unreachable",
            f"The database cannot be reached ({type(fault).__name__}).",
            "Check DATABASE_URL, and that the server runs and accepts connections from this machine.",
        )
        return
    if waiting:
        names = ", ".join(f"{migration.app_label} {migration.name}" for migration, _ in waiting[:3])
        yield Shortcoming(
            "error",
            "migrations_missing",
            f"{len(waiting)} migrations have not been applied ({names}{', …' if len(waiting) > 3 else ''}).",
            "Stop web processes and workers, then run: manage.py migrate",
        )


def django_deployment_checks() -> Iterable[Shortcoming]:
    """Yield what `manage.py check --deploy` reports."""
    if not settings.PRODUCTION or not configured_secret_key():
        return
    for message in django_checks.run_checks(include_deployment_checks=True):
        if not message.is_silenced() and message.level >= django_checks.WARNING:
            severity = "error" if message.level >= django_checks.ERROR else "warning"
            yield Shortcoming(severity, str(message.id), str(message.msg), str(message.hint or ""))
