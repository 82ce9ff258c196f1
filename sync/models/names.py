"""Compare names as Azure does, without regard to case, so that the database can use an index."""

from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact


def same_name(field: str, name: str) -> Q:
    """Return the condition that a column holds `name`, ignoring case.

    The unique indexes are on LOWER(name), and `__iexact` compares UPPER(name) on PostgreSQL and LIKE on SQLite: neither
    can use them. The database lowers both sides, so what counts as the same name is what the indexes hold unique.
    """
    return Q(Exact(Lower(field), Lower(Value(name))))
