"""Django's settings for mail, under the names that the installed Django expects."""

from typing import Any

import django

TIMEOUT_SECONDS = 20


def mail_settings(
    *, host: str, port: int, user: str, password: str, security: str, timeout: float = TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Return the settings for an SMTP server, or without a host those that send nothing.

    `security`: "starttls", "tls" or "none". Django 6.1 replaces the settings EMAIL_… by MAILERS.
    """
    backend = f"django.core.mail.backends.{'smtp' if host else 'dummy'}.EmailBackend"
    options = {
        "host": host,
        "port": port,
        "username": user,
        "password": password,
        "use_tls": security == "starttls",
        "use_ssl": security == "tls",
        "timeout": timeout,
    }
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options if host else {}}}}
    old_names = {"username": "HOST_USER", "password": "HOST_PASSWORD"}
    return {"EMAIL_BACKEND": backend} | {
        f"EMAIL_{old_names.get(name, name.upper())}": value for name, value in options.items()
    }
