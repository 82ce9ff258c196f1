"""Where this portal decides about CONNECTs of a namespace: what its decision endpoint needs and what it has seen."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from namespaces.models.core import Namespace

KEY_BYTES = 16  # of the address of an endpoint, which names the namespace because the request does not


def new_key() -> str:
    """Return a key for the address of one namespace's endpoint. It is no secret: the caller's token decides."""
    return secrets.token_urlsafe(KEY_BYTES)


class DecisionPoint(models.Model):
    """The endpoint of one namespace. Whether Azure asks it is `NamespaceConfiguration.webhook_url`, which is synced.

    `principals`: the principal ids of the namespace's identity, as ARM reported them last. `longest_session_seconds`: 0 = no limit
    of its own. `switched_at`: when the setting was confirmed by Azure; `asked_at`: the last request with a good token of this
    namespace since then; `confirmed_at`: the first such request about a client that is registered in Azure.
    """

    namespace: "models.OneToOneField[Namespace, Namespace]" = models.OneToOneField(
        "namespaces.Namespace", on_delete=models.CASCADE, related_name="decision_point"
    )
    key = models.CharField(max_length=40, unique=True, default=new_key)
    principals: Any = models.JSONField(default=list, blank=True)
    client_id = models.CharField(
        max_length=64, blank=True, default=""
    )  # of the Entra application, the audience of v2 tokens
    longest_session_seconds = models.PositiveIntegerField(default=0)
    switched_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True, blank=True)
    asked_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True, blank=True)
    confirmed_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Decision endpoint of {self.namespace}"


class DecisionChange(models.Model):
    """A change after which decisions may differ, for the processes that decide and keep the namespace in memory.

    Written in the transaction of the change by `namespaces.decision_changes`. `client_pk`: the client that changed, so that the
    others are not read again; None: something else of the namespace. The numbers rise, but a transaction that began earlier may
    end later, so a reader also looks for the numbers that it missed.
    """

    namespace_pk = models.BigIntegerField()
    client_pk = models.BigIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.pk}: namespace {self.namespace_pk}, client {self.client_pk}"


class LastAttempt(models.Model):
    """The last known attempt of one pair of certificate and user name, kept for a month beside the capped connection log.

    It answers what would change if other rules counted: each pair is decided again. Written where attempts are stored
    (`namespaces.connections.seen_devices`). `chain`: what was sent with the certificate, as PEM without line breaks.
    """

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="last_attempts")
    thumbprint = models.CharField(max_length=64)
    user_name = models.CharField(max_length=256, blank=True)
    at = models.DateTimeField()
    accepted = models.BooleanField()
    client_name = models.CharField(max_length=128, blank=True)
    der = models.BinaryField()
    chain: Any = models.JSONField(default=list)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "thumbprint", "user_name"], name="one_last_attempt_of_a_pair")
        ]
        indexes = [models.Index(fields=["namespace", "accepted", "at"], name="last_attempts_by_time")]

    def __str__(self) -> str:
        return f"{self.client_name or self.user_name}: {self.thumbprint}"


class SwitchCheck(models.Model):
    """What the page showed before a namespace is switched: whether the endpoint answers, and what would change.

    `wanted`: what was checked, under the keys of NamespaceConfiguration. `probe` and `replay` as `certificates` describes them.
    """

    namespace: "models.OneToOneField[Namespace, Namespace]" = models.OneToOneField(
        "namespaces.Namespace", on_delete=models.CASCADE, related_name="switch_check"
    )
    at = models.DateTimeField()
    wanted: Any = models.JSONField(default=dict)
    probe: Any = models.JSONField(default=list)
    replay: Any = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"Check of {self.namespace}"
