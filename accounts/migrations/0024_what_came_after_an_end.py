"""What was typed into a session that somebody had ended is offered to its person."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0023_teams_in_spanish")]

    operations = [
        migrations.AddField(
            "keptform",
            "after",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.session",
            ),
        ),
        migrations.AddField("keptform", "taken_up", models.BooleanField(default=False)),
    ]
