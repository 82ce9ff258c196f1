"""What the forms share: no private key comes back, rules are checked field by field, a team is chosen.

Every rule is checked by `namespaces.rules`, so that each error is shown at its field; the actions check again inside their
transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from namespaces.access import rights_of, teams_for_new
from namespaces.actions.resources import name_taken
from namespaces.models import Namespace
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from portal.web.private_keys import PostWithoutKeys
from sync.models import SyncedModel

if TYPE_CHECKING:  # generic in the type stubs only
    ModelChoiceField = forms.ModelChoiceField[Team]
else:
    ModelChoiceField = forms.ModelChoiceField

IN_A_ROW = "in-a-row"  # code of the error that only says that a row has errors
PRIVATE_KEY_SENTENCE = (
    "That is a private key. It was not stored and has been removed from this form. Keep it secret, and send the "
    "certificate instead."
)


@contextmanager
def rule_as_field_error() -> Iterator[None]:
    try:
        yield
    except RuleError as refusal:
        raise ValidationError(refusal.sentence, code=refusal.code) from None


def without_private_keys(data: QueryDict) -> tuple[QueryDict, Sequence[str]]:
    """Return a copy of the posted data with every private key blanked, and the names of the fields that held one.

    The middleware has done both already for the data of a request (`portal.web.private_keys`).
    """
    clean = data if isinstance(data, PostWithoutKeys) else PostWithoutKeys.of(data)
    return clean.copy(), clean.fields_with_a_key


class GuardedForm(forms.Form):
    """A form that never sends a pasted private key back to the browser."""

    def __init__(self, data: QueryDict | None = None, files: Any = None, **kwargs: Any) -> None:
        self.fields_with_a_key: Sequence[str] = ()
        if data is not None:
            data, self.fields_with_a_key = without_private_keys(data)
        super().__init__(data, files, **kwargs)

    def clean(self) -> dict[str, Any]:
        for name in self.fields_with_a_key:
            field = name if name in self.fields else None
            if field:
                self.errors.pop(field, None)  # "required" would hide the real reason
            self.add_error(field, ValidationError(PRIVATE_KEY_SENTENCE, code="private-key"))
        return self.cleaned_data

    @property
    def page_errors(self) -> list[ValidationError]:
        """The errors that are shown neither at a field nor in a row."""
        return [error for error in self.non_field_errors().as_data() if error.code != IN_A_ROW]

    def refuse(self, refusal: RuleError) -> None:
        """Show the refusal of an action at its field."""
        field = refusal.field if refusal.field in self.fields else None
        if field is None or field not in self.errors:
            self.add_error(field, ValidationError(refusal.sentence, code=refusal.code))


class ResourceForm(GuardedForm):
    """A form that creates or updates a resource."""

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        raise NotImplementedError


class TeamField(ModelChoiceField):
    """The team for which the user adds a resource."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", Team.objects.none())
        kwargs.setdefault("required", False)
        kwargs.setdefault("empty_label", "No team")
        super().__init__(label="Team", **kwargs)
        self.error_messages["invalid_choice"] = "Choose one of your teams."

    def offer(self, teams: QuerySet[Team], *, needs_team: bool) -> None:
        self.queryset = teams
        if needs_team:
            self.required, self.empty_label = True, None if teams else "None of your teams"
            self.error_messages["required"] = "Choose the team that owns it. Your role covers your teams only."
        first = list(teams[:2])
        if len(first) == 1:
            self.initial = first[0]


def offer_teams(form: forms.Form, user: User, namespace: Namespace, model: type[SyncedModel]) -> None:
    """Offer, in the field `team` of a form, the teams for which the user may create a resource of this type."""
    team = form.fields["team"]
    assert isinstance(team, TeamField)
    reach = rights_of(user, namespace).reach(model)
    needs_team = not (reach.everything or reach.without_team)
    team.offer(teams_for_new(user, namespace, model), needs_team=needs_team)


def check_name_is_free(model: type[SyncedModel], namespace: Namespace, name: str) -> None:
    """Raise ValidationError "taken" when a resource of the namespace has this name."""
    rows: Any = model._default_manager
    taken = rows.present().named(name).filter(namespace=namespace).first()
    if taken is not None:
        raise ValidationError(name_taken(taken), code="taken")


def problem_of_one_field(form: forms.Form, field: str) -> str:
    """Return the first error of one field, for the check while the user types."""
    errors = form.errors.get(field)
    return str(errors[0]) if errors else ""
