from django.db import migrations

import audit.fields

# As in 0011, and the new column stays, too.
SENT_STAYS = """
CREATE OR REPLACE FUNCTION messaging_sent_file_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.message_id IS NULL AND TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'DELETE' OR (NEW.patient_id, NEW.uploaded_by_id, NEW.side, NEW.name, NEW.content_hash,
        NEW.content_sha1, NEW.key, NEW.kind, NEW.size, NEW.sealed_size, NEW.sealed_digest, NEW.stored_as,
        NEW.uploaded_at)
        IS DISTINCT FROM (OLD.patient_id, OLD.uploaded_by_id, OLD.side, OLD.name, OLD.content_hash,
        OLD.content_sha1, OLD.key, OLD.kind, OLD.size, OLD.sealed_size, OLD.sealed_digest, OLD.stored_as,
        OLD.uploaded_at)
        OR (OLD.message_id IS NOT NULL
            AND (NEW.message_id, NEW.thread_id) IS DISTINCT FROM (OLD.message_id, OLD.thread_id)) THEN
        RAISE EXCEPTION 'a file stays as it was taken in' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0018_names_of_files_are_findable")]

    operations = [
        migrations.AddField(
            model_name="attachment",
            name="content_sha1",
            field=audit.fields.SealedField(kind=audit.fields.Kind["HEALTH"], null=True),
        ),
        migrations.RunSQL(SENT_STAYS, migrations.RunSQL.noop),
    ]
