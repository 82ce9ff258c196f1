"""The forms of a class."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from lab.actions.classes.codes import LONGEST_CODE
from lab.actions.classes.errors import ClassError
from lab.models.classes import LONGEST_MESSAGE, LONGEST_NAME, LONGEST_QUESTION, MOST_SEATS
from portal.people.forms import PeopleForm


class ClassForm(PeopleForm):
    """A form that shows what an action refuses, at its field."""

    def refuse_class(self, refusal: ClassError) -> None:
        field = refusal.field if refusal.field in self.fields else None
        self.add_error(field, ValidationError(refusal.sentence, code=refusal.code))


class CreateClassForm(ClassForm):
    title = forms.CharField(label="Title", max_length=80, help_text="Trainees see it, such as Certificates for MQTT.")
    seats = forms.IntegerField(
        label="Seats", min_value=1, max_value=MOST_SEATS, initial=30, help_text="Each has a namespace of its own."
    )


class JoinForm(ClassForm):
    code = forms.CharField(
        label="Code",
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    first_name = forms.CharField(
        label="First name", max_length=LONGEST_NAME, help_text="Your trainer sees it beside your seat."
    )

    def clean_first_name(self) -> str:
        name = " ".join(str(self.cleaned_data["first_name"]).split())
        if not name or not name.isprintable():
            raise ValidationError("Enter a name without special characters.", code="not-printable")
        return name


class ReturnForm(ClassForm):
    return_code = forms.CharField(
        label="Return code",
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


class TellForm(ClassForm):
    message = forms.CharField(
        label="Message",
        max_length=LONGEST_MESSAGE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It stays on the pages of every seat until you change it. Leave it empty to take it away.",
    )

    def clean_message(self) -> str:
        return _one_line(self.cleaned_data["message"])


class AskForm(ClassForm):
    question = forms.CharField(label="What is it about? (optional)", max_length=LONGEST_QUESTION, required=False)

    def clean_question(self) -> str:
        return _one_line(self.cleaned_data["question"])


def _one_line(value: Any) -> str:
    return " ".join(str(value or "").split())
