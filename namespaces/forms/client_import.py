"""The forms of an import of clients: the files, and what counts for all rows."""

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from certificates.authentication.engine import VALIDATION_SCHEMES
from namespaces.actions.client_imports import table_of
from namespaces.client_files.columns import ATTRIBUTE, attribute_of, check_columns
from namespaces.client_files.files import printable, read_files
from namespaces.client_files.found_rows import MAX_BYTES, FoundRow, Table, UnreadableFileError
from namespaces.client_files.tables import with_headings
from namespaces.forms.attributes import AttributeFormSet, rows_of
from namespaces.forms.base import IN_A_ROW, GuardedForm, TeamField, offer_teams
from namespaces.importing.workbooks import read_workbook
from namespaces.models import Client, ClientImport, Namespace
from portal.models import User

MOST_TABLES = 3  # whose columns can be chosen
TARGETS = (
    ("", "Not imported"),
    ("name", "Client name"),
    ("authentication_name", "Authentication name"),
    ("validation_scheme", "Validation scheme"),
    ("thumbprints", "Thumbprints"),
    ("state", "Connection state"),
    ("description", "Description"),
    ("attributes", "Attributes (JSON)"),
)
ACCEPTED = ".pem,.cer,.crt,.der,.zip,.csv,.tsv,.txt,.json,.xlsx"
PASTED = "pasted rows"


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if hasattr(files, "getlist") else files.get(name)


class ManyFilesField(forms.Field):
    """Several files, of any kind and size: what is in them is read later."""

    widget = ManyFiles


class ImportFilesForm(GuardedForm):
    """The step *Files*: files to drop, or rows to paste."""

    upload = ManyFilesField(
        label="Files",
        required=False,
        help_text="Certificates (more than 1,000 in a .zip), CSV, Excel (.xlsx) or JSON. Up to 20 MB and 10,000 clients.",
        widget=ManyFiles(attrs={"accept": ACCEPTED, "multiple": True, "data-most-files": "1000"}),
    )
    pasted = forms.CharField(
        label="Or paste rows",
        required=False,
        strip=False,
        help_text="From a spreadsheet, with or without headings. Without: client name, authentication name, validation "
        "scheme, thumbprint, connection state, description.",
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
    )
    team = TeamField()

    def __init__(self, *args: Any, namespace: Namespace, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: list[FoundRow] = []
        self.title = ""  # of what was brought: the file, or the number of files
        offer_teams(self, user, namespace, Client)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        chosen = cleaned.get("upload") or []
        files = [(str(file.name or "file"), file.read(MAX_BYTES + 1)) for file in chosen]
        pasted = cleaned.get("pasted", "")
        if pasted.strip():
            files.append((PASTED, pasted.encode("utf-8", "surrogatepass")))
        if not files:
            if not self.fields_with_a_key:
                self.add_error("upload", ValidationError("Choose files, drop them, or paste rows.", code="required"))
            return cleaned
        self.title = printable(files[0][0]) if len(files) == 1 else f"{len(files)} files"
        try:
            self.found = read_files(files, read_workbook)
        except UnreadableFileError as problem:
            self.add_error("upload", ValidationError(problem.sentence, code=problem.code))
        return cleaned


class ImportOptionsForm(GuardedForm):
    """What counts for all rows of an import. A row keeps its own value where the file has one."""

    team = TeamField()
    name_from = forms.ChoiceField(
        label="Client name from",
        choices=[("certificate", "Certificate"), ("file", "File name")],
        required=False,
    )
    validation_scheme = forms.ChoiceField(
        label="Validation scheme",
        choices=[("", "What fits the certificate"), *((scheme.value, scheme.label) for scheme in VALIDATION_SCHEMES)],
        required=False,
    )
    state = forms.ChoiceField(
        label="Connection state", choices=[("Enabled", "Enabled"), ("Disabled", "Disabled")], required=False
    )

    def __init__(self, data: QueryDict | None = None, *, run: ClientImport, user: User) -> None:
        super().__init__(data, initial={"team": run.team_id, **run.options})
        offer_teams(self, user, run.namespace, Client)
        self.run = run
        self.initial["team"] = run.team_id
        self.tables = [table_of(kept) for kept in run.tables]
        self.columns: list[list[str]] = []  # of each table, the names of the fields for its columns
        for at, table in enumerate(self.tables[:MOST_TABLES]):
            if not table.has_headings:
                self.fields[f"headings-{at}"] = forms.BooleanField(label="The first row has headings", required=False)
            self.columns.append([self._add_column(at, number, table) for number in range(len(table.keys))])
        posted = self.data if self.is_bound else None
        self.attribute_rows = (
            AttributeFormSet.bound_to(posted)
            if isinstance(posted, QueryDict)
            else AttributeFormSet.starting_from([*rows_of(run.options.get("attributes", {})), {}, {}])
        )

    def _add_column(self, at: int, number: int, table: Table) -> str:
        """Add the field for a column of a table, and return its name."""
        own = {table.keys[number], attribute_of(table.headings[number])} - {key for key, _ in TARGETS}
        attributes = [(key, f"Attribute {key.removeprefix(ATTRIBUTE)}") for key in sorted(own)]
        name = f"column-{at}-{number}"
        self.fields[name] = forms.ChoiceField(
            label=table.headings[number] or f"Column {number + 1}",
            choices=[*TARGETS, *attributes],
            required=False,
            initial=table.keys[number],
            help_text=table.sample[number][:60] if number < len(table.sample) else "",
        )
        return name

    @property
    def column_fields(self) -> list[tuple[Table, list[forms.BoundField]]]:
        """Return each table with the fields for its headings and columns."""
        found = []
        for at, names in enumerate(self.columns):
            heading = [f"headings-{at}"] if f"headings-{at}" in self.fields else []
            found.append((self.tables[at], [self[name] for name in (*heading, *names)]))
        return found

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.attribute_rows.is_valid():
            self.add_error(None, ValidationError("Check the attributes marked below.", code=IN_A_ROW))
        for names in self.columns:
            if not any(name in self.errors for name in names):
                try:
                    check_columns([self._chosen(name) for name in names])
                except UnreadableFileError as problem:
                    self.add_error(names[0], ValidationError(problem.sentence, code=problem.code))
        return self.cleaned_data

    def _chosen(self, name: str) -> str:
        """Return what a column was chosen to mean; what it means already where the page did not have it."""
        chosen: str = self.cleaned_data[name] if name in self.data else self.fields[name].initial
        return chosen

    def mapped_tables(self) -> list[Table]:
        """Return the tables of the import, with their columns as chosen."""
        chosen = [tuple(self._chosen(name) for name in names) for names in self.columns]
        read = [replace(table, keys=keys) for table, keys in zip(self.tables, chosen, strict=False)]
        for at, table in enumerate(read):
            if self.cleaned_data.get(f"headings-{at}"):
                read[at] = with_headings(table)
        return [*read, *self.tables[len(read) :]]

    @property
    def is_changed(self) -> bool:
        """Return whether anything differs from what the import has."""
        run, team = self.run, self.cleaned_data["team"]
        kept = {"name_from": "", "validation_scheme": "", "state": "", "attributes": {}} | run.options
        options = self.options()
        same = all(options[name] == kept[name] or (not options[name] and not kept[name]) for name in options)
        return not same or run.team_id != (team and team.pk) or self.mapped_tables() != self.tables

    def options(self) -> dict[str, Any]:
        names = ("name_from", "validation_scheme", "state")
        return {name: self.cleaned_data[name] for name in names} | {"attributes": self.attribute_rows.attributes}
