"""Imports of clients from files: the rows that were read, for the person who brought them, until they are imported."""

from typing import Any

from django.conf import settings
from django.db import models


class ClientImport(models.Model):
    """One import. Only the rows that were read are kept, for a day; the files are not."""

    class State(models.TextChoices):
        REVIEW = "review", "In review"
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Importing"
        CANCELLED = "cancelled", "Cancelled"
        DONE = "done", "Done"

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="client_imports")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.REVIEW)
    team = models.ForeignKey("portal.Team", null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(max_length=200, blank=True)  # the file, or the number of files
    tables: Any = models.JSONField(default=list)  # of the files: source, headings, keys, sample, has_headings
    options: Any = models.JSONField(default=dict)  # for all rows: name_from, validation_scheme, state, attributes
    total = models.PositiveIntegerField(default=0)  # rows to import, from the start
    done = models.PositiveIntegerField(default=0)  # of them, those that were tried
    imported = models.PositiveIntegerField(default=0)
    touched_at = models.DateTimeField(null=True)  # a running import that stopped touching this has died
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(name="client_import_by_state", fields=["state", "created_at"])]

    def __str__(self) -> str:
        return f"Import of {self.created_at:%Y-%m-%d %H:%M} UTC"


class ImportRow(models.Model):
    """One client of an import: what the file says, what would be registered, and what came of it."""

    class Verdict(models.TextChoices):
        NEW = "new", "New"
        EXISTS = "exists", "Exists"
        DIFFERS = "differs", "Differs"
        DUPLICATE = "duplicate", "Duplicate in file"
        NAME_TAKEN = "name-taken", "Name taken"
        NO_ISSUER = "no-issuer", "No trusted issuer"
        PRIVATE_KEY = "private-key", "Private key"
        INVALID = "invalid", "Cannot be read"

    class Outcome(models.TextChoices):
        WAITING = "", "Waiting"
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        LEFT = "left", "Left out"

    run = models.ForeignKey(ClientImport, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()  # its place in the import
    source = models.CharField(max_length=200)  # the file
    place = models.PositiveIntegerField(null=True)  # the row in the file
    table = models.PositiveSmallIntegerField(null=True)  # which of the run's tables has it
    cells: Any = models.JSONField(default=list)  # its cells there, so that a column can be read as something else
    values: Any = models.JSONField(default=dict)  # as the file has them
    certificate: Any = models.JSONField(default=dict)  # facts of the client's certificate
    problem = models.CharField(max_length=40, blank=True)  # why it cannot be read, as a code
    wanted: Any = models.JSONField(default=dict)  # by the keys of `Client.describe`, with what counts for all rows
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.INVALID)
    why = models.CharField(max_length=400, blank=True)
    fix = models.CharField(max_length=20, blank=True)  # a code, with `fix_value`
    fix_value = models.CharField(max_length=200, blank=True)
    edition = models.CharField(max_length=40, blank=True)  # of the client that differs, as it was compared
    is_chosen = models.BooleanField(default=False)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(name="one_import_row_per_number", fields=["run", "number"])]
        indexes = [models.Index(name="import_rows_by_verdict", fields=["run", "verdict"])]

    def __str__(self) -> str:
        return f"{self.source} {self.place or ''}".strip()
