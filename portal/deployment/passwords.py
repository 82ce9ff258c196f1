"""Passwords that the portal generates."""

import secrets

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that looks like a digit
GROUPS, GROUP_LENGTH = 4, 4


def generate_password() -> str:
    """Return a new password of four groups such as "k7fm-…": about 79 bits, and easy to copy from a screen."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
