"""A keyed digest beside each form token: rows from before have none, and are found by their token alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_notices_move_down")]

    operations = [
        migrations.AddField(
            model_name=model,
            name="form_digest",
            field=models.CharField(blank=True, max_length=64),
        )
        for model in ("internalnote", "message", "refillrequest")
    ]
