"""Index attempts by time, and give failed TLS handshakes the code that the log has for them."""

from django.db import migrations, models
from django.db.models import Value
from django.db.models.fields.json import KeyTextTransform


CODES = (
    "tls-closed", "tls-timeout", "tls-plain-http", "tls-not-spoken", "tls-no-shared-cipher", "tls-no-shared-signature",
    "tls-old-version", "tls-endpoint-not-trusted", "tls-endpoint-rejected", "tls-failed",
)  # fmt: skip


def name_failures(apps, schema_editor):
    attempts = apps.get_model("namespaces", "ConnectionAttempt").objects.filter(code="TlsError")
    attempts.filter(record__code__in=CODES).update(code=KeyTextTransform("code", "record"))


def forget_failures(apps, schema_editor):
    apps.get_model("namespaces", "ConnectionAttempt").objects.filter(code__startswith="tls-").update(
        code=Value("TlsError")
    )


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0019_list_indexes")]

    operations = [
        migrations.AddIndex(
            model_name="connectionattempt",
            index=models.Index(fields=["namespace", "at"], name="attempts_by_time"),
        ),
        migrations.RunPython(name_failures, forget_failures),
    ]
