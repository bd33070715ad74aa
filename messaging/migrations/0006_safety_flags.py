"""What may be dangerous in what patients send, and what they were promised before it was found."""

import django.db.models.deletion
from django.db import migrations, models

import audit.fields
import audit.ids
import messaging.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_second_steps_are_called_under_seal"),
        ("messaging", "0005_drafts"),
    ]

    operations = [
        migrations.AddField(
            model_name="refillrequestitem",
            name="promised_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="workitem",
            name="promised_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="SafetyFlag",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "grade",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Crisis"), (2, "Emergency"), (3, "Today")], null=True
                    ),
                ),
                ("version", models.CharField(max_length=64)),
                ("found", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                (
                    "answer",
                    models.CharField(
                        choices=[
                            ("not_asked", "Not asked"),
                            ("no", "No"),
                            ("yes", "Yes"),
                            ("unsure", "Not sure"),
                        ],
                        default="not_asked",
                        max_length=12,
                    ),
                ),
                (
                    "shown",
                    models.CharField(
                        choices=[
                            ("nothing", "Nothing"),
                            ("stop", "The page that says whom to call"),
                            ("crisis", "Help in a crisis"),
                            ("emergency", "Help in an emergency"),
                            ("same_day", "Whom to call today"),
                        ],
                        default="nothing",
                        max_length=12,
                    ),
                ),
                (
                    "chose",
                    models.CharField(
                        choices=[("nothing_shown", "Nothing was shown"), ("went_on", "Went on to send")],
                        default="nothing_shown",
                        max_length=16,
                    ),
                ),
                ("flagged_at", models.DateTimeField(default=messaging.clock.now)),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="safety_flag",
                        to="messaging.message",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.patient"
                    ),
                ),
                (
                    "refill",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="safety_flag",
                        to="messaging.refillrequestitem",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="safety_flags",
                        to="messaging.thread",
                    ),
                ),
            ],
            options={
                "ordering": ["flagged_at", "id"],
                "indexes": [models.Index(fields=["thread", "flagged_at"], name="flag_in_thread")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("message__isnull", False), ("refill", None), ("thread__isnull", False)),
                            models.Q(("message", None), ("refill__isnull", False), ("thread", None)),
                            _connector="OR",
                        ),
                        name="flag_is_about_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("found", None), ("grade", None)),
                            models.Q(
                                ("found__isnull", False), ("grade__in", [1, 2, 3]), ("grade__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="flag_says_what_was_found",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("answer__in", ["not_asked", "no", "yes", "unsure"])),
                        name="flag_answer_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON messaging_safetyflag "
            "FOR EACH ROW EXECUTE FUNCTION messaging_stays();",
            "DROP TRIGGER stays ON messaging_safetyflag;",
        ),
    ]
