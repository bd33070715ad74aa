"""The shape of the house. Each rule here is one that a reader of any single file could break without seeing it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.db import models

from audit.seals import Kind, SealedField
from audit.tracking import UNTRACKED, hidden_fields, our_models

ROOT = Path(__file__).resolve().parent.parent
APPS = ["audit", "accounts", "messaging", "portal"]  # each imports only from its left, and itself

# Who opens seals: each does so under a receipt of a reading that it has just recorded.
OPENERS = {
    "audit/seals.py",
    "audit/review.py",
    "accounts/account.py",
    "accounts/birth_dates.py",
    "accounts/contacts.py",
    "accounts/history.py",
    "accounts/joining.py",
    "accounts/patient_accounts.py",
    "accounts/models/factor.py",
    "accounts/models/kept.py",
    "accounts/proofing.py",
    "accounts/record_pairs.py",
    "accounts/records.py",
    "accounts/trusted.py",
    "accounts/people.py",
    "accounts/models/notification.py",
    "messaging/models/draft.py",
    "messaging/opened/texts.py",
    "messaging/opened/download.py",
    "messaging/filing/checking.py",
}
SECRET_OPENERS = {"audit/seals.py", "accounts/models/factor.py"}
DIRECTORY_OPENERS = {
    "audit/seals.py",
    "accounts/people.py",
    "accounts/directory.py",
    "accounts/models/joined.py",
    "accounts/staff.py",
}

# Columns of text that stand open, and why that is no harm. What has a fixed list of choices need not be here.
OPEN_TEXT = {
    "audit.datakey.provider": "which provider wrapped the key",
    "audit.datakey.kek_id": "which key wrapped the key",
    "audit.auditevent": "the columns of the trail: codes, references and digests; typed text is sealed",
    "accounts.agreement.version": "which text of ours",
    "accounts.agreement.language": "a language tag",
    "accounts.patient.language": "a language tag",
    "accounts.patient.age_table": "the name of a table",
    "accounts.careteam.name": "on the door plate",
    "accounts.careteam.name_es": "on the door plate",
    "accounts.formerteamname.name": "on the door plate, once",
    "accounts.formerteamname.name_es": "on the door plate, once",
    "accounts.careteam.purpose": "on the door plate",
    "accounts.careteam.purpose_es": "on the door plate",
    "accounts.careteam.phone": "the clinic's own number",
    "accounts.passwordreset.stamp": "random",
    "accounts.passkeychallenge.purpose": "a code",
    "accounts.knowndevice.words": "the kind of browser",
    "accounts.recoverysheet.name": "always empty, the library's own column",
    "accounts.authenticatorapp.name": "always empty, the library's own column",
    "accounts.passkey.name": "always empty, the library's own column",
    "accounts.keptform.path": "an address: references, no words",
    "accounts.trycounter.bucket": "a digest of what was tried",
    "accounts.practitioner.title": "on the door plate",
    "accounts.invitation.language": "a language tag",
    "accounts.invitation.title": "on the door plate",
    "accounts.invitation.roles": "codes",
    "accounts.invitation.teams": "references",
    "accounts.proxygrant.scopes": "codes",
    "accounts.proxygrant.categories": "codes",
    "accounts.trust.scopes": "codes",
    "accounts.trust.categories": "codes",
    "accounts.trust.age_table": "the name of a table",
    "accounts.trust.edges": "moments",
    "accounts.user.password": "a hash that cannot be turned back",
    "accounts.user.security_stamp": "random",
    "accounts.user.preferred_language": "a language tag",
    "accounts.session.stamp": "random",
    "accounts.session.factor": "a code",
    "accounts.session.device": "the kind of browser",
    "accounts.session.network": "an address that was shortened",
    "accounts.session.country": "a code",
    "accounts.session.proven_for": "a code",
    "accounts.session.end_reason": "a code",
    "messaging.attachment.name_digests": "keyed digests of the words of a file's name, until it is sent",
    "messaging.messagewords.digests": "keyed digests of words",
    "messaging.message.language": "a language tag",
    "accounts.notification.event_key": "a reference",
    "accounts.notification.last_error": "the name of an exception, never its words",
    "messaging.claim.ended_because": "a code",
    "messaging.safetyflag.version": "which rules were read",
    "messaging.holiday.name": "on the door plate",
    "messaging.attachment.stored_as": "drawn at random",
}
TEXT = (models.CharField, models.TextField, models.JSONField)

# Writes that django-auditlog does not see, and why they may stay unseen.
UNSEEN_WRITES = {
    "audit/models/event.py": "names them to refuse them",
    "accounts/models/limit.py": "counters of tries, untracked",
    "accounts/models/session.py": "sessions are untracked; what matters of them is recorded as an event",
    "messaging/models/message.py": "receipts, untracked",
    "messaging/models/team_change.py": "what is finished goes along with a closed team, which is an event",
    "messaging/rerouting.py": "the same",
    "messaging/models/words.py": "digests of words, untracked",
    "accounts/models/notification.py": "the outbox, untracked",
    "portal/demo_stories.py": "the outbox of the demo, untracked",
}
RAW_SQL = {
    "audit/trail.py": "the one INSERT of the trail",
    "audit/prepared.py": "statements that are prepared once",
    "accounts/models/limit.py": "an upsert that counts and reads at once",
    "accounts/leaving.py": "a lock that stands for no row",
    "accounts/models/session.py": "the one statement before every page",
    "messaging/models/words.py": "an index that is asked once for each patient",
    "portal/grants.py": "rights are given in SQL",
    "portal/checks.py": "asks the database about itself",
    "portal/views.py": "asks the database whether it is there",
    "portal/management/commands/provision.py": "makes the app's role",
}


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of the product by its path."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(), str(path))
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    }


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What a module imports: (module, name), the name empty for a whole module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def modules_that_import(name: str) -> set[str]:
    return {
        path
        for path, tree in sources().items()
        if any(module.split(".")[0] == name for module, _ in imported(tree))
    }


def modules_that_name(*names: str) -> set[str]:
    """Modules in which one of these names stands, bare or behind a dot."""
    return {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if getattr(node, "id", None) in names
        or getattr(node, "attr", None) in names
        or (isinstance(node, ast.alias) and node.name in names)
        or (isinstance(node, ast.FunctionDef) and node.name in names)
    }


def views() -> dict[str, ast.Module]:
    return {
        path: tree
        for path, tree in sources().items()
        if "/views" in path or path.startswith("messaging/api/")
    }


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_one_module_knows_how_to_encrypt():
    assert modules_that_import("cryptography") == {"audit/cipher.py"}
    assert modules_that_name("Cipher", "AESGCM") == {"audit/cipher.py", "audit/keys.py"}
    assert modules_that_name("StreamLock", "open_stream") == {"audit/cipher.py", "audit/files.py"}


def test_only_these_modules_open_seals():
    assert modules_that_name("unseal", "unseal_all") <= OPENERS
    assert modules_that_name("open_secret") == SECRET_OPENERS
    assert modules_that_name("open_file_key") == {"audit/seals.py", "audit/files.py"}
    assert modules_that_name("open_file") == {
        "audit/files.py",
        "messaging/opened/download.py",
        "messaging/filing/checking.py",
    }
    assert modules_that_name("open_directory", "open_directory_all") == DIRECTORY_OPENERS


def test_whoever_opens_seals_records_the_reading_or_is_handed_the_receipt():
    """`opened/texts.py` and `people.py` are handed one; nobody makes one but the recorder."""
    recording = modules_that_name("record_read")
    handed = {"audit/seals.py", "accounts/people.py", "messaging/opened/texts.py"}
    assert modules_that_name("unseal", "unseal_all") - handed <= recording
    assert modules_that_name("_issue") == {"audit/receipts.py", "audit/recorder.py"}


@pytest.mark.parametrize("app", APPS)
def test_each_layer_imports_only_from_those_below_it(app):
    above = set(APPS[APPS.index(app) + 1 :])
    upward = {
        (path, module)
        for path, tree in sources().items()
        if path.startswith(f"{app}/")
        for module, _ in imported(tree)
        if module.split(".")[0] in above
    }
    assert upward == set()


def test_the_product_imports_nothing_of_the_tests():
    assert modules_that_import("tests") == set()


def test_views_ask_no_questions_of_the_database():
    """A view finds through `access`, opens through `opened`, changes through a verb: `Thing.objects.verb(by=…)`."""
    asked = set()
    for path, tree in views().items():
        verbs = {
            call.func.value
            for call in calls(tree)
            if isinstance(call.func, ast.Attribute)
            and any(keyword.arg in ("by", "author") for keyword in call.keywords)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("objects", "_default_manager")
                and node not in verbs
            ):
                asked.add(f"{path}:{node.lineno}")
            if isinstance(node, ast.Attribute) and node.attr in ("cursor", "raw", "select_related", "filter"):
                asked.add(f"{path}:{node.lineno}")
    # Asks whether the database is there.
    assert {place for place in asked if not place.startswith("portal/views.py:")} == set()


def test_views_hold_no_rules_about_roles():
    named = {
        f"{path}:{node.lineno}"
        for path, tree in views().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("roles", "is_superuser", "is_staff")
        and path != "accounts/views/where.py"  # to whose first page somebody is sent
    }
    assert named == set()


def test_every_column_of_text_is_sealed_or_stands_open_for_a_reason():
    found = set()
    for model in our_models():
        label = model._meta.label_lower
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, TEXT) or type(field).__name__ == "ArrayField"
            if is_text and not field.choices and not field.name.endswith("_digest"):
                found.add(label if label == "audit.auditevent" else f"{label}.{field.name}")
    assert found == set(OPEN_TEXT)


def test_what_people_wrote_and_what_names_a_patient_is_sealed_as_health():
    sealed = {
        f"{model._meta.label_lower}.{field.name}": field.kind
        for model in our_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SealedField)
    }
    elsewhere = {
        "accounts.practitioner.name": Kind.DIRECTORY,
        "accounts.invitation.name": Kind.DIRECTORY,
        "accounts.authenticatorapp.seed": Kind.SECRET,
        "messaging.attachment.key": Kind.FILE,
    }
    assert {name: kind for name, kind in sealed.items() if kind is not Kind.HEALTH} == elsewhere
    assert set(sealed) - set(elsewhere) == {
        "accounts.user.email",
        "accounts.invitation.email",
        "accounts.patient.name",
        "accounts.patient.birth_date",
        "accounts.patient.phone",
        "accounts.patient.record_number",
        "accounts.contactchange.address",
        "accounts.contactchange.former",
        "accounts.relatedperson.name",
        "accounts.recordjoin.parted_because",
        "accounts.recordjoin.reason",
        "accounts.recordstate.reason",
        "accounts.trust.name",
        "accounts.trust.email",
        "accounts.trust.ground",
        "accounts.trust.document",
        "accounts.freeze.reason",
        "accounts.keptform.typed",
        "accounts.authenticatorapp.label",
        "accounts.passkey.label",
        "audit.auditevent.query",
        "audit.auditevent.reason_text",
        "messaging.prescription.medicine",
        "messaging.prescription.directions",
        "messaging.thread.subject",
        "messaging.thread.preview",
        "messaging.message.body",
        "messaging.amendment.body",
        "messaging.attachment.name",
        "messaging.attachment.content_hash",
        "messaging.attachment.content_sha1",
        "messaging.draft.subject",
        "messaging.draft.body",
        "messaging.internalnote.body",
        "messaging.confidence.reason",
        "messaging.refillrequest.comment",
        "messaging.refilldecision.note",
        "messaging.safetyflag.found",
    }


def test_every_row_of_health_data_names_its_patient_in_a_column_of_its_own():
    # About persons who need not be patients, or of the trail itself, which has the column without the key.
    others = {
        "accounts.user",
        "accounts.relatedperson",
        "accounts.patient",
        "accounts.authenticatorapp",
        "accounts.passkey",
    }
    for model in our_models():
        columns = {field.attname for field in model._meta.concrete_fields}
        if any(
            isinstance(field, SealedField) and field.kind is Kind.HEALTH
            for field in model._meta.concrete_fields
        ):
            assert "patient_id" in columns or model._meta.label_lower in others, model
            assert hasattr(model, "seal_owner_id"), model
        if model._meta.app_label == "messaging" and model._meta.model_name not in (
            "pool",
            "category",
            "openinghours",
            "holiday",
            "absence",
        ):
            assert "patient_id" in columns, model


def test_every_model_is_tracked_unless_a_reason_stands_beside_its_name():
    from auditlog.registry import auditlog

    labels = {model._meta.label_lower for model in our_models()}
    assert set(UNTRACKED) <= labels
    assert all(len(reason) > 10 for reason in UNTRACKED.values())
    assert {model._meta.label_lower for model in our_models() if not auditlog.contains(model)} == set(
        UNTRACKED
    )


def test_no_sealed_or_secret_column_enters_the_trail():
    for model in our_models():
        for field in model._meta.concrete_fields:
            secret = field.name in ("password", "security_stamp") or field.name.endswith(("_digest", "_hash"))
            if secret or isinstance(field, models.BinaryField):
                assert field.name in hidden_fields(model), (model, field.name)


def test_no_row_is_changed_behind_the_trail():
    """`update`, `bulk_create` and the like send no signal, so django-auditlog sees nothing of them."""
    unseen = set()
    for path, tree in sources().items():
        for call in calls(tree):
            if not isinstance(call.func, ast.Attribute):
                continue
            on_rows = any(
                (
                    isinstance(node, ast.Attribute)
                    and node.attr in ("objects", "all", "filter", "alive", "exclude")
                )
                or (isinstance(node, ast.Name) and node.id in ("turned", "alive", "rows", "queryset"))
                for node in ast.walk(call.func.value)
            )
            if call.func.attr in (
                "bulk_create",
                "bulk_update",
                "_raw_delete",
                "in_bulk_update",
                "aupdate",
            ) or (call.func.attr == "update" and on_rows):
                unseen.add(path)
    assert unseen <= set(UNSEEN_WRITES)


def test_sql_is_written_by_hand_only_where_it_must_be():
    by_hand = {
        path
        for path, tree in sources().items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("cursor", "raw", "extra", "RawSQL")
    }
    assert by_hand <= set(RAW_SQL)


def test_no_name_of_a_row_opens_a_seal_or_says_anything_of_anybody():
    """`__str__` ends up in logs, pages and error reports."""
    for model in our_models():
        sealed = {field.name for field in model._meta.concrete_fields if isinstance(field, SealedField)}
        words = ast.parse(textwrap.dedent(inspect.getsource(model.__str__)))
        read = {node.attr for node in ast.walk(words) if isinstance(node, ast.Attribute)}
        assert read <= {"pk", "code", "date", "_meta", "model_name"}, model
        assert not read & sealed, model


def test_the_present_is_asked_of_one_clock():
    """`timezone.now()` and `messaging.clock.now()`; a time without a zone is a mistake that waits."""
    naive = {
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    }
    assert naive == set()


def test_the_work_is_dated_by_its_own_clock():
    """Except where it is counted rather than dated, everything in messaging asks `messaging.clock`."""
    asking = {path for path in modules_that_name("timezone") if path.startswith("messaging/")}
    assert asking <= {"messaging/clock.py"}


def test_nothing_is_printed_by_what_serves():
    printing = {
        path
        for path, tree in sources().items()
        for call in calls(tree)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    }
    assert {path for path in printing if not path.startswith("portal/local/")} == set()


def test_modules_are_nouns_and_not_drawers():
    names = {path.rsplit("/", 1)[-1] for path in sources()}
    assert not names & {
        "utils.py",
        "helpers.py",
        "services.py",
        "signals.py",
        "common.py",
        "misc.py",
        "tools.py",
    }


def test_modules_stay_small_enough_to_read():
    long = {path: lines for path in sources() if (lines := len((ROOT / path).read_text().splitlines())) > 430}
    assert long == {}


def test_every_verb_takes_its_actor_by_name_and_never_finds_one_lying_about():
    """`@verb` wraps it; the keyword is required, so leaving it out is an error and not somebody else's act."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "verb":
                    actor = next((k.value.value for k in mark.keywords if k.arg == "actor"), "by")
                    keywords = dict(
                        zip((a.arg for a in node.args.kwonlyargs), node.args.kw_defaults, strict=True)
                    )
                    assert actor in keywords, f"{path}:{node.lineno}"
                    assert keywords[actor] is None, f"{path}:{node.lineno}"


def test_no_setting_switches_the_trail_off():
    """ONC-03: there is no switch, so none can be turned."""
    settings = (ROOT / "portal/settings.py").read_text()
    assert "AUDITLOG_DISABLE_ON_RAW_SAVE" not in settings
    assert not [line for line in settings.splitlines() if "AUDIT" in line and "environ" in line]
    assert modules_that_name("set_actor", "disable_auditlog") == set()


def test_tasks_carry_references_and_decide_nothing():
    tree = sources()["accounts/tasks.py"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert len(node.args.args) <= 1
            assert not [
                call for call in calls(node) if getattr(call.func, "attr", "") in ("save", "create", "update")
            ]
