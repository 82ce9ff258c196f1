"""Secrets of the second step, encrypted in the database.

The key is derived from `SECRET_KEY`, so a copy of the database alone does not give the secrets. To change the key, keep the old
one in `SECRET_KEY_FALLBACKS`: it still decrypts, and everything new is encrypted with the new one.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"portal.sign_in.second_step"


class UnreadableSecretError(Exception):
    """No key of this portal decrypts the secret."""


def encrypt(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text. Raise UnreadableSecretError if it was encrypted with a key that the portal has no more."""
    try:
        return _box().decrypt(token.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError from None


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(secret_key: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
    return base64.urlsafe_b64encode(key)
