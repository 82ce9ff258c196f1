"""Secrets in the database, encrypted: of the second step, mails that wait, and signing keys of webhooks.

The key is derived from `SECRET_KEY`, so a copy of the database alone does not give the secrets. To change the key, keep the old
one in `SECRET_KEY_FALLBACKS`: it still decrypts, and everything new is encrypted with the new one.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Each use has a key of its own, so that no secret can be copied from one place to another.
SECOND_STEP = "portal.sign_in.second_step"
MAIL_BODY = "portal.notifications.mail_body"
SIGNING_KEY = "portal.notifications.signing_key"


class UnreadableSecretError(Exception):
    """No key of this portal decrypts the secret."""


def encrypt(text: str, purpose: str = SECOND_STEP) -> str:
    return _box(purpose).encrypt(text.encode()).decode()


def decrypt(token: str, purpose: str = SECOND_STEP) -> str:
    """Return the text. Raise UnreadableSecretError if it was encrypted with a key that the portal has no more."""
    try:
        return _box(purpose).decrypt(token.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError from None


def _box(purpose: str) -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(secret_key: str, purpose: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret_key.encode())
    return base64.urlsafe_b64encode(key)
