"""An index from which PostgreSQL reads the primary keys of a late page without the rows before it.

PostgreSQL reads an index on lower(name) alone only where it holds the name too.
"""

from django.db import migrations


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        columns = "(namespace_id, lower(name), id) INCLUDE (name)"
        schema_editor.execute(f"CREATE INDEX clients_in_order ON namespaces_client {columns}")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX clients_in_order")


class Migration(migrations.Migration):

    dependencies = [
        ("namespaces", "0023_issuer_index"),
    ]

    operations = [migrations.RunPython(create, drop)]
