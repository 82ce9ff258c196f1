"""Group rows by equal spans of time, in the database."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Func, IntegerField, Value
from django.db.models.fields import DateTimeField


class Bucket(Func):
    """The number of whole spans between `start` and a moment: 0 for the first span, below 0 for moments before it.

    Args:
        moment: name of a column of moments.
        start: beginning of span 0.
        span: length of a span.
    """

    arity = 2
    arg_joiner = " - "
    output_field = IntegerField()

    def __init__(self, moment: str, start: datetime, span: timedelta) -> None:
        super().__init__(moment, Value(start, output_field=DateTimeField()), seconds=int(span.total_seconds()))

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        days = self.copy()
        days.set_source_expressions([Func(each, function="JULIANDAY") for each in self.get_source_expressions()])
        # A day as a fraction is exact to less than a millisecond.
        return days.as_sql(compiler, connection, template="FLOOR(ROUND((%(expressions)s) * 86400.0, 3) / %(seconds)s)")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM (%(expressions)s)) / %(seconds)s)::int"
        return self.as_sql(compiler, connection, template=template)
