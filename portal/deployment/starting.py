"""Prerequisites of every process: the state folder and, in production, a secret key."""

import logging
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)


def make_state_folder() -> None:
    """Create the state folder with mode 0700 unless it exists.

    A failure is only logged here, since not every process writes to the folder; `manage.py check_deployment` explains it.
    """
    folder = Path(settings.STATE_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        logger.warning("The state folder %s cannot be created: %s.", folder, fault.strerror)


def require_secret_key() -> None:
    """Check that there is a secret key.

    Raises:
        ImproperlyConfigured: PORTAL_SECRET_KEY is missing in production. With a random key per process, users would be
            signed out at random.
    """
    if not configured_secret_key():
        raise ImproperlyConfigured(
            "PORTAL_SECRET_KEY is not set. Generate one for the environment file: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
        )


def configured_secret_key() -> str:
    """Return the secret key, or "" when none is set (Django itself raises)."""
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return ""
