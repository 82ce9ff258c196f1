"""Rules for resource names: length and allowed characters.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces and its pages for the child types.
"""

import re

from certificates.x509.key_masking import mask_of
from certificates.x509.private_keys import holds_a_private_key
from emulator.arm.requests.errors import ArmError


class NameRule:
    """The names that a resource type allows.

    `pattern` matches the characters, `low` and `high` are the least and the greatest length in characters, and `allowed`
    lists the characters for the error message.
    """

    def __init__(self, pattern: str, low: int, high: int, allowed: str) -> None:
        self._pattern = re.compile(pattern, re.ASCII)
        self._low, self._high, self._allowed = low, high, allowed

    def check(self, name: str, label: str) -> None:
        """Raise `ArmError` (400 InvalidResourceName) if `name` breaks the rule. `label` names the type: "client"."""
        if name in (".", "..") or not self._low <= len(name) <= self._high or not self._pattern.fullmatch(name):
            raise ArmError(
                400,
                "InvalidResourceName",
                f"'{name[:200]}' is not a valid {label} name. It must have {self._low} to {self._high} characters: "
                f"{self._allowed}. It cannot be '.' or '..'.",
                target="name",
            )
        if holds_a_private_key(name):
            raise ArmError(
                400, "InvalidResourceName", f"The {label} name is a private key: {mask_of(name)}.", target="name"
            )


SHORT_NAME = NameRule(r"[a-zA-Z0-9-]*", 3, 50, "letters, digits and hyphens")
CLIENT_NAME = NameRule(r"[-a-zA-Z0-9:._]*", 1, 128, "letters, digits, and any of - : . _")
