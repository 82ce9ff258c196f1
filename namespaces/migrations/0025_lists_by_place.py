"""Indexes in the order of each list of clients, to the primary key: a page by place begins in the midst of equal values."""

import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


# PostgreSQL reads an index on an expression alone only where it holds the column too.
COVERING = {
    "client_by_last_seen": "(namespace_id, COALESCE(last_seen_at, '1970-01-01'), id) INCLUDE (last_seen_at)",
    "client_by_state": "(namespace_id, state, lower(name), id) INCLUDE (name)",
    "client_by_scheme": "(namespace_id, validation_scheme, lower(name), id) INCLUDE (name)",
    "client_by_team": "(namespace_id, team_id, lower(name), id) INCLUDE (name)",
}


def cover(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name, columns in COVERING.items():
            schema_editor.execute(f"DROP INDEX {name}")
            schema_editor.execute(f"CREATE INDEX {name} ON namespaces_client {columns}")


class Migration(migrations.Migration):

    dependencies = [
        ('namespaces', '0024_clients_in_order'),
        ('portal', '0014_hidden_columns'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='client',
            name='client_by_expiry',
        ),
        migrations.RemoveIndex(
            model_name='client',
            name='client_by_last_seen',
        ),
        migrations.RemoveIndex(
            model_name='client',
            name='client_by_team',
        ),
        migrations.RemoveIndex(
            model_name='client',
            name='client_by_state',
        ),
        migrations.AddIndex(
            model_name='client',
            index=models.Index(fields=['namespace', 'certificate_expires_at', 'id'], name='client_by_expiry'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=models.Index(models.F('namespace'), models.Func(models.F('last_seen_at'), output_field=models.DateTimeField(), template="COALESCE(%(expressions)s, '1970-01-01')"), models.F('id'), name='client_by_last_seen'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=models.Index(models.F('namespace'), models.F('state'), django.db.models.functions.text.Lower('name'), models.F('id'), name='client_by_state'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=models.Index(models.F('namespace'), models.F('validation_scheme'), django.db.models.functions.text.Lower('name'), models.F('id'), name='client_by_scheme'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=models.Index(models.F('namespace'), models.F('team'), django.db.models.functions.text.Lower('name'), models.F('id'), name='client_by_team'),
        ),
        migrations.RunPython(cover, migrations.RunPython.noop),
    ]
