"""A conversation on paper and as a file: whole, the same each time, written down, and with a fingerprint (PT13)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pikepdf
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import ProxyGrant
from audit.models import AuditEvent
from messaging.exports import check as check_module
from messaging.exports.check import NotAnExport, canonical, check, receipt
from messaging.exports.letters import PLAIN, printable, widths_of
from messaging.models import Message, ReadReceipt
from messaging.opened.transcripts import open_transcript


@pytest.fixture
def thread(work, cast):
    thread = work.thread(subject="Headaches", body="I wake up with a headache.")
    thread.note(author=cast.maya, body="quetzalnote among ourselves")
    thread.post(author=cast.okafor, body="Since when?")
    thread.post(author=cast.rosa, body="Desde el martes, doctor.")
    thread.close(by=cast.okafor, outcome="answered")
    return thread


@pytest.fixture
def save(enter):
    def _save(user, thread, form="data"):
        answer = enter(user, fresh="export").post(reverse(f"thread-{form}", args=[thread.pk]))
        assert answer.status_code == 200
        return answer

    return _save


def bundle(answer) -> dict:
    return json.loads(answer.content)


def of_kind(found: dict, kind: str) -> list[dict]:
    return [one["resource"] for one in found["entry"] if one["resource"]["resourceType"] == kind]


def events(subtype):
    return AuditEvent.objects.filter(type="record", subtype=subtype)


def text_in(pdf: bytes) -> str:
    """What a reader can select on the pages: glyphs back through each font's own map."""
    words = []
    with pikepdf.open(BytesIO(pdf)) as opened:
        for page in opened.pages:
            maps = {
                name: to_unicode(font) for name, font in page.Resources.Font.items() if "/ToUnicode" in font
            }
            current: dict[int, str] = {}
            for operands, operator in pikepdf.parse_content_stream(page):
                if str(operator) == "Tf":
                    current = maps.get(str(operands[0]), {})
                elif str(operator) == "Tj":
                    words += [current.get(code, "?") for code in bytes(operands[0])]
                elif str(operator) == "T*":
                    words.append("\n")
    return "".join(words)


def to_unicode(font) -> dict[int, str]:
    import re

    lines = font.ToUnicode.read_bytes().decode("latin-1")
    (start,) = re.findall(r"<00> <[0-9A-Fa-f]{2}> \[(.*?)\]|$", lines, re.DOTALL)[:1] or [""]
    if start:
        return {
            n: bytes.fromhex(code).decode("utf-16-be") for n, code in enumerate(re.findall(r"<(\w+)>", start))
        }
    pairs = re.findall(r"<(\w{2})> <(\w{4})>", lines)
    return {int(code, 16): bytes.fromhex(point).decode("utf-16-be") for code, point in pairs}


def test_the_data_is_a_bundle_with_everything_that_was_said_and_by_whom(cast, thread, save):
    answer = save(cast.ana, thread)
    assert answer["Content-Type"] == "application/fhir+json"
    assert answer["Content-Disposition"] == f'attachment; filename="conversation-{thread.pk}.json"'
    found = bundle(answer)
    assert (found["resourceType"], found["type"], found["id"]) == ("Bundle", "collection", str(thread.pk))
    said = of_kind(found, "Communication")
    assert [one["payload"][0]["contentString"] for one in said if "sender" in one] == [
        "I wake up with a headache.",
        "Since when?",
        "Desde el martes, doctor.",
    ]
    assert len(said) == Message.objects.filter(thread=thread).count()
    (patient,) = of_kind(found, "Patient")
    assert patient["id"] == str(cast.patient("ana").pk)
    known = {entry["fullUrl"] for entry in found["entry"]}
    for one in said:
        assert one["status"] == "completed"
        assert one["subject"]["reference"] == f"urn:uuid:{patient['id']}"
        assert one["topic"]["text"] == "Headaches"
        assert "sender" not in one or one["sender"]["reference"] in known
        assert one["sent"].endswith("Z")
    assert {one["name"][0]["text"] for one in of_kind(found, "Practitioner")} == {"Dr Chidi Okafor"}
    (daughter,) = of_kind(found, "RelatedPerson")
    assert daughter["patient"]["reference"] == f"urn:uuid:{patient['id']}"
    (finished,) = of_kind(found, "Task")
    assert (finished["status"], finished["intent"], finished["description"]) == (
        "completed",
        "order",
        "answered",
    )
    for entry in found["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"


def test_no_word_of_a_note_is_on_paper_or_in_a_file(cast, thread, save, enter):
    page = enter(cast.ana).get(reverse("thread-print", args=[thread.pk])).content
    pdf = save(cast.ana, thread, "pdf").content
    assert "headache" in text_in(pdf)
    assert "quetzal" not in text_in(pdf)
    assert b"quetzal" not in page + pdf + save(cast.ana, thread).content


def test_the_same_content_makes_the_same_bytes_and_the_same_fingerprint(cast, thread, save):
    save(cast.ana, thread)  # the first look gives receipts
    save(cast.rosa, thread)
    first, again = save(cast.ana, thread), save(cast.ana, thread)
    assert first.content == again.content
    assert save(cast.ana, thread, "pdf").content == save(cast.ana, thread, "pdf").content
    # Whoever asks, in whatever language, later as well.
    with translation.override("es"):
        hers = open_transcript(thread, reader=cast.rosa).fingerprint
    assert hers == bundle(first)["identifier"]["value"]
    assert save(cast.rosa, thread).content == first.content
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert open_transcript(thread, reader=cast.ana).fingerprint == hers
    thread.post(author=cast.ana, body="One more thing.")
    assert open_transcript(thread, reader=cast.ana).fingerprint != hers


def test_the_fingerprint_is_on_the_page_on_paper_and_in_the_trail(cast, thread, save, enter):
    data, pdf = save(cast.ana, thread), save(cast.ana, thread, "pdf")
    fingerprint = bundle(data)["identifier"]["value"]
    page = enter(cast.ana).get(reverse("thread-print", args=[thread.pk])).content.decode()
    assert fingerprint in page
    assert fingerprint in text_in(pdf.content)
    saved = {event.additional_data["form"]: event for event in events("download")}
    for form, answer in (("json", data), ("pdf", pdf)):
        event = saved[form]
        assert event.additional_data["sha256"] == fingerprint
        assert event.additional_data["file"] == hashlib.sha256(answer.content).hexdigest()
        assert event.additional_data["messages"] == 3
        assert (event.patient_id, event.object_pk) == (cast.patient("ana").pk, str(thread.pk))
        assert (event.actor_id, event.purpose_of_use) == (cast.ana.pk, "PATRQT")
    assert events("print").get().additional_data["sha256"] == fingerprint


def test_whoever_may_read_may_save_and_nobody_else(cast, thread, enter, save):
    assert save(cast.rosa, thread, "pdf").content.startswith(b"%PDF-")
    ben = enter(cast.ben, fresh="export")
    for name in ("thread-pdf", "thread-data"):
        assert ben.post(reverse(name, args=[thread.pk])).status_code == 404
    ProxyGrant.objects.current().get(proxy=cast.rosa, patient=cast.patient("ana")).end(by=cast.ana)
    gone = enter(cast.rosa, fresh="export").post(reverse("thread-pdf", args=[thread.pk]))
    assert gone.status_code in (403, 404)


def test_saving_asks_for_the_second_step_again_and_leads_back(cast, thread, enter):
    browser, at = enter(cast.ana), reverse("thread-print", args=[thread.pk])
    for name in ("thread-pdf", "thread-data"):
        away = browser.post(reverse(name, args=[thread.pk]), headers={"referer": f"http://testserver{at}"})
        assert away.status_code == 302
        assert away["Location"].startswith(reverse("sign-in-again"))
        assert "for=export" in away["Location"]
        asked = browser.get(away["Location"])
        assert "save a conversation" in asked.content.decode()
    assert not events("download").exists()


def test_the_patient_reads_of_it_in_sentences(cast, thread, save, enter):
    save(cast.rosa, thread)
    enter(cast.rosa).get(reverse("thread-print", args=[thread.pk]))
    page = enter(cast.ana).get(reverse("privacy")).content.decode()
    assert "Saved a conversation as a file" in page
    assert "Opened a conversation to print it" in page


def test_a_long_conversation_is_whole_and_costs_no_more_statements(cast, work, enter, count_statements):
    thread = work.thread(body="Letter 0.")
    browser, at = enter(cast.ana), reverse("thread-print", args=[thread.pk])
    browser.get(at)
    few = count_statements(lambda: browser.get(at))
    for n in range(1, 140):
        thread.post(author=(cast.ana, cast.okafor)[n % 2], body=f"Letter {n}.")
    browser.get(at)
    pages = []
    assert count_statements(lambda: pages.append(browser.get(at).content.decode())) == few
    pdf = enter(cast.ana, fresh="export").post(reverse("thread-pdf", args=[thread.pk])).content
    words = text_in(pdf)
    for n in range(140):
        assert f"Letter {n}." in pages[0]
        assert f"Letter {n}." in words
    with pikepdf.open(BytesIO(pdf)) as opened:
        assert len(opened.pages) > 5
        assert f"Page 2 of {len(opened.pages)}" in words
        assert str(opened.Root.Lang) == "en"
        assert "Headaches" not in str(opened.docinfo)


def test_who_opens_it_to_print_or_saves_it_has_read_it(cast, thread, enter):
    answer = Message.objects.get(thread=thread, author=cast.okafor)
    assert not ReadReceipt.objects.filter(message=answer, reader=cast.ana).exists()
    enter(cast.ana).get(reverse("thread-print", args=[thread.pk]))
    assert ReadReceipt.objects.filter(message=answer, reader=cast.ana).exists()


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("It hurts 😀", "It hurts [grinning face]"),
        ("مرحبا doctor", "[Arabic] doctor"),
        ("你好", "[Cjk]"),
        ("e\u0301\u200d\ufe0f", "é"),
        ("a\u202eb", "ab"),
        ("x" * 3_000, "x" * 40),
        ("<b>& </para>", "<b>& </para>"),
        ("\n\n\n.", "."),
        ("½ → …", "½"),
        ("\U0001d509 \U000e0041 \uffff", "["),
    ],
)
def test_any_letter_can_be_saved_and_what_the_font_has_not_is_named(cast, work, save, written, printed):
    thread = work.thread(body=written)
    assert printed in text_in(save(cast.ana, thread, "pdf").content).replace("\n", " ")
    assert written in [
        one["payload"][0]["contentString"] for one in of_kind(bundle(save(cast.ana, thread)), "Communication")
    ]


def test_no_letter_of_the_font_is_lost_in_a_word_longer_than_a_line(cast, work, save):
    letters = sorted(widths_of(PLAIN))
    word = "".join(letter for letter in letters if printable(letter) == letter and not letter.isspace())
    # More would need a second numbering: see `exports/letters.py`.
    assert len(letters) < 256
    thread = work.thread(body=word)
    assert word in text_in(save(cast.ana, thread, "pdf").content).replace("\n", "")


def test_her_receipts_are_printed_and_can_be_counted_again(cast, thread, save, enter):
    found = bundle(save(cast.ana, thread))
    page = enter(cast.ana).get(reverse("thread-print", args=[thread.pk])).content.decode()
    for one in of_kind(found, "Communication"):
        if "sender" not in one:
            continue
        body = one["payload"][0]["contentString"]
        counted = receipt(conversation=found["id"], message=one["id"], sent=one["sent"], body=body)
        assert one["identifier"] == [{"system": check_module.SHA_256, "value": counted}]
        # On paper the patient's side finds its own.
        assert (counted in page) == (body != "Since when?")


def alone(file: Path) -> subprocess.CompletedProcess[str]:
    """The checker as somebody runs it who has nothing but Python and the file."""
    return subprocess.run(
        [sys.executable, "-I", "-S", check_module.__file__, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_saved_file_can_be_checked_without_the_portal(cast, thread, save, tmp_path):
    file = tmp_path / "kept.json"
    file.write_bytes(save(cast.ana, thread).content)
    assert alone(file).returncode == 0
    assert "Nothing was changed. 4 messages" in alone(file).stdout
    # Another program may write the same JSON in another way.
    file.write_text(json.dumps(json.loads(file.read_text()), indent=4))
    assert alone(file).returncode == 0
    file.write_text(file.read_text().replace("Since when?", "Since then?"))
    changed = alone(file)
    assert changed.returncode == 1
    assert str(Message.objects.get(thread=thread, author=cast.okafor).pk) in changed.stdout
    file.write_text("[]")
    assert alone(file).returncode == 2


def paths(value, at=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, (*at, place))
    else:
        yield at


def test_every_changed_value_is_noticed(cast, thread, save):
    whole = bundle(save(cast.ana, thread))
    for path in paths(whole):
        if path[0] == "meta":
            continue
        changed = json.loads(json.dumps(whole))
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = f"{inner[path[-1]]}x"
        try:
            assert not check(canonical(changed)).is_whole, path
        except NotAnExport:
            continue
    for position in range(len(whole["entry"])):
        changed = json.loads(json.dumps(whole))
        del changed["entry"][position]
        assert not check(canonical(changed)).is_whole
    twice = canonical(whole).replace(b'"type":"collection"', b'"type":"message","type":"collection"')
    with pytest.raises(NotAnExport):
        check(twice)


def test_the_clinic_knows_its_own_files(cast, thread, save, tmp_path):
    said = StringIO()
    data, pdf = tmp_path / "kept.json", tmp_path / "kept.pdf"
    data.write_bytes(save(cast.ana, thread).content)
    pdf.write_bytes(save(cast.ana, thread, "pdf").content)
    for file in (data, pdf):
        call_command("check_export", str(file), stdout=said)
    assert said.getvalue().count("This very file was saved at") == 2
    pdf.write_bytes(pdf.read_bytes() + b" ")
    with pytest.raises(CommandError, match="ever saved here"):
        call_command("check_export", str(pdf))
    # Somebody who counts a new fingerprint for what he changed has no mark for it.
    forged = json.loads(data.read_text())
    forged["entry"][0]["resource"]["id"] = forged["entry"][0]["resource"]["id"].upper()
    forged["identifier"]["value"] = check_module.fingerprint_of_bundle(forged)
    data.write_text(json.dumps(forged))
    assert check(data.read_bytes()).is_whole
    with pytest.raises(CommandError, match="its mark is not ours"):
        call_command("check_export", str(data))
    data.write_text("no")
    with pytest.raises(CommandError, match="no conversation"):
        call_command("check_export", str(data))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("check_export", str(tmp_path / "none"))
