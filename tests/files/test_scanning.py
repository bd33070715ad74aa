"""The clinic's scanner: nobody but the sender gets a file before its word, and nobody at all what it stops."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Notification
from messaging.clock import now
from messaging.models import Attachment, Scan
from messaging.tasks import check_files, sweep_files
from tests.files import samples
from tests.files.clamd import Clamd
from tests.files.conftest import fetch
from tests.files.test_sending_files import chosen
from tests.work import events_since, words


def sent(cast, enter, thread, content: bytes, name: str = "paper.pdf") -> Attachment:
    answer = enter(cast.ana).post(
        reverse("thread-replies", args=[thread.pk]), {"body": "See", "files": chosen(content, name)}
    )
    assert answer.status_code == 302
    return Attachment.objects.latest("uploaded_at")


def pages(cast, enter, thread):
    return {
        "ana": words(enter(cast.ana).get(reverse("thread", args=[thread.pk]))),
        "okafor": words(enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk]))),
    }


def test_a_message_is_sent_while_its_file_is_checked_and_others_wait(cast, enter, thread, scanner):
    file = sent(cast, enter, thread, samples.paper())
    assert file.scan == Scan.CHECKING and file.message is not None
    for shown in pages(cast, enter, thread).values():
        assert "Checking for viruses" in shown
    assert fetch(enter(cast.ana), file)
    assert enter(cast.okafor).get(reverse("file", args=[file.pk])).status_code == 404
    check_files([str(file.pk)])
    assert fetch(enter(cast.okafor), file)
    assert "Virus check passed" in pages(cast, enter, thread)["okafor"]
    scan = events_since().get(type="access", subtype="scan")
    assert (scan.agent_id, scan.patient_id) == ("system:scanner", thread.patient_id)


def test_what_the_scanner_stops_nobody_gets_and_both_sides_are_told(cast, enter, thread, scanner):
    file = sent(cast, enter, thread, samples.paper_with_eicar(), "bill.pdf")
    sweep_files()
    file.refresh_from_db()
    assert file.scan == Scan.INFECTED
    for who in ("ana", "okafor"):
        assert enter(cast[who]).get(reverse("file", args=[file.pk])).status_code == 404
        assert "This file did not pass our safety check" in pages(cast, enter, thread)[who]
    assert "Send us another copy, or call us." in pages(cast, enter, thread)["ana"]
    assert "Send us another copy" not in pages(cast, enter, thread)["okafor"]
    event = events_since().get(type="security", subtype="infected-file")
    assert event.additional_data == {"finding": "Eicar-Signature"}


def stopped(file, scanner) -> Notification:
    """Have the scanner stop it, twice; the one notice that this makes."""
    scanner.mood = b"stream: Eicar FOUND\0"
    for _ in range(2):
        check_files([str(file.pk)])
        Attachment.objects.filter(pk=file.pk).update(check_due_at=now())
    return Notification.objects.get(event_key__contains=str(file.pk))


def test_whoever_added_it_is_told_once_and_the_notice_says_nothing_of_it(cast, enter, thread, scanner):
    notice = stopped(sent(cast, enter, thread, samples.paper(), "bill.pdf"), scanner)
    assert (notice.person, notice.notice) == (cast.ana, "file_stopped")
    assert notice.is_wanted
    mail = notice.as_email()
    assert "You have news from" in mail.body
    assert not {"file", "virus", "bill", "safety"} & set(mail.body.lower().split())


def test_a_colleague_is_told_as_of_her_work_and_a_trusted_person_while_it_is_not_kept_from_her(
    cast, enter, thread, scanner
):
    paper = {"body": "See", "files": chosen(samples.paper(), "plan.pdf")}
    enter(cast.okafor).post(reverse("inbox-replies", args=[thread.pk]), paper)
    notice = stopped(Attachment.objects.latest("uploaded_at"), scanner)
    assert (notice.person, notice.notice) == (cast.okafor, "work_waiting")
    photo = {"body": "See", "files": chosen(samples.photo(), "arm.jpg")}
    enter(cast.rosa).post(reverse("thread-replies", args=[thread.pk]), photo)
    notice = stopped(Attachment.objects.latest("uploaded_at"), scanner)
    assert (notice.person, notice.is_wanted) == (cast.rosa, True)
    thread.keep_from_trusted_people(by=cast.ana)
    assert not notice.is_wanted


def test_what_is_not_sent_yet_is_stopped_in_sight_of_whoever_added_it(cast, enter, thread, scanner):
    from tests.test_access_matrix import ready

    draft, ana = ready(cast, thread), enter(cast.ana)
    part = {"X-Part": "files"}
    ana.post(reverse("draft-files", args=[draft.pk]), {"files": chosen(samples.png(), "a.png")}, headers=part)
    for step in ("draft-text", "draft-check"):
        assert "Checking for viruses" in words(ana.get(reverse(step, args=[draft.pk])))
    assert stopped(Attachment.objects.get(), scanner).person == cast.ana
    for step in ("draft-text", "draft-check"):
        said = words(ana.get(reverse(step, args=[draft.pk])))
        assert "This file did not pass our safety check. Nobody can open it." in said, step


def test_where_the_scanner_is_taken_away_nothing_says_that_it_is_checked(
    cast, enter, thread, scanner, settings
):
    file = sent(cast, enter, thread, samples.paper())
    settings.SCANNER_URL = ""
    sweep_files()
    for said in pages(cast, enter, thread).values():
        assert "Not checked for viruses" in said and "Checking" not in said
    assert fetch(enter(cast.okafor), file)
    settings.SCANNER_URL = scanner.url
    assert enter(cast.okafor).get(reverse("file", args=[file.pk])).status_code == 404
    sweep_files()
    assert "Virus check passed" in pages(cast, enter, thread)["okafor"]


@pytest.mark.parametrize("mood", [b"", b"stream: OKAY\0", b"INSTREAM size limit exceeded. ERROR\0", b"OK\0"])
def test_only_a_clear_word_clears_a_file(cast, enter, thread, scanner, mood):
    file = sent(cast, enter, thread, samples.paper())
    scanner.mood = mood
    check_files([str(file.pk)])
    file.refresh_from_db()
    assert (file.scan, file.checks) == (Scan.CHECKING, 1)
    assert enter(cast.okafor).get(reverse("file", args=[file.pk])).status_code == 404


def test_a_scanner_that_was_away_is_asked_again_less_and_less_often(cast, enter, thread, scanner, settings):
    from messaging import clock

    file = sent(cast, enter, thread, samples.paper())
    settings.SCANNER_URL = "clamd://127.0.0.1:1"
    waits = []
    for _ in range(3):
        before = clock.now()
        check_files([str(file.pk)])
        file.refresh_from_db()
        waits.append(round((file.check_due_at - before) / timedelta(minutes=1)))
        sweep_files()  # not due yet
        assert Attachment.objects.get().checks == file.checks
        Attachment.objects.filter(pk=file.pk).update(check_due_at=clock.now())
    assert waits == [3, 5, 15]
    settings.SCANNER_URL = scanner.url
    sweep_files()
    assert Attachment.objects.get().scan == Scan.CLEAN


def test_two_workers_never_check_the_same_file(cast, enter, thread, scanner):
    file = sent(cast, enter, thread, samples.paper())
    taken = [Attachment.objects.take_for_checking(most=5) for _ in range(2)]
    assert [len(batch) for batch in taken] == [1, 0]
    assert taken[0][0].pk == file.pk


def test_a_clinic_that_gets_a_scanner_has_everything_checked(
    cast, enter, thread, work, settings, store_folder
):
    from messaging.filing.caretaking import clear_away

    file = work.file(thread)
    assert fetch(enter(cast.okafor), file)
    peer = Clamd()
    settings.SCANNER_URL = peer.url
    assert enter(cast.okafor).get(reverse("file", args=[file.pk])).status_code == 404
    clear_away()
    sweep_files()
    assert fetch(enter(cast.okafor), file)
    peer.close()


def test_a_scanner_behind_a_socket_file(tmp_path):
    import socket
    import threading

    from messaging.filing.scanning import Clamd as Adapter
    from messaging.filing.scanning import ScanFailed

    path = tmp_path / "clamd"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            line, _address = listener.accept()
            with line:
                stream = line.makefile("rwb")
                stream.read(10)
                while size := int.from_bytes(stream.read(4), "big"):
                    stream.read(size)
                stream.write(b"stream: OK\0")
                stream.flush()

        threading.Thread(target=serve, daemon=True).start()
        assert Adapter(f"clamd://{path}").finding([b"some", b"", b"thing"]) == ""
    path.unlink()
    with pytest.raises(ScanFailed):
        Adapter(f"clamd://{path}").finding([b"x"])
