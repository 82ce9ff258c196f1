"""The forms about people and teams."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from portal.listing import whole_number
from portal.models import AccessLink, Team, User
from portal.people.authority import RefusedError
from portal.people.lists import find_people
from portal.registry import role_book
from portal.web.row_fields import RowsField

PRIVATE_KEY = "That is a private key. It was not stored. Keep it secret."


class PeopleForm(forms.Form):
    """A form that shows the refusals of actions, and never a private key that was pasted."""

    def clean(self) -> dict[str, Any]:
        for name in getattr(self.data, "fields_with_a_key", ()):
            field = name if name in self.fields else None
            if field:
                self.errors.pop(field, None)  # "required" would hide the real reason
            self.add_error(field, ValidationError(PRIVATE_KEY, code="private-key"))
        return self.cleaned_data

    def refuse(self, refusal: RefusedError) -> None:
        """Show the refusal of an action at its field."""
        field = refusal.field if refusal.field in self.fields else None
        self.add_error(field, ValidationError(refusal.sentence, code=refusal.code))


class NameForm(PeopleForm):
    """First and last name, and the e-mail address."""

    first_name = forms.CharField(label="First name", max_length=150, required=False)
    last_name = forms.CharField(label="Last name", max_length=150, required=False)
    email = forms.EmailField(
        label="E-mail address", max_length=254, required=False, error_messages={"invalid": "Enter an e-mail address."}
    )

    def names(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ("first_name", "last_name", "email")}


class PersonForm(NameForm):
    """A person who is invited or created by an administrator: names, teams, one role and whether an administrator."""

    teams = RowsField(Team.objects.order_by("name"), label="Teams", refusal="Choose teams of the list.")
    role = forms.ChoiceField(label="Role", required=False, help_text="More roles can be given afterwards.")
    makes_administrator = forms.BooleanField(
        label="Administrator: owner of every namespace, manages people", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [("", "None"), *role_choices()]

    def given(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of an action."""
        role = self.cleaned_data["role"]
        return self.names() | {
            "teams": list(self.cleaned_data["teams"]),
            "roles": [role] if role else [],
            "makes_administrator": self.cleaned_data["makes_administrator"],
        }


class InviteForm(PersonForm):
    leads = forms.BooleanField(label="Lead of these teams", required=False)
    field_order = ("email", "first_name", "last_name", "teams", "leads", "role", "makes_administrator")

    def given(self) -> dict[str, Any]:
        return super().given() | {"leads": self.cleaned_data["leads"]}


class TeamInviteForm(NameForm):
    """A team lead invites into one team, and gives nothing else."""

    def given(self, team: Team) -> dict[str, Any]:
        return {**self.names(), "teams": [team]}

    field_order = ("email", "first_name", "last_name")


class CreateForm(PersonForm):
    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
    )
    field_order = ("username", "first_name", "last_name", "email", "teams", "role", "makes_administrator")

    def given(self) -> dict[str, Any]:
        return super().given() | {"username": self.cleaned_data["username"]}


class RoleChoiceForm(PeopleForm):
    """A role for a person who exists."""

    role = forms.ChoiceField(
        label="Role", error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role."}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [("", "Choose a role"), *role_choices()]


class TeamForm(PeopleForm):
    name = forms.CharField(label="Name", max_length=80)


class MemberForm(PeopleForm):
    """An existing person for a team: `who` is typed, `person` is chosen among the matches."""

    who = forms.CharField(
        label="Person",
        required=False,
        max_length=200,
        help_text="Part of a user name or name is enough.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    person = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, team: Team, *args: Any, **kwargs: Any) -> None:
        self.team = team
        super().__init__(*args, **kwargs)

    @property
    def typed(self) -> str:
        return str(self["who"].value() or "").replace("\x00", "").strip()[:200]

    @property
    def found(self) -> Sequence[User]:
        return find_people(self.typed, outside=self.team)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "who" in self.errors:
            return cleaned
        found = list(self.found)
        pk = whole_number(cleaned.get("person", ""))
        chosen = [user for user in found if user.pk == pk]
        if pk is None and self.typed:
            wanted = self.typed.casefold()
            called = [user for user in found if wanted in {user.username.casefold(), user.display_name.casefold()}]
            chosen = called if len(called) == 1 else []
        if chosen:
            cleaned["chosen"] = chosen[0]
        elif not found and self.typed:
            self.add_error("who", ValidationError("Nobody outside the team has this name.", code="unknown"))
        else:
            self.add_error("who", ValidationError("Choose a person below.", code="ambiguous"))
        return cleaned


class _NewPassword(PeopleForm):
    """A password, twice, by the rules for all passwords."""

    password1 = forms.CharField(
        label="Password",
        strip=False,
        max_length=4096,
        help_text="At least 12 characters that are not easy to guess, such as a few words.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="Password again",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def owner(self) -> User:
        """Return a user with the names that the password must not resemble."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        password = cleaned.get("password1")
        if password:
            try:
                validate_password(password, self.owner())
            except ValidationError as fault:
                self.add_error("password1", fault)
        if password and "password2" in cleaned and password != cleaned["password2"]:
            self.add_error("password2", ValidationError("The two passwords differ.", code="password_mismatch"))
        return cleaned


class JoinForm(_NewPassword):
    """The account of a person who accepts an invitation."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    first_name = forms.CharField(
        label="First name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        label="Last name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    field_order = ("username", "first_name", "last_name", "password1", "password2")

    def __init__(self, link: AccessLink, *args: Any, **kwargs: Any) -> None:
        self.link = link
        names = {"first_name": link.first_name, "last_name": link.last_name}
        super().__init__(*args, **{"initial": names, **kwargs})

    def owner(self) -> User:
        names = {name: self.cleaned_data.get(name, "") for name in ("username", "first_name", "last_name")}
        return User(email=self.link.email, **names)


class ChoosePasswordForm(_NewPassword):
    def __init__(self, link: AccessLink, *args: Any, **kwargs: Any) -> None:
        self.link = link
        super().__init__(*args, **kwargs)
        self.fields["password1"].label, self.fields["password2"].label = "New password", "New password again"

    def owner(self) -> User:
        assert self.link.user is not None
        return self.link.user


def role_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the roles as groups of options, one for each place."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for choice in role_book().choices():
        groups.setdefault(choice.place, []).append((choice.key, f"{choice.role} in {choice.place}"))
    return list(groups.items())
