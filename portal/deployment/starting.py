"""What every process needs before it starts: a state folder of its own, and a secret key in production."""

import logging
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)


def make_state_folder() -> None:
    """Make the state folder, for this user alone (0700), where it does not exist yet.

    A folder that cannot be made ends no process here: the first that writes into it says so, and
    `manage.py check_deployment` explains it.
    """
    folder = Path(settings.STATE_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        logger.warning("The state folder %s cannot be made: %s.", folder, fault.strerror)


def require_secret_key() -> None:
    """Refuse to start without a secret key.

    Raises:
        ImproperlyConfigured: production without PORTAL_SECRET_KEY. Each process would sign with a key of its own, and
            people would be signed out at random.
    """
    if not configured_secret_key():
        raise ImproperlyConfigured(
            "PORTAL_SECRET_KEY is not set. Put one into the environment file: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
        )


def configured_secret_key() -> str:
    """The secret key; "" where none is set, for which Django itself raises."""
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return ""
