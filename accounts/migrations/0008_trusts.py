import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import audit.fields
import audit.ids


def a_trust_for_each_grant(apps, schema_editor):
    """Every grant that there is was the patient's own permission; what the clinic filed about it goes under seal.

    Until now who could read messages could also open the list of who looked, and files were with the messages.
    """
    from audit.seals import seal

    Trust = apps.get_model("accounts", "Trust")
    for grant in apps.get_model("accounts", "ProxyGrant").objects.all():
        scopes = list(grant.scopes) + (["attachments", "history"] if "read" in grant.scopes else [])
        trust = Trust(
            patient_id=grant.patient_id,
            proxy_id=grant.proxy_id,
            relationship=grant.relationship,
            scopes=scopes,
            basis="permission",
            offered_at=grant.starts_at,
            accepted_at=grant.starts_at,
            ended_at=grant.ends_at,
            ended_because="stopped" if grant.ends_at else "",
        )
        trust.seal_owner_id = grant.patient_id
        trust.ground = seal(grant.basis, into=trust, field="ground")
        trust.save()
        grant.trust, grant.scopes, grant.announced_at = trust, scopes, grant.starts_at
        grant.save()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_terms_and_contacts"),
        ("audit", "0003_shown"),
    ]

    operations = [
        migrations.AddField(
            model_name="proxygrant",
            name="announced_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="proxygrant",
            name="categories",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=32), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="proxygrant",
            name="keeps_new_apart",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="notification",
            name="notice",
            field=models.CharField(
                choices=[
                    ("new_message", "New Message"),
                    ("refill_decided", "Refill Decided"),
                    ("work_waiting", "Work Waiting"),
                    ("trust_changed", "Trust Changed"),
                    ("help_changed", "Help Changed"),
                    ("factor_added", "Factor Added"),
                    ("factor_removed", "Factor Removed"),
                    ("password_changed", "Password Changed"),
                    ("new_device", "New Device"),
                    ("recovery_code_used", "Recovery Code Used"),
                    ("wrong_codes", "Wrong Codes"),
                    ("reset_link", "Reset Link"),
                    ("factor_lost", "Factor Lost"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="proxygrant",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "read messages"),
                        ("write", "write messages"),
                        ("refill", "ask for refills"),
                        ("attachments", "open and send files"),
                        ("history", "see who looked at the record"),
                    ],
                    max_length=20,
                ),
                size=None,
            ),
        ),
        migrations.CreateModel(
            name="Trust",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                ("email", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                (
                    "relationship",
                    models.CharField(
                        choices=[
                            ("daughter", "daughter"),
                            ("son", "son"),
                            ("mother", "mother"),
                            ("father", "father"),
                            ("wife", "wife"),
                            ("husband", "husband"),
                            ("partner", "partner"),
                            ("sister", "sister"),
                            ("brother", "brother"),
                            ("friend", "friend"),
                            ("guardian", "guardian"),
                            ("other", "trusted person"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("read", "read messages"),
                                ("write", "write messages"),
                                ("refill", "ask for refills"),
                                ("attachments", "open and send files"),
                                ("history", "see who looked at the record"),
                            ],
                            max_length=20,
                        ),
                        size=None,
                    ),
                ),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("permission", "the patient’s own permission"),
                            ("parent", "parent of a child"),
                            ("guardian", "guardian named by a court"),
                            ("attorney", "health care power of attorney"),
                            ("executor", "executor of the estate"),
                            ("other", "another ground"),
                        ],
                        max_length=12,
                    ),
                ),
                ("ground", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                ("document", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True)),
                ("offered_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("age_table", models.CharField(blank=True, max_length=40)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "ended_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stopped", "Stopped"),
                            ("given-back", "Given back"),
                            ("run-out", "The agreed time is over"),
                            ("of-age", "The patient is grown up"),
                            ("barred", "Barred"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trusts",
                        to="accounts.patient",
                    ),
                ),
                (
                    "proxy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trusts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Freeze",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"])),
                ("frozen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "frozen_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
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
                    "trust",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="freezes",
                        to="accounts.trust",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="proxygrant",
            name="trust",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grants",
                to="accounts.trust",
            ),
        ),
        migrations.RunPython(a_trust_for_each_grant, migrations.RunPython.noop),
        # What waits for its constraint to be looked at again would stand in the way of the next change.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        migrations.AlterField(
            model_name="proxygrant",
            name="trust",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="accounts.trust"
            ),
        ),
        migrations.RemoveField(model_name="proxygrant", name="basis"),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("patient", "proxy"), name="one_trust_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("basis__in", ["permission", "parent", "guardian", "attorney", "executor", "other"])
                ),
                name="trust_basis_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("ended_because", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ended_because__in", ["stopped", "given-back", "run-out", "of-age", "barred"]),
                    ),
                    _connector="OR",
                ),
                name="trust_end_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("trust",), name="one_standing_freeze"
            ),
        ),
    ]
