"""The form that assigns a role."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from namespaces.forms.base import GuardedForm
from namespaces.models import Role
from namespaces.pages.role_list import MEANINGS, Holder, find_holders, holder_of


class RoleForm(GuardedForm):
    """`who` is typed, `holder` is chosen among the matches. A full name that only one holder has needs no choice."""

    who = forms.CharField(
        label="Person or team",
        required=False,
        max_length=200,
        help_text="Part of a user name or name is enough.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    holder = forms.CharField(required=False, max_length=40)
    role = forms.ChoiceField(
        label="Role",
        choices=Role.choices,
        initial=Role.READER,
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose one of the roles."},
    )

    @property
    def typed(self) -> str:
        return str(self["who"].value() or "").replace("\x00", "").strip()[:200]

    @property
    def found(self) -> list[Holder]:
        return find_holders(self.typed)

    @property
    def roles(self) -> list[tuple[str, str, str]]:
        """Value, label and meaning of each role, the weakest first, as users should get no more than they need."""
        return [(role.value, role.label, MEANINGS[role]) for role in MEANINGS]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "who" not in self.errors:
            try:
                cleaned["chosen"] = self._chosen(cleaned.get("holder", ""))
            except ValidationError as fault:
                self.add_error("who", fault)
        return cleaned

    def _chosen(self, key: str) -> Holder:
        found = self.found
        if key:
            holder = holder_of(key)
            # The role must go to the name in the field, so a choice made for an earlier name is rejected.
            if holder is None or (self.typed and holder.key not in {each.key for each in found}):
                raise ValidationError("That choice does not belong to this name. Choose whom you mean.", code="stale")
            return holder
        if not self.typed:
            raise ValidationError("Choose a person or a team.", code="required")
        called = [each for each in found if each.is_called(self.typed)]
        if len(called) == 1:
            return called[0]
        if not found:
            raise ValidationError(
                f"Nobody here is called “{self.typed}”. An administrator adds people to the portal.", code="unknown"
            )
        raise ValidationError("Choose whom you mean below.", code="ambiguous")
