"""Form fields that choose rows of the database."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Model

from portal.listing import whole_number

if TYPE_CHECKING:  # generic in the type stubs only
    _RowsField = forms.ModelMultipleChoiceField[Model]
else:
    _RowsField = forms.ModelMultipleChoiceField


class RowsField(_RowsField):
    """Several rows, as checkboxes. `refusal` is the error for a value that is not offered."""

    def __init__(self, *args: Any, refusal: str, **kwargs: Any) -> None:
        super().__init__(*args, required=False, widget=forms.CheckboxSelectMultiple, **kwargs)
        self.error_messages |= dict.fromkeys(("invalid_choice", "invalid_pk_value"), refusal)

    def clean(self, value: Any) -> Any:
        """Refuse what is no primary key: no database stores a number of 20 digits."""
        if any(whole_number(str(each)) is None for each in value or ()):
            raise forms.ValidationError(self.error_messages["invalid_pk_value"], code="invalid_pk_value")
        return super().clean(value)
