"""How passwords are stored."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends for web servers: 19 MiB, two passes, one lane.

    Django's own (100 MiB, eight lanes) would take 800 MiB when eight threads check a password at the same time.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
