"""The columns of lists that a person has turned off."""

from collections.abc import Sequence

from django.db import transaction

from portal.models import User


def keep_hidden_columns(person: User, name: str, hidden: Sequence[str]) -> None:
    """Keep which columns of the list `name` the person has turned off. An empty sequence shows all."""
    with transaction.atomic():
        row = User.objects.select_for_update().only("hidden_columns").get(pk=person.pk)
        others = {key: value for key, value in row.hidden_columns.items() if key != name}
        row.hidden_columns = {**others, name: list(hidden)} if hidden else others
        row.save(update_fields=["hidden_columns"])
