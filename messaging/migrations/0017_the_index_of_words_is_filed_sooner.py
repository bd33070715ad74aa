"""Searches read less that waits to be filed: an option of the index, so that nothing is built anew."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("messaging", "0016_where_words_came_from")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER INDEX message_words SET (gin_pending_list_limit = 256);",
                    "ALTER INDEX message_words RESET (gin_pending_list_limit);",
                )
            ],
            state_operations=[
                migrations.RemoveIndex("messagewords", "message_words"),
                migrations.AddIndex(
                    "messagewords",
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["digests"], gin_pending_list_limit=256, name="message_words"
                    ),
                ),
            ],
        )
    ]
