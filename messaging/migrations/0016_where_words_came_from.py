"""Which showing of a page a draft's words came from, and the how-manieth time: its own autosaves are no news to it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0015_what_moved_last")]

    operations = [
        migrations.AddField("draft", "page", models.UUIDField(null=True)),
        migrations.AddField("draft", "turn", models.PositiveIntegerField(default=0)),
    ]
