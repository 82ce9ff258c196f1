from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0040_ask_for_looser_rules")]

    operations = [
        migrations.AddField("change", "held", models.BooleanField(default=False)),
        migrations.AddField("change", "former", models.JSONField(null=True)),
        migrations.AddIndex(
            "change",
            models.Index(fields=["kind", "object_pk"], name="change_held", condition=models.Q(held=True)),
        ),
    ]
