
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('namespaces', '0008_role_since'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='client',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='clientgroup',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='clientgroup',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='namespaceconfiguration',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='namespaceconfiguration',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='permissionbinding',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='permissionbinding',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='topicspace',
            name='replaced_state',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='topicspace',
            name='sent_states',
            field=models.JSONField(blank=True, default=list),
        ),
    ]
