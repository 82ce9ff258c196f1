"""How the provider hashes passwords and the secrets of clients."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Few rounds: all of these secrets are generated and long, and each sign-in checks one."""

    iterations = 1000
