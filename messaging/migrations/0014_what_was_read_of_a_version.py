"""Receipts, flags and calls are for a version of a message: what was put right is news again."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_news_of_files"),
        ("messaging", "0013_how_a_letter_begins"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="readreceipt",
            name="one_receipt_per_reader",
        ),
        migrations.AddField(
            model_name="readreceipt",
            name="version",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="safetyflag",
            name="amendment",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="messaging.amendment",
            ),
        ),
        migrations.AddField(
            model_name="unreadalarm",
            name="version",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="safetyflag",
            name="message",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="safety_flags",
                to="messaging.message",
            ),
        ),
        migrations.AlterField(
            model_name="unreadalarm",
            name="message",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="unread_alarms",
                to="messaging.message",
            ),
        ),
        migrations.AddConstraint(
            model_name="readreceipt",
            constraint=models.UniqueConstraint(
                fields=("message", "reader", "version"), name="one_receipt_per_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="safetyflag",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amendment", None)),
                fields=("message",),
                name="one_flag_of_a_message_as_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="safetyflag",
            constraint=models.CheckConstraint(
                condition=models.Q(("amendment", None), ("message__isnull", False), _connector="OR"),
                name="flagged_version_of_a_message",
            ),
        ),
        migrations.AddConstraint(
            model_name="unreadalarm",
            constraint=models.UniqueConstraint(
                fields=("message", "version"), name="one_unread_alarm_per_version"
            ),
        ),
    ]
