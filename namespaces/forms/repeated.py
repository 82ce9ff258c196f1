"""A field that a form repeats under one name, such as two thumbprints."""

from collections.abc import Iterable
from typing import Any

from django import forms


class RepeatedWidget(forms.TextInput):
    """Several inputs of one name. The template draws them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return data.getlist(name) if hasattr(data, "getlist") else list(data.get(name, []))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data


class RepeatedField(forms.Field):
    """A list of texts. One more than the form offers is kept, so that a rule can reject it."""

    widget = RepeatedWidget

    def to_python(self, value: Iterable[Any] | None) -> list[str]:
        return [str(text) for text in value or []]

    def prepare_value(self, value: Iterable[Any] | None) -> list[str]:
        return self.to_python(value)
