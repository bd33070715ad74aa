import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_invitations_and_role_requests"),
    ]

    operations = [
        migrations.AddField(
            model_name="trust",
            name="edges",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="trust",
            name="invitation",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="trust",
                to="accounts.invitation",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="notice",
            field=models.CharField(
                choices=[
                    ("new_message", "New Message"),
                    ("refill_decided", "Refill Decided"),
                    ("work_waiting", "Work Waiting"),
                    ("team_changed", "Team Changed"),
                    ("record_changed", "Record Changed"),
                    ("review_due", "Review Due"),
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
                    ("joined", "Joined"),
                    ("role_changed", "Role Changed"),
                    ("sessions_ended", "Sessions Ended"),
                    ("account_closed", "Account Closed"),
                    ("role_asked", "Role Asked"),
                    ("role_decided", "Role Decided"),
                    ("contact_link", "Contact Link"),
                    ("contact_asked", "Contact Asked"),
                    ("contact_changed", "Contact Changed"),
                    ("contact_left", "Contact Left"),
                    ("phone_changed", "Phone Changed"),
                    ("sign_ins_failed", "Sign Ins Failed"),
                ],
                max_length=24,
            ),
        ),
    ]
