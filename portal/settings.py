"""Settings: embedded by default (SQLite, filesystem broker), real servers by environment variable."""

import secrets
from pathlib import Path
from typing import Any

import dj_database_url
import django

from portal.deployment.environment import flag, seconds, secret, text, whole_number, words
from portal.deployment.mail_settings import mail_settings
from portal.single_sign_on.configuration import read_configuration

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(text("PORTAL_STATE_DIR") or BASE_DIR / ".local")

DEBUG = flag("PORTAL_DEBUG", False)
PORTAL_HTTPS = flag("PORTAL_HTTPS", False)
# In production, several processes serve many users, so no value may be generated at each start.
PRODUCTION = flag("PORTAL_PRODUCTION", PORTAL_HTTPS)
# Set by `manage.py demo`: the sign-in page offers the accounts that the demo created. Never in production.
DEMO = flag("PORTAL_DEMO", False) and not PRODUCTION
# Elsewhere a random key is enough: each start signs users out, which is safe. In production, Django does not start without
# a key; portal.wsgi and the worker explain why.
SECRET_KEY = secret("PORTAL_SECRET_KEY") or ("" if PRODUCTION else secrets.token_urlsafe(50))
# Former secret keys, which still verify sessions and decrypt secrets; separated by commas.
SECRET_KEY_FALLBACKS = [key for key in secret("PORTAL_SECRET_KEY_FALLBACKS").replace(",", " ").split() if key]
# Seals the entries of the activity log. Kept outside the database: without it, no one who changes a row can seal the change.
# In production, entries wait for it; elsewhere one is made in the state folder.
ACTIVITY_KEY = secret("PORTAL_ACTIVITY_KEY")
# Former keys, which still verify what they sealed; separated by commas.
ACTIVITY_KEY_FALLBACKS = [key for key in secret("PORTAL_ACTIVITY_KEY_FALLBACKS").replace(",", " ").split() if key]
ACTIVITY_KEEP_DAYS = whole_number("PORTAL_ACTIVITY_KEEP_DAYS", 0)  # for `manage.py prune_activity`; 0: all are kept
ALLOWED_HOSTS = words("PORTAL_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# The CA that signed the portal's own TLS certificate where browsers do not know it, for a class: to download on the page to join at.
PORTAL_CA_FILE = text("PORTAL_CA_FILE", "")
CSRF_TRUSTED_ORIGINS = words("PORTAL_TRUSTED_ORIGINS")
# Addresses or networks of reverse proxies whose X-Forwarded-* headers are trusted, or "unix" for a Unix domain socket.
TRUSTED_PROXIES = words("PORTAL_TRUSTED_PROXIES")

HAS_PARTIALS = django.VERSION >= (6, 0)  # part of Django from 6.0
INSTALLED_APPS = [
    "portal",
    "sync",
    "namespaces",
    "certificates",
    "lab",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    *([] if HAS_PARTIALS else ["template_partials"]),
    "lucide",
]

MIDDLEWARE = [
    "portal.serving.forwarded.ForwardedHeadersMiddleware",
    "portal.serving.head_requests.HeadMiddleware",
    "portal.serving.response_headers.ResponseHeadersMiddleware",
    "portal.serving.compressed_pages.CompressedPagesMiddleware",
    "portal.serving.probes.ProbesMiddleware",
    "portal.web.private_keys.PrivateKeyMiddleware",
    "portal.web.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.sign_in.session_limits.SessionLimitsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.web.methods.MethodsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.web.recorded_requests.DownloadsMiddleware",
    "portal.web.own_changes.OwnChangesMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.web.invisible_characters.ShowUnseenMiddleware",
    "namespaces.views.control.approvals.ApprovalMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "portal.User"
LOGIN_URL = "portal:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "portal:sign_in"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.shell_context.shell",
            ],
            "libraries": {"lucide": "portal.templatetags.drawn_icons"},
            "builtins": [
                *([] if HAS_PARTIALS else ["template_partials.templatetags.partials"]),
                "portal.templatetags.portal",
            ],
        },
    }
]

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        secret("DATABASE_URL", f"sqlite:///{STATE_DIR / 'portal.sqlite3'}"),
        conn_max_age=60,
        conn_health_checks=True,  # no request meets a connection that an outage has broken
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL and IMMEDIATE together let web process and workers write concurrently without lock errors.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
elif DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A server that does not answer, or a network that loses everything, must not hold threads for minutes. Options of the
    # URL take precedence. Milliseconds for tcp_user_timeout, else seconds.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }

# Rate limits count in the default cache, so all web processes have to share it: the database, or Redis (and the database
# while Redis is away).
_CACHE_URL = secret("PORTAL_CACHE_URL", "database:")
_CACHE_BACKENDS = {
    "database": "portal.serving.shared_cache.SharedCache",
    "locmem": "django.core.cache.backends.locmem.LocMemCache",  # for one process only
}
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": _CACHE_BACKENDS.get(_CACHE_URL.partition(":")[0], "portal.serving.redis_cache.RedisOrDatabaseCache"),
        "LOCATION": _CACHE_URL,
        "KEY_PREFIX": "portal",
    },
    "process": {"BACKEND": _CACHE_BACKENDS["locmem"], "LOCATION": "process"},  # for portal.short_cache
}
if CACHES["default"]["BACKEND"].endswith("RedisOrDatabaseCache"):
    CACHES["default"]["OPTIONS"] = {"socket_timeout": 1.0}  # seconds, also to connect

# How long the numbers in the menu and on Sync are kept in a process; 0: they are counted for each page.
SHORT_CACHE_SECONDS = 2

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "portal.sign_in.password_rules.RepetitionValidator"},
]
# A password stored by another hasher is hashed again when its user signs in.
PASSWORD_HASHERS = ["portal.sign_in.hashing.Argon2Hasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTHENTICATION_BACKENDS = [
    "portal.sign_in.backend.PasswordBackend",
    "portal.single_sign_on.backend.SingleSignOnBackend",
]
# The identity provider, from the variables PORTAL_SSO_…; None: there is no single sign-on.
SINGLE_SIGN_ON = read_configuration()
SOCIALACCOUNT_ADAPTER = "portal.single_sign_on.provider.SocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an e-mail address never finds an account
# False: only break-glass administrators (`manage.py create_admin --break-glass`) may use a password.
LOCAL_ACCOUNTS = flag("PORTAL_LOCAL_ACCOUNTS", True)
# Failed sign-ins before further ones are refused: from one address in 5 minutes, with one account from one address in
# 5 minutes, and with one account from all addresses in 15 minutes. After the last, browsers that have not signed in to the
# account before may try it only every 30 seconds.
SIGN_IN_FAILURES_PER_ADDRESS = whole_number("PORTAL_SIGN_IN_FAILURES_PER_ADDRESS", 100)
SIGN_IN_FAILURES_PER_ACCOUNT_AND_ADDRESS = whole_number("PORTAL_SIGN_IN_FAILURES_PER_ACCOUNT_AND_ADDRESS", 5)
SIGN_IN_FAILURES_PER_ACCOUNT = whole_number("PORTAL_SIGN_IN_FAILURES_PER_ACCOUNT", 20)
# Mail, for password resets and changes to accounts. Without a host there is none.
MAIL_HOST = text("PORTAL_MAIL_HOST")
MAIL_CONFIGURED = bool(MAIL_HOST)
MAIL_SECURITY = text("PORTAL_MAIL_SECURITY", "starttls").lower()  # starttls, tls or none
DEFAULT_FROM_EMAIL = text("PORTAL_MAIL_FROM", "portal@localhost")
vars().update(
    mail_settings(
        host=MAIL_HOST,
        port=whole_number("PORTAL_MAIL_PORT", 587),
        user=text("PORTAL_MAIL_USER"),
        password=secret("PORTAL_MAIL_PASSWORD"),
        security=MAIL_SECURITY,
    )
)
OUTBOX_DAYS = whole_number("PORTAL_OUTBOX_DAYS", 3)  # how long a mail or webhook that cannot be delivered is tried
NOTICE_DAYS = whole_number("PORTAL_NOTICE_DAYS", 90)  # how long notices are kept
# Scheme and host of the portal as users open it, for links in mails and webhooks. Without it: the first of ALLOWED_HOSTS.
PUBLIC_URL = text("PORTAL_PUBLIC_URL").rstrip("/")
# Hosts inside the network to which webhooks may go, such as hooks.example.internal, or .example.internal for all below it.
WEBHOOK_HOSTS = [host.lower() for host in words("PORTAL_WEBHOOK_HOSTS")]
WEBHOOK_SECONDS = seconds("PORTAL_WEBHOOK_SECONDS", 10)  # how long a receiver may take to answer
WEBHOOK_CA = text("PORTAL_WEBHOOK_CA")  # PEM file of authorities for webhooks; empty: the public ones
# Hosts from which revocation lists of CAs may be fetched, such as pki.example.internal, or .example.internal for all below it.
REVOCATION_LIST_HOSTS = [host.lower() for host in words("PORTAL_REVOCATION_LIST_HOSTS")]
REVOCATION_LIST_SECONDS = seconds("PORTAL_REVOCATION_LIST_SECONDS", 3600)  # between two requests for one list
REVOCATION_LIST_CA = text(
    "PORTAL_REVOCATION_LIST_CA"
)  # PEM file of authorities for those on HTTPS; empty: the public ones
ACCOUNT_EMAIL_NOTIFICATIONS = MAIL_CONFIGURED  # to the user, after a change to the account
ACCOUNT_ADAPTER = "portal.sign_in.adapter.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_VERIFICATION = "none"  # never needed to sign in: administrators create accounts
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
ACCOUNT_REAUTHENTICATION_REQUIRED = True
PASSWORD_RESET_TIMEOUT = 3600  # seconds
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_REAUTHENTICATION_METHODS = {"password", "mfa"}  # before a change to the account
MFA_ADAPTER = "portal.sign_in.second_step.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "MQTT Namespace Portal"
MFA_TOTP_TOLERANCE = 1  # the codes before and after the current one, for clocks that differ
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are created by administrators, not by signing up
# The limits of sign-in are in portal.sign_in.rate_limits; "login_failed" counts the codes of the second step.
# "sso_start" bounds requests to the identity provider and new sessions; an office may share one address.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "5/5m/key", "sso_start": "120/m/ip"}
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = text("PORTAL_STATIC_ROOT") or None  # where `collectstatic` puts hashed and compressed files
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "portal.serving.static_files.StaticFiles"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Before `collectstatic`, files are served from the apps and packages.
WHITENOISE_USE_FINDERS = True
# WhiteNoise's default allows every origin, for files that another host serves. Ours come from the portal itself.
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Uploads are limited before parsing and stay in memory, so that no private key reaches a temporary file.
FILE_UPLOAD_HANDLERS = ["portal.web.uploads.CappedMemoryUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
MAX_UPLOAD_BYTES = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FILES = 1000  # certificates of clients, dropped at once
# Pages that take more: the end of their path, and the bytes of all files together.
LARGE_UPLOADS = {"/import-clients/": 20_000_000, "/revocation-lists/": 5_400_000}

# Over HTTPS, a browser keeps a cookie with this prefix to exactly this host: no other host of the domain can set it.
_COOKIE_PREFIX = "__Host-" if PORTAL_HTTPS else ""
SESSION_IDLE_SECONDS = whole_number("PORTAL_SESSION_IDLE_SECONDS", 8 * 3600)  # without use
SESSION_LONGEST_SECONDS = whole_number("PORTAL_SESSION_LONGEST_SECONDS", 7 * 24 * 3600)  # after signing in
SESSION_COOKIE_AGE = SESSION_IDLE_SECONDS  # begins again while a session is used
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrftoken"
THEME_COOKIE_NAME = f"{_COOKIE_PREFIX}theme"
DEVICE_COOKIE_NAME = f"{_COOKIE_PREFIX}known_device"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.views.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PORTAL_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_SSL_REDIRECT = PORTAL_HTTPS
# Requested from inside the network, often without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# One hour, so that a mistake in the TLS configuration has no long effect; raise it once TLS works. Never `preload`: that
# list is for whole domains, and removal takes months.
SECURE_HSTS_SECONDS = whole_number("PORTAL_HSTS_SECONDS", 3600) if PORTAL_HTTPS else 0
# W005, W021: subdomains and preloading are the decision of the domain's owner, not of one application on it.
# templates.W003: the tag `lucide` is ours on purpose, see TEMPLATES.
# mail.E001 of Django 6.1: a portal without a mail server sends nothing, on purpose.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "templates.W003", "mail.E001"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# Celery: the filesystem broker by default, Redis or RabbitMQ by CELERY_BROKER_URL.
BROKER_DIR = STATE_DIR / "broker"
CELERY_BROKER_URL = secret("CELERY_BROKER_URL", "filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "processed_folder": str(BROKER_DIR / "taken"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
# Portals that share a broker need a queue each, since a worker takes every message of its queue.
CELERY_TASK_DEFAULT_QUEUE = text("CELERY_TASK_DEFAULT_QUEUE", "celery")
# An unreachable broker must not delay a request: the row is the queue, the message only a hint. One immediate retry
# replaces a connection that the broker has closed, for instance at a restart of RabbitMQ. No more, since a user may be
# waiting; the sweep finds rows without a message.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
CELERY_BROKER_CONNECTION_TIMEOUT = 2.0
CELERY_TASK_IGNORE_RESULT = True
# Messages may be lost with their worker, since the next sweep finds the row. Late acknowledgement would be worse: when
# Redis is unreachable at the end of a task, Celery's threads pool ends.
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # no limit: a worker survives any outage of its broker
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# RabbitMQ gives the queue for remote control to one worker per name: a second worker of that name, or one that restarts
# before the broker notices, would end. The portal sends no commands. To use `celery inspect`, give each worker a unique name
# and set this to true.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = flag("CELERY_WORKER_ENABLE_REMOTE_CONTROL", False)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# A message that waited longer than its period is dropped: the next one does the same work.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "sync.tasks.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "scan-drift": {"task": "sync.tasks.scan_all", "schedule": 30.0, "options": {"expires": 30.0}},
    "take-in-connections": {"task": "sync.tasks.take_in_connections", "schedule": 2.0, "options": {"expires": 2.0}},
    "refresh-namespaces": {
        "task": "namespaces.tasks.refresh_namespaces",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "tidy-client-imports": {
        "task": "namespaces.tasks.tidy_client_imports",
        "schedule": 30.0,
        "options": {"expires": 30.0},
    },
    "follow-change-sets": {
        "task": "namespaces.tasks.follow_change_sets",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "tidy-change-sets": {
        "task": "namespaces.tasks.tidy_change_sets",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "fetch-revocation-lists": {
        "task": "certificates.tasks.fetch_revocation_lists",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "heartbeat": {"task": "portal.tasks.heartbeat", "schedule": 10.0},
    "send-mails": {"task": "portal.tasks.send_mails", "schedule": 10.0, "options": {"expires": 10.0}},
    "send-webhooks": {"task": "portal.tasks.send_webhooks", "schedule": 10.0, "options": {"expires": 10.0}},
    "tidy-notices": {"task": "portal.tasks.tidy_notices", "schedule": 900.0, "options": {"expires": 900.0}},
    "seal-activity": {"task": "portal.tasks.seal_activity", "schedule": 5.0, "options": {"expires": 5.0}},
    "tidy-sign-ins": {"task": "portal.tasks.tidy_sign_ins", "schedule": 20.0, "options": {"expires": 20.0}},
}
WORKER_HEARTBEAT = STATE_DIR / "worker-heartbeat"  # touched by a task: its age shows whether a worker runs
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")

# Azure or the emulator: the only settings that differ between them.
AZURE_ARM_URL = text("AZURE_ARM_URL", "https://management.azure.com")
AZURE_ARM_CA = text("AZURE_ARM_CA")  # PEM file; empty: the system's certificates
AZURE_ARM_SCOPE = text("AZURE_ARM_SCOPE", "https://management.azure.com/.default")
AZURE_AUTHORITY_URL = text("AZURE_AUTHORITY_URL")  # for a token endpoint other than Entra ID
AZURE_TENANT_ID = text("AZURE_TENANT_ID")
AZURE_CLIENT_ID = text("AZURE_CLIENT_ID")
AZURE_CLIENT_SECRET = secret("AZURE_CLIENT_SECRET")
# For a private cloud (Azure Stack, the emulator): do not ask Entra ID whether it knows AZURE_AUTHORITY_HOST.
AZURE_DISABLE_INSTANCE_DISCOVERY = flag("AZURE_DISABLE_INSTANCE_DISCOVERY", False)
AZURE_SUBSCRIPTION_ID = text("AZURE_SUBSCRIPTION_ID")  # several separated by commas; empty: all that are visible
ARM_API_VERSIONS = {
    "namespaces": "2025-02-15",
    "caCertificates": "2025-02-15",
    "clients": "2025-02-15",
    "clientGroups": "2025-02-15",
    "topicSpaces": "2025-02-15",
    "permissionBindings": "2025-02-15",
}
ARM_CONNECT_TIMEOUT = seconds("ARM_CONNECT_TIMEOUT", 5)
ARM_READ_TIMEOUT = seconds("ARM_READ_TIMEOUT", 20)
ARM_OPERATION_TIMEOUT = seconds("ARM_OPERATION_TIMEOUT", 30)  # for a change that Azure has accepted and not finished
# How long after a lost response a request may still take effect. ARM itself gives up after 60 s.
ARM_LATE_SECONDS = seconds("ARM_LATE_SECONDS", 120)
# Hold requests back before Azure throttles them. Turn off only for an endpoint without limits.
ARM_BUDGETS = flag("ARM_BUDGETS", True)
SYNC_IN_FLIGHT = whole_number("SYNC_IN_FLIGHT", 32)  # pushes in parallel per worker process
METRICS_TOKEN = secret("METRICS_TOKEN")  # for Prometheus; without it, only administrators can read /metrics
DRIFT_SCAN_SECONDS = seconds("DRIFT_SCAN_SECONDS", 900)  # how often a namespace is compared with Azure
# Azure's limits per namespace, adjustable because Azure raises them now and then.
MAX_CA_CERTIFICATES = whole_number("MAX_CA_CERTIFICATES", 10)
MAX_CLIENT_GROUPS = whole_number("MAX_CLIENT_GROUPS", 10)
MAX_TOPIC_SPACES = whole_number("MAX_TOPIC_SPACES", 10)
MAX_PERMISSION_BINDINGS = whole_number("MAX_PERMISSION_BINDINGS", 100)
MAX_CLIENTS = whole_number("MAX_CLIENTS", 10_000)
# Gateway class that reads the connection log, as a dotted path; empty where the target has no log.
CONNECTION_LOG_GATEWAY = text("CONNECTION_LOG_GATEWAY")
# Gateway class that reads the live state of a client, as a dotted path; empty where the target does not report it.
LIVE_STATE_GATEWAY = text("LIVE_STATE_GATEWAY")
# Gateway class that injects faults for training, as a dotted path; empty where the target cannot.
FAULT_CONTROL_GATEWAY = text("FAULT_CONTROL_GATEWAY")
# Whether people get MQTT devices in the browser, which `manage.py devices` runs; only where the target is an emulator. It leaves
# its port and a secret for the web processes in this file.
DEVICES_IN_BROWSER = flag("DEVICES_IN_BROWSER", False)
DEVICES_FILE = STATE_DIR / "browser-devices.json"
CONNECTION_LOG_KEEP = whole_number("CONNECTION_LOG_KEEP", 5000)
# Certificates presented by clients, per namespace, for the pages about CA certificates and expiries.
CLIENT_CERTIFICATES_KEEP = whole_number("CLIENT_CERTIFICATES_KEEP", 20_000)
# The last attempt of each pair of certificate and user name, per namespace, to try rules on.
LAST_ATTEMPTS_KEEP = whole_number("LAST_ATTEMPTS_KEEP", 20_000)
# Folder with further exercises of the lab: docs/writing-exercises.md.
LAB_EXERCISES = text("LAB_EXERCISES")
# Whether the endpoint allows everything while a namespace has neither topic space nor permission binding. Azure does not.
MQTT_OPEN_WITHOUT_RULES = flag("MQTT_OPEN_WITHOUT_RULES", False)
# JSON, or the path of a JSON file: resource ID → {"host", "port", "ca"}, where it is not ARM's host name and port 8883.
MQTT_ENDPOINTS = text("MQTT_ENDPOINTS")

# The service that decides about CONNECTs, `manage.py decisions`. Its address as Azure calls it, such as
# https://decide.example.com; empty: no namespace can be switched to it.
DECISIONS_URL = text("DECISIONS_URL").rstrip("/")
# The audience of tokens for it, which the page of the switch proposes: the application ID URI of the app registration.
DECISIONS_AUDIENCE = text("DECISIONS_AUDIENCE")
DECISIONS_CA = text("DECISIONS_CA")  # PEM file of the authority of its TLS certificate; empty: the public ones
# Who issues the tokens of namespaces, and publishes the keys: Entra ID, or the emulator.
DECISIONS_AUTHORITY = text("DECISIONS_AUTHORITY", "https://login.microsoftonline.com").rstrip("/")
DECISIONS_AUTHORITY_CA = text("DECISIONS_AUTHORITY_CA")  # PEM file; empty: the public authorities
DECISIONS_PROCESSES = whole_number("DECISIONS_PROCESSES", 2)
# How long the service decides from what it read last while the database is away; it then answers 503.
DECISIONS_OUTAGE_SECONDS = seconds("DECISIONS_OUTAGE_SECONDS", 60)
# Object IDs of the service principals that may probe the service: the portal's own.
DECISION_PROBE_PRINCIPALS = words("DECISION_PROBE_PRINCIPALS")

# One line per event: "text" for people, "json" with all details for machines.
LOG_FORMAT = text("PORTAL_LOG_FORMAT", "text")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "portal.logs.TextFormatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "portal.logs.JsonFormatter"},
    },
    "filters": {"requests": {"()": "portal.logs.AboutRequests"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "text",
            "filters": ["requests"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Django's own handler logs only while DEBUG is on; without this, errors on pages would not be logged.
        "django": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # requests for missing pages are not logged
        "sync": {"handlers": ["console"], "level": text("PORTAL_LOG_LEVEL", "INFO"), "propagate": False},
        "certificates.decision_service": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "portal.evidence": {"handlers": ["console"], "level": "INFO", "propagate": False},  # the head of the chain
    },
}
