
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('namespaces', '0010_snake_case_keys'),
    ]

    operations = [
        migrations.AlterField(
            model_name='namespace',
            name='import_state',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Importing'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=8),
        ),
    ]
