
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('certificates', '0004_lanes_of_urgent_bulks'),
    ]

    operations = [
        migrations.AddField(
            model_name='cacertificate',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='cacertificate',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
    ]
