"""The database's own word on what may change: what was said stays, and a request moves only forward."""

from django.db import migrations

STAYS = """
CREATE FUNCTION messaging_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows stay as they were written', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""

STAYING_TABLES = (
    "messaging_message",
    "messaging_internalnote",
    "messaging_refilldecision",
    "messaging_readreceipt",
)

MOVES = """
CREATE FUNCTION messaging_refill_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'received' THEN
            RAISE EXCEPTION 'a refill request begins as received' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.prescription_id <> OLD.prescription_id OR NEW.patient_id <> OLD.patient_id
       OR NEW.request_id <> OLD.request_id THEN
        RAISE EXCEPTION 'a refill request stays with its medicine' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF NOT ((OLD.state = 'received' AND NEW.state IN ('in_review', 'cancelled'))
        OR (OLD.state = 'in_review' AND NEW.state IN ('received', 'cancelled'))
        OR (OLD.state = 'in_review'
            AND NEW.state IN ('approved', 'approved_with_changes', 'replaced', 'denied')
            AND EXISTS (SELECT 1 FROM messaging_refilldecision d
                        WHERE d.item_id = NEW.id AND d.outcome = NEW.state))) THEN
        RAISE EXCEPTION 'a refill request cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refill_moves BEFORE INSERT OR UPDATE ON messaging_refillrequestitem
    FOR EACH ROW EXECUTE FUNCTION messaging_refill_moves();
"""


def stay(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION messaging_stays();",
        f"DROP TRIGGER stays ON {table};",
    )


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.RunSQL(STAYS, "DROP FUNCTION messaging_stays();"),
        *(stay(table) for table in STAYING_TABLES),
        migrations.RunSQL(
            MOVES,
            "DROP TRIGGER refill_moves ON messaging_refillrequestitem; DROP FUNCTION messaging_refill_moves();",
        ),
    ]
