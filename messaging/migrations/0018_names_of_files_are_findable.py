"""Names of files are found with their message. Those that were sent before wait for `rebuild_search`."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0017_the_index_of_words_is_filed_sooner")]

    operations = [
        migrations.AddField(
            "attachment",
            "name_digests",
            django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), default=list, size=None),
        ),
        migrations.AddField("attachment", "name_rules", models.PositiveSmallIntegerField(default=0)),
        migrations.RunSQL(
            "UPDATE messaging_messagewords SET rules = 0"
            " WHERE message_id IN (SELECT message_id FROM messaging_attachment)",
            migrations.RunSQL.noop,
        ),
    ]
