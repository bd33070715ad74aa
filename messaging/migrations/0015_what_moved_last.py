"""The last thing that happened in a thread, be it a correction: whoever was writing meanwhile is told of it."""

from django.db import migrations, models
from django.db.models import F


def begin_with_the_last_message(apps, schema_editor):
    """Corrections from before are not news to a page that is opened after this."""
    apps.get_model("messaging", "Thread").objects.update(latest_id=F("last_message_id"))


class Migration(migrations.Migration):
    dependencies = [("messaging", "0014_what_was_read_of_a_version")]

    operations = [
        migrations.AddField("thread", "latest_id", models.UUIDField(null=True)),
        migrations.RunPython(begin_with_the_last_message, migrations.RunPython.noop),
        migrations.AlterField("thread", "latest_id", models.UUIDField()),
    ]
