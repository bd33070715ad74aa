"""A conversation is saved with its files: a ZIP in pieces, a fingerprint of each, and only what is cleared."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import ProxyGrant
from audit.models import AuditEvent
from messaging.exports import check as check_module
from messaging.models import Scan
from tests.work import words


@pytest.fixture
def save(enter, thread):
    def _save(user):
        answer = enter(user, fresh="export").post(reverse("thread-archive", args=[thread.pk]))
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        return b"".join(answer.streaming_content)

    return _save


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def attachments(data: bytes) -> list[dict]:
    entries = [entry["resource"] for entry in json.loads(data)["entry"]]
    parts = [part for one in entries for part in one.get("payload", ())]
    return [part["contentAttachment"] for part in parts if "contentAttachment" in part]


def test_it_has_the_paper_the_data_and_every_file_and_says_what_each_is(cast, thread, work, save):
    work.file(thread, content=b"first picture", name="arm.png")
    work.file(thread, content=b"second picture", name="arm.png")
    found = opened(save(cast.ana))
    assert found["files/01 arm.png"] == b"first picture" and found["files/02 arm.png"] == b"second picture"
    assert found["conversation.pdf"].startswith(b"%PDF-")
    listed = dict(reversed(line.split("  ", 1)) for line in found["SHA256SUMS"].decode().splitlines())
    assert listed == {
        name: hashlib.sha256(content).hexdigest() for name, content in found.items() if name != "SHA256SUMS"
    }
    assert (
        "files/02 arm.png" in found["about.txt"].decode() and "not in it" not in found["about.txt"].decode()
    )
    first = attachments(found["conversation.json"])[0]
    assert first == {
        "title": "arm.png",
        "contentType": "image/png",
        "size": 13,
        "hash": base64.b64encode(hashlib.sha1(b"first picture", usedforsecurity=False).digest()).decode(),
        "extension": [{"url": check_module.SHA_256, "valueString": listed["files/01 arm.png"]}],
    }
    (category,) = json.loads(found["conversation.json"])["entry"][-1]["resource"]["category"]
    assert category["coding"][0]["system"].startswith("urn:uuid:")


def test_only_what_everybody_may_have_goes_in_and_the_rest_is_named(
    cast, thread, work, save, scanner, store_folder
):
    work.file(thread, content=b"good", name="good.png", scan=Scan.CLEAN)
    work.file(thread, content=b"bad", name="bad.png", scan=Scan.INFECTED)
    work.file(thread, content=b"new", name="new.png", scan=Scan.CHECKING)
    work.file(thread, content=b"old", name="old.png", scan=Scan.UNSCANNED)
    lost = work.file(thread, content=b"lost", name="lost.png", scan=Scan.CLEAN)
    (store_folder / lost.stored_as).unlink()
    work.unsent_file(thread, content=b"unsent", name="unsent.png", scan=Scan.CLEAN)
    found = opened(save(cast.ana))
    assert [name for name in found if name.startswith("files/")] == ["files/01 good.png"]
    said = found["about.txt"].decode()
    assert "bad.png: This file did not pass our safety check" in said
    assert "new.png: Checking for viruses" in said and "old.png: Not checked for viruses" in said
    assert "lost.png: This file cannot be opened." in said and "unsent" not in said
    event = AuditEvent.objects.get(type="record", subtype="download")
    assert (event.additional_data["files"], event.additional_data["left_out"]) == ("1", "4")


def test_it_is_written_down_before_it_is_sent_and_asks_for_the_second_step(
    cast, thread, work, enter, monkeypatch
):
    file = work.file(thread)
    away = enter(cast.ana).post(reverse("thread-archive", args=[thread.pk]))
    assert away.status_code == 302 and "for=export" in away["Location"]
    answer = enter(cast.ana, fresh="export").post(reverse("thread-archive", args=[thread.pk]))
    # Nothing of it has been taken yet.
    event = AuditEvent.objects.get(type="record", subtype="download")
    assert (event.additional_data["form"], event.patient_id) == ("zip", thread.patient_id)
    read = AuditEvent.objects.get(type="access", subtype="download")
    assert set(read.shown) == {f"messaging.attachment:{file.pk}"}
    found = opened(b"".join(answer.streaming_content))
    assert event.additional_data["file"] == hashlib.sha256(found["SHA256SUMS"]).hexdigest()
    from audit import trail

    ana = enter(cast.ana, fresh="export")

    def no_trail(**_: object) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr(trail, "write", no_trail)
    with pytest.raises(RuntimeError):
        ana.post(reverse("thread-archive", args=[thread.pk]))


def test_who_may_not_open_files_gets_the_words_and_no_file(cast, thread, work, save, enter):
    work.file(thread, name="arm 4711.png")
    assert "files/01 arm 4711.png" in opened(save(cast.rosa))
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = [scope for scope in grant.scopes if scope != "attachments"]
    grant.save()
    found = opened(save(cast.rosa))
    assert not [name for name in found if name.startswith("files/")]
    assert b"4711" not in b"".join(found.values())
    page = words(enter(cast.rosa).get(reverse("thread-print", args=[thread.pk])))
    assert "with the files" not in page


def test_it_can_be_checked_alone_and_at_the_clinic(cast, thread, work, save, tmp_path, capsys):
    work.file(thread, content=b"a picture of it")
    content = save(cast.ana)
    kept = tmp_path / "kept.zip"
    kept.write_bytes(content)

    def alone() -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-I", "-S", check_module.__file__, str(kept)]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    assert (alone().returncode, "Nothing was changed" in alone().stdout) == (0, True)
    call_command("check_export", str(kept))
    assert "This very file was saved at" in capsys.readouterr().out
    parts = opened(content)
    for name in ("conversation.pdf", "conversation.json"):
        (tmp_path / name).write_bytes(parts[name])
        call_command("check_export", str(tmp_path / name))
        assert "This very file was saved at" in capsys.readouterr().out

    def forge(**changed: bytes) -> None:
        with zipfile.ZipFile(kept, "w") as archive:
            for name, part in {**parts, **changed}.items():
                archive.writestr(name, part)

    for changed in (
        {"files/01 arm.png": b"another picture"},
        {"files/02 more.png": b"one more"},
        # With a list of her own, the data still says which picture it was.
        {
            "files/01 arm.png": b"x",
            "SHA256SUMS": parts["SHA256SUMS"].replace(
                hashlib.sha256(b"a picture of it").hexdigest().encode(),
                hashlib.sha256(b"x").hexdigest().encode(),
            ),
        },
        {"conversation.json": parts["conversation.json"].replace(b"headache", b"backache")},
    ):
        forge(**changed)
        assert (alone().returncode, "CHANGED" in alone().stdout) == (1, True), changed.keys()
        with pytest.raises(CommandError, match="changed"):
            call_command("check_export", str(kept))
    kept.write_bytes(content[: len(content) // 2])
    assert alone().returncode == 2
    with pytest.raises(CommandError):
        call_command("check_export", str(kept))


def test_a_receipt_counts_the_files_and_data_from_before_still_holds(cast, thread, work, enter):
    work.file(thread)
    answer = enter(cast.ana, fresh="export").post(reverse("thread-data", args=[thread.pk]))
    data = json.loads(answer.content)
    assert check_module.check(answer.content).is_whole
    said = next(
        one["resource"] for one in data["entry"] if attachments(json.dumps({"entry": [one]}).encode())
    )
    said["payload"][1]["contentAttachment"]["extension"][0]["valueString"] = "0" * 64
    assert check_module.check(json.dumps(data).encode()).wrong == (said["id"],)
    # As it was written once: the name of a file, and nothing more.
    said["payload"][1]["contentAttachment"] = {"title": "arm.png"}
    said["identifier"][0]["value"] = check_module.receipt(
        conversation=data["id"],
        message=said["id"],
        sent=said["sent"],
        body=said["payload"][0]["contentString"],
    )
    data["identifier"]["value"] = check_module.fingerprint_of_bundle(data)
    assert check_module.check(json.dumps(data).encode()).is_whole


def test_large_files_pass_through_in_pieces(cast, thread, work, enter):
    for number in range(3):
        work.file(thread, content=os.urandom(8_000_000), name=f"{number}.png")
    ana = enter(cast.ana, fresh="export")
    ana.post(reverse("thread-archive", args=[thread.pk]))  # what is loaded once
    tracemalloc.start()
    try:
        answer = ana.post(reverse("thread-archive", args=[thread.pk]))
        taken = sum(len(piece) for piece in answer.streaming_content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken > 24_000_000 and peak < 6_000_000, "of 24 million bytes"


def test_it_has_an_end_of_its_own(cast, thread, work, enter, settings):
    settings.TRY_LIMITS = {**settings.TRY_LIMITS, "save-with-files": (1, timedelta(hours=1))}
    work.file(thread)
    ana = enter(cast.ana, fresh="export")
    at = reverse("thread-archive", args=[thread.pk])
    assert [ana.post(at).status_code for _ in range(2)] == [200, 429]
    shown = ana.post(at)
    assert "Save all of it with the files" in words(shown) and "very often in a short time" in words(shown)
