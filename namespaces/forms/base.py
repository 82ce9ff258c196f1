"""What the forms share: no private key comes back, rules are checked field by field, a team is chosen.

Every rule is checked by `namespaces.rules`, so that each error is shown at its field; the actions check again inside their
transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from certificates.x509.private_keys import private_key_kind
from namespaces.rules.clients import RuleError
from portal.models import Team

if TYPE_CHECKING:  # generic in the type stubs only
    ModelChoiceField = forms.ModelChoiceField[Team]
else:
    ModelChoiceField = forms.ModelChoiceField

SHORTEST_KEY = 20  # characters: what is shorter is not looked at, as a bulk action posts thousands of numbers
PRIVATE_KEY_SENTENCE = (
    "That is a private key. It was not stored and is no longer in this form. Keep it where it belongs, and send the "
    "certificate instead."
)


@contextmanager
def rule_as_field_error() -> Iterator[None]:
    try:
        yield
    except RuleError as refusal:
        raise ValidationError(refusal.sentence, code=refusal.code) from None


def without_private_keys(data: QueryDict) -> tuple[QueryDict, list[str]]:
    """A copy of what was posted in which every private key is blanked, and the fields that held one."""
    held = [name for name, values in data.lists() if any(_is_private_key(str(value)) for value in values)]
    clean = data.copy()
    for name in held:
        clean.setlist(name, ["" for _ in data.getlist(name)])
    return clean, held


def _is_private_key(text: str) -> bool:
    """Asked of every text as of every upload, so that no field is a way around the upload doctor."""
    return len(text) >= SHORTEST_KEY and bool(private_key_kind(text.encode("utf-8", "surrogatepass")))


class GuardedForm(forms.Form):
    """A form that never gives a pasted private key back to the browser."""

    def __init__(self, data: QueryDict | None = None, files: Any = None, **kwargs: Any) -> None:
        self.fields_with_a_key: list[str] = []
        if data is not None:
            data, self.fields_with_a_key = without_private_keys(data)
        super().__init__(data, files, **kwargs)

    def clean(self) -> dict[str, Any]:
        for name in self.fields_with_a_key:
            field = name if name in self.fields else None
            if field:
                self.errors.pop(field, None)  # "required" would hide what really happened
            self.add_error(field, ValidationError(PRIVATE_KEY_SENTENCE, code="private-key"))
        return self.cleaned_data

    def refuse(self, refusal: RuleError) -> None:
        """Put a refusal of an action by its field."""
        field = refusal.field if refusal.field in self.fields else None
        if field is None or field not in self.errors:
            self.add_error(field, ValidationError(refusal.sentence, code=refusal.code))


class ResourceForm(GuardedForm):
    """A form that creates or updates a resource."""

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        raise NotImplementedError


class TeamField(ModelChoiceField):
    """For which of their teams somebody adds something."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", Team.objects.none())
        kwargs.setdefault("required", False)
        kwargs.setdefault("empty_label", "No team")
        super().__init__(label="Team", **kwargs)
        self.error_messages["invalid_choice"] = "Choose one of your teams."

    def offer(self, teams: QuerySet[Team]) -> None:
        self.queryset = teams
        first = list(teams[:2])
        if len(first) == 1:
            self.initial = first[0]


def problem_of_one_field(form: forms.Form, field: str) -> str:
    """What a form says of one of its fields, for a live check while somebody types."""
    errors = form.errors.get(field)
    return str(errors[0]) if errors else ""
