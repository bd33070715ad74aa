"""Where files lie: sealed, under names that say nothing, open to nobody else, and cleared away when not needed."""

from __future__ import annotations

import hashlib
import io
import logging
import stat
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from audit.files import CHUNK_BYTES
from messaging.models import Attachment
from tests.files.conftest import fetch
from tests.work import events_since

LONG = b"canary 4711 " * 30_000  # five chunks and a bit


def lying(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_store_and_the_database_hold_no_word_of_it(cast, thread, work, store_folder, enter):
    from django.db import connection

    file = work.file(thread, content=LONG, name="canary 4711.png")
    (path,) = lying(store_folder)
    stored = path.read_bytes()
    assert b"canary" not in stored
    assert "." not in path.name and str(file.pk) not in str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store_folder.stat().st_mode) == 0o700
    assert hashlib.sha256(stored).hexdigest() == file.sealed_digest
    assert fetch(enter(cast.okafor), file) == LONG
    plain = hashlib.sha256(LONG).hexdigest()
    with connection.cursor() as cursor:
        for table in ("messaging_attachment", "audit_auditevent"):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")  # noqa: S608  (two names of ours)
            everything = cursor.fetchone()[0]
            for word in ("canary", b"canary".hex(), plain, path.name if "audit" in table else plain):
                assert word not in everything, (table, word)


def break_off(stored: bytes) -> bytes:
    return stored[: 8 + 3 * (CHUNK_BYTES + 16)]


@pytest.mark.parametrize("damage", [break_off, lambda stored: stored[:200_000] + b"x" + stored[200_001:]])
def test_a_file_changed_in_the_store_breaks_off_and_is_told_of(
    cast, thread, work, store_folder, enter, damage
):
    from audit.seals import SealBroken

    file, okafor = work.file(thread, content=LONG), enter(cast.okafor)
    (path,) = lying(store_folder)
    path.write_bytes(damage(path.read_bytes()))
    answer = okafor.get(reverse("file", args=[file.pk]))
    got = b""
    with pytest.raises(SealBroken):
        for chunk in answer.streaming_content:
            got += chunk
    assert LONG.startswith(got) and len(got) < len(LONG)
    event = events_since().get(type="security", subtype="seal-broken")
    assert event.object_pk == str(file.pk)


def test_a_file_put_in_anothers_place_opens_for_nobody(cast, thread, work, store_folder, enter):
    mine, other = (
        work.file(thread, content=b"mine"),
        work.file(work.thread(by="ben"), by="ben", content=b"of Ben"),
    )
    paths = {path.name: path for path in lying(store_folder)}
    here, there = paths[mine.stored_as.split("/")[1]], paths[other.stored_as.split("/")[1]]
    here.write_bytes(there.read_bytes())
    answer = enter(cast.okafor).get(reverse("file", args=[mine.pk]))
    assert answer.status_code == 410
    assert "This file cannot be opened" in answer.content.decode()
    here.unlink()
    assert enter(cast.okafor).get(reverse("file", args=[mine.pk])).status_code == 410


def test_who_forgets_a_patients_key_forgets_her_files(cast, thread, work, enter):
    from django.db import connection

    from audit import keys
    from audit.models import DataKey

    file = work.file(thread)
    DataKey.objects.filter(owner_id=thread.patient_id).update(state=DataKey.State.DESTROYED)
    keys.forget_all()
    connection.run_on_commit.clear()  # keys that this test's own transaction has met
    assert enter(cast.okafor).get(reverse("file", args=[file.pk])).status_code == 410


def test_a_file_opens_only_under_a_receipt_that_names_it(cast, thread, work):
    from audit.files import open_file
    from audit.recorder import record_read
    from audit.seals import NotRecorded

    file = work.file(thread)
    receipt = record_read(reader=cast.okafor, shown=[thread], category="message")
    with pytest.raises(NotRecorded):
        open_file(file, "key", stored=io.BytesIO(), sha256="", receipt=receipt)


def days_ago(path, days):
    import os
    import time

    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_a_file_stays_as_long_as_the_words_that_it_is_to_go_with(thread, work, cast):
    from messaging.clock import now
    from messaging.models import Draft, DraftKind

    file = work.unsent_file(thread, uploaded_at=now() - timedelta(days=91))
    assert list(Attachment.objects.abandoned(at=now())) == [file]
    begun = Draft.objects.keep(by=file.uploaded_by, thread=thread, kind=DraftKind.REPLY, body="It began on")
    assert not Attachment.objects.abandoned(at=now()).exists()
    begun.discard(by=file.uploaded_by)
    assert list(Attachment.objects.abandoned(at=now())) == [file]


def test_what_is_left_over_is_cleared_away_and_what_is_missing_is_told(
    thread, work, store_folder, caplog, capsys
):
    from messaging.clock import now
    from messaging.filing import store

    kept, lost, unsent = (work.file(thread, content=bytes([n]) * 9) for n in range(3))
    Attachment.objects.filter(pk=lost.pk).update(checks=1)  # nothing the trigger guards
    path_of = {file.pk: store_folder / file.stored_as for file in (kept, lost, unsent)}
    abandoned = work.unsent_file(thread, uploaded_at=now() - timedelta(days=91))
    fresh = work.unsent_file(thread)
    stray = store.put(io.BytesIO(b"nobody's"))
    young = store.put(io.BytesIO(b"on its way"))
    days_ago(store_folder / stray, 2)
    path_of[lost.pk].unlink()
    call_command("reap_files", dry_run=True)
    assert "abandoned: 1, without a row: 1, without their bytes: 0" in capsys.readouterr().out
    assert (store_folder / stray).exists()
    # A day later the lost one is older than the grace that bytes have to arrive.
    import messaging.filing.caretaking as caretaking

    caretaking.GRACE, grace = timedelta(0), caretaking.GRACE
    try:
        days_ago(store_folder / young, -1)
        with caplog.at_level(logging.ERROR, logger="portal.files"):
            call_command("reap_files")
    finally:
        caretaking.GRACE = grace
    # The bytes of the abandoned one go after commit, which a test never comes to: they count as without a row.
    assert "abandoned: 1, without a row: 2, without their bytes: 1" in capsys.readouterr().out
    assert not (store_folder / stray).exists() and (store_folder / young).exists()
    assert path_of[kept.pk].exists() and (store_folder / fresh.stored_as).exists()
    assert not Attachment.objects.filter(pk=abandoned.pk).exists()
    assert events_since().get(subtype="file-missing").object_pk == str(lost.pk)
    assert "files are missing" in caplog.text


def test_a_row_that_could_not_be_written_leaves_no_bytes(cast, enter, thread, store_folder, monkeypatch):
    from tests.files import samples
    from tests.files.test_sending_files import chosen

    def refuse(self: object, **_: object) -> None:
        raise RuntimeError("no row")

    monkeypatch.setattr(Attachment, "save", refuse)
    with pytest.raises(RuntimeError):
        enter(cast.ana).post(reverse("thread-files", args=[thread.pk]), {"files": chosen(samples.png())})
    assert lying(store_folder) == []


def test_where_files_may_lie(monkeypatch, settings, tmp_path):
    from django.core.exceptions import ImproperlyConfigured

    from portal import checks, stores

    assert stores.file_store("file:///var/files")["OPTIONS"]["location"] == "/var/files"
    for wrong in ("", "/var/files", "file://host/files", "file:///", "ftp://host/", "s3:"):
        with pytest.raises(ImproperlyConfigured, match="FILES_URL"):
            stores.file_store(wrong)
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match="boto3"):
        stores.file_store("s3://bucket")
    monkeypatch.setattr(stores, "find_spec", lambda name: name)
    bucket = stores.file_store("s3://bucket/clinic?region=eu-west-1&endpoint=https://s3.example")["OPTIONS"]
    assert (bucket["bucket_name"], bucket["location"], bucket["endpoint_url"]) == (
        "bucket",
        "clinic",
        "https://s3.example",
    )

    def found(folder) -> set[str]:
        settings.FILES_URL = folder.as_uri()
        settings.STORAGES = {**settings.STORAGES, "files": stores.file_store(settings.FILES_URL)}
        return {str(finding.id) for finding in checks.files_folder()}

    good = tmp_path / "good"
    assert found(good) == set()
    good.mkdir(mode=0o700)
    assert found(good) == set()
    good.chmod(0o755)
    assert found(good) == {"portal.E032"}
    assert "portal.E030" in found(settings.BASE_DIR / "files")
    settings.SCANNER_URL = "clamd://scanner.example:3310"
    assert [finding.id for finding in checks.scanner_line()] == ["portal.E033"]
