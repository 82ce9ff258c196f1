"""Client attributes between the rows of the form and the JSON that Azure stores."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from certificates.x509.private_keys import holds_a_private_key
from namespaces.forms.base import PRIVATE_KEY_SENTENCE
from namespaces.forms.rows import Row, RowForm, RowFormSet
from namespaces.rules.clients import check_attributes
from namespaces.rules.errors import RuleError

TYPES = (("string", "String"), ("integer", "Integer"), ("array", "Array of strings"))
# What Azure holds and our rules reject is shown as JSON, so that nothing is lost before the user decides.
OTHER = ("other", "Other (JSON)")
PLAIN = {"class": "input", "autocomplete": "off", "spellcheck": "false"}


class AttributeForm(RowForm):
    """One attribute: its key, its type and its value as text."""

    typed_fields = ("key", "value")

    key = forms.CharField(
        label="Key",
        widget=forms.TextInput(attrs={**PLAIN, "maxlength": 128}),
        error_messages={"required": "Give this attribute a key."},
    )
    type = forms.ChoiceField(
        label="Type",
        choices=(*TYPES, OTHER),
        initial="string",
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
        error_messages={"invalid_choice": "Choose String, Integer or Array of strings."},
    )
    value = forms.CharField(label="Value", required=False, strip=False, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self["type"].value() != OTHER[0]:
            kind = self.fields["type"]
            assert isinstance(kind, forms.ChoiceField)
            kind.choices = TYPES

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "value" in cleaned and "type" in cleaned:
            try:
                cleaned["parsed"] = _parsed(cleaned["type"] or "string", cleaned["value"])
            except ValueError as refusal:
                self.add_error("value", ValidationError(str(refusal), code="not-of-this-type"))
        return cleaned


class AttributeFormSet(RowFormSet):
    """The attributes of a client."""

    form = AttributeForm
    noun = "attribute"
    set_name = "attributes"

    def clean(self) -> None:
        if any(self.errors):
            return
        seen: set[str] = set()
        for row in self.filled:
            key = row.cleaned_data["key"]
            if key in seen:
                row.add_error("key", ValidationError(f"The key “{key}” is used twice.", code="same-twice"))
            seen.add(key)
        self._refuse_a_key_in_parts()
        try:
            check_attributes(self.attributes)
        except RuleError as refusal:
            raise ValidationError(refusal.sentence, code=refusal.code) from None

    def _refuse_a_key_in_parts(self) -> None:
        """Refuse the members of a JSON Web Key, one in each row, and blank them."""
        lines = (f"{row.cleaned_data['key']}: {row.cleaned_data['value']}" for row in self.filled)
        if holds_a_private_key("\n".join(lines)):
            blank = {row.add_prefix("value"): "" for row in self.filled}
            self.data = {**self.data, **blank}
            for row in self.filled:
                row.data = self.data
            raise ValidationError(PRIVATE_KEY_SENTENCE, code="private-key")

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes as Azure stores them."""
        return {row.cleaned_data["key"]: row.cleaned_data["parsed"] for row in self.filled if "key" in row.cleaned_data}


def rows_of(attributes: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the form for stored attributes."""
    return [{"key": key, **_row_of(value)} for key, value in attributes.items()]


def _row_of(value: Any) -> Row:
    if isinstance(value, str):
        return {"type": "string", "value": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"type": "integer", "value": str(value)}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {"type": "array", "value": _array_text(value)}
    return {"type": "other", "value": json.dumps(value, ensure_ascii=False)}


def _array_text(items: list[str]) -> str:
    plain = all(item and item == item.strip() and "," not in item for item in items)
    if plain and not (items and items[0].startswith("[")):
        return ", ".join(items)
    return json.dumps(items, ensure_ascii=False)


def _parsed(kind: str, value: str) -> Any:
    text = value.strip()
    if kind == "integer":
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(text) > 20:
            raise ValueError("An integer has only digits, with a minus in front where it is negative.")
        return int(text)
    if kind == "array":
        return _parsed_array(text)
    if kind == "other":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("That is not JSON.") from None
    return value


def _parsed_array(text: str) -> list[str]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('Separate the strings by commas, or write a JSON array such as ["a", "b"].') from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("An array may hold only strings.")
    return items
