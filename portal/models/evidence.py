"""What makes the activity log evidence: its chain, what is not in it yet, and where pruning has cut it.

Triggers of the database fill `UnsealedPart`, and refuse to change or delete entries and links (`portal.evidence`).
"""

from typing import Any

from django.db import models


class Part(models.TextChoices):
    """The two parts of an entry that are sealed, each once."""

    ENTRY = "entry", "Entry"  # what never changes
    OUTCOME = "outcome", "Outcome"  # what the sync adds when it ends


class ActivityLink(models.Model):
    """One place in the chain: a seal over the former link and a part of one entry."""

    place = models.BigIntegerField(primary_key=True)  # 1, 2, 3, … without gaps
    entry = models.BigIntegerField()  # primary key of the entry; no foreign key, so that a missing entry is found
    part = models.CharField(max_length=7, choices=Part)
    version = models.PositiveSmallIntegerField()  # of the encoding: `portal.evidence.encoding`
    key_id = models.CharField(max_length=8)  # names the key, and does not reveal it
    digest = models.CharField(max_length=64)  # SHA-256 of the encoded part, in hexadecimal
    seal = models.CharField(max_length=64)  # HMAC-SHA-256, in hexadecimal
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "part"], name="portal_activity_link_once")]

    def __str__(self) -> str:
        return f"{self.place}:{self.seal}"


class UnsealedPart(models.Model):
    """A part of an entry that has no place in the chain yet. A trigger adds it in the transaction of the entry."""

    entry = models.BigIntegerField()
    part = models.CharField(max_length=7, choices=Part)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "part"], name="portal_activity_unsealed_once")]

    def __str__(self) -> str:
        return f"{self.part} of {self.entry}"


class ActivityCheckpoint(models.Model):
    """Where `manage.py prune_activity` has cut the chain: everything up to this place was deleted."""

    through = models.BigIntegerField(primary_key=True)  # the last place that was deleted
    through_seal = models.CharField(max_length=64)  # of the link at that place: the next link continues from it
    pruned_at = models.DateTimeField()
    entries = models.BigIntegerField()  # deleted by all prunings together
    # Places behind the cut whose entry was before it: outcomes that came later, with the entry they belong to
    outcomes_left: Any = models.JSONField(default=list)  # [[place, entry], …]
    key_id = models.CharField(max_length=8)
    seal = models.CharField(max_length=64)  # HMAC-SHA-256 over the fields above, in hexadecimal

    def __str__(self) -> str:
        return f"{self.through}:{self.through_seal}"


class Sealer(models.Model):
    """The lease of the one process that seals, and when the head of the chain was last logged. One row."""

    token = models.UUIDField(null=True)
    until = models.DateTimeField(null=True)
    head_logged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"until {self.until}"
