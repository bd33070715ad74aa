import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import audit.fields
import audit.ids
import messaging.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_trusts"),
        ("messaging", "0006_safety_flags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="thread",
            name="confidential",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="Confidence",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                ("kept_at", models.DateTimeField(default=messaging.clock.now)),
                ("shared_at", models.DateTimeField(null=True)),
                (
                    "kept_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.patient"
                    ),
                ),
                (
                    "shared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="confidences",
                        to="messaging.thread",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("shared_at", None)),
                        fields=("thread",),
                        name="one_standing_confidence",
                    )
                ],
            },
        ),
    ]
