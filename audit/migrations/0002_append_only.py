from django.db import migrations

# Stops accidents, and everybody but a superuser who means it: ALWAYS holds for a session that calls itself a
# replica, too. What such a superuser does is for the sealed copy of the trail to show.
APPEND_ONLY = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_auditevent ENABLE ALWAYS TRIGGER audit_append_only;
"""
UNDO = """
DROP TRIGGER audit_append_only ON audit_auditevent;
DROP FUNCTION audit_refuse_change();
"""
# django-auditlog makes its own table even when another model is its log. Empty for ever, it would only stand in
# the way: it points at the users.
DROP_STOCK_TABLE = "DROP TABLE IF EXISTS auditlog_logentry"


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
        ("auditlog", "0017_add_actor_email"),
    ]

    operations = [
        migrations.RunSQL(APPEND_ONLY, UNDO),
        migrations.RunSQL(DROP_STOCK_TABLE, migrations.RunSQL.noop),
    ]
