"""Keep the generation of the last edit. For rows that are there, every earlier generation counts as an edit."""

from typing import Any

from django.db import migrations, models
from django.db.models import F


def copy_generation(apps: Any, schema_editor: Any) -> None:
    apps.get_model("certificates", "CACertificate").objects.exclude(generation=1).update(
        edited_generation=F("generation")
    )


class Migration(migrations.Migration):
    dependencies = [("certificates", "0006_copy_sent_states")]

    operations = [
        migrations.AddField("cacertificate", "edited_generation", models.PositiveBigIntegerField(default=1)),
        migrations.RunPython(copy_generation, migrations.RunPython.noop),
    ]
