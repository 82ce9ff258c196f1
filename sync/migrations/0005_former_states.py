
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0004_discards'),
    ]

    operations = [
        migrations.AddField(
            model_name='pushrecord',
            name='former_states',
            field=models.JSONField(null=True),
        ),
    ]
