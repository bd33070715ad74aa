"""Files go with messages: chosen, listed, taken away, sent, and fetched by both sides."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from tests.files import samples
from tests.files.conftest import fetch
from tests.work import events_since, words


def chosen(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def files():
    from messaging.models import Attachment

    return Attachment.objects.all()


def test_a_photo_goes_with_a_reply_and_both_sides_fetch_it(cast, enter, thread):
    sent = {"body": "Here is my arm.", "files": [chosen(samples.photo(), "my arm.JPG")]}
    answer = enter(cast.ana).post(reverse("thread-replies", args=[thread.pk]), sent)
    assert answer.status_code == 302
    file = files().get()
    assert file.message == thread.messages.latest("sent_at")
    for who, page in (("ana", "thread"), ("okafor", "inbox-thread")):
        browser = enter(cast[who])
        shown = browser.get(reverse(page, args=[thread.pk]))
        assert "my arm.jpg" in words(shown)
        assert "Not checked for viruses" in words(shown)
        assert reverse("file", args=[file.pk]) in shown.content.decode()
        fetched = Image.open(io.BytesIO(fetch(browser, file)))
        assert (fetched.format, fetched.size) == ("JPEG", (64, 48))


def test_a_team_answers_with_a_paper(cast, enter, thread):
    sent = {"body": "Your plan.", "files": [chosen(samples.paper(2), "plan.pdf")]}
    assert enter(cast.okafor).post(reverse("inbox-replies", args=[thread.pk]), sent).status_code == 302
    assert fetch(enter(cast.ana), files().get()).startswith(b"%PDF-")


def test_files_are_added_and_taken_away_without_scripts_and_nothing_typed_is_lost(cast, enter, thread):
    ana, place = enter(cast.ana), reverse("thread-files", args=[thread.pk])
    two = [chosen(samples.photo(), "one.jpg"), chosen(samples.png(), "two.png")]
    shown = ana.post(place, {"body": "Not finished yet", "files": two})
    assert shown.status_code == 200
    assert "Not finished yet" in shown.content.decode()
    assert {"one.jpg", "two.png"} <= set(words(shown).split())
    first = files().get(kind="jpeg")
    shown = ana.post(place, {"body": "Still typing", "remove": str(first.pk)})
    assert "Still typing" in shown.content.decode()
    assert "one.jpg" not in words(shown)
    ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "Now"})
    assert [file.kind for file in thread.messages.latest("sent_at").attachments.all()] == ["png"]


def test_the_script_gets_the_list_alone(cast, enter, thread):
    ana, place = enter(cast.ana), reverse("thread-files", args=[thread.pk])
    good = ana.post(place, {"files": chosen(samples.png(), "two.png")}, headers={"X-Part": "files"})
    assert (good.status_code, "<html" in good.content.decode()) == (200, False)
    bad = ana.post(place, {"files": chosen(b"MZ evil", "evil.exe")}, headers={"X-Part": "files"})
    assert bad.status_code == 422
    assert "We cannot take this kind of file" in words(bad)
    assert "two.png" in words(bad)


def test_what_is_refused_keeps_the_text_and_the_other_files(cast, enter, thread, work):
    ana, before = enter(cast.ana), thread.messages.count()
    sent = [chosen(samples.photo(), "good.jpg"), chosen(b"MZ evil", "evil.exe"), chosen(b"", "empty.jpg")]
    shown = ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "Look at these", "files": sent})
    assert shown.status_code == 422
    said = words(shown)
    assert "evil.exe: We cannot take this kind of file. Use a photo or a PDF." in said
    assert "empty.jpg: This file is empty." in said
    assert "Look at these" in shown.content.decode() and "good.jpg" in said
    assert '<details class="fold" open><summary>' in shown.content.decode(), (
        "the way to add another stands open"
    )
    fresh = ana.get(reverse("thread", args=[thread.pk])).content.decode()
    assert '<details class="fold"><summary>' in fresh
    assert (
        '<div class="added" data-list></div>'
        in enter(cast.ana).get(reverse("thread", args=[work.thread().pk])).content.decode()
    ), "and takes no room while nothing is added"
    assert (thread.messages.count(), files().count()) == (before, 1)


def test_a_second_press_sends_no_file_twice(cast, enter, thread):
    ana, token = enter(cast.ana), "0191f0f0-0000-7000-8000-000000000001"
    for _ in range(2):
        sent = {"body": "Once", "form_token": token, "files": [chosen(samples.photo())]}
        assert ana.post(reverse("thread-replies", args=[thread.pk]), sent).status_code == 302
    assert files().count() == 1
    assert thread.messages.filter(author=cast.ana).count() == 2  # the first, and this one


def test_the_same_file_again_is_named_and_counted_once(cast, enter, thread):
    ana, place, same = enter(cast.ana), reverse("thread-files", args=[thread.pk]), samples.png()
    assert ana.post(place, {"body": "See", "files": chosen(same, "arm.png")}).status_code == 200
    again = ana.post(place, {"body": "See", "files": chosen(same, "../../etc/leg.png")})
    assert "leg.png: This file is added already, as arm.png." in words(again)
    part = ana.post(place, {"files": chosen(same, "arm.png")}, headers={"X-Part": "files"})
    assert (part.status_code, "arm.png: This file is added already" in words(part)) == (422, True)
    program = ana.post(reverse("api-thread-files", args=[thread.pk]), {"files": chosen(same, "toe.png")})
    assert (program.status_code, len(program.json()["files"])) == (422, 1)
    assert program.json()["problems"] == ["toe.png: This file is added already, as arm.png."]
    # Six times the same and one more are two files, and not too many.
    seven = [chosen(same, f"{n}.png") for n in range(6)] + [chosen(samples.png((9, 9)), "other.png")]
    said = words(ana.post(place, {"body": "See", "files": seven}))
    assert "5.png: This file is added already, as arm.png." in said and "up to 5 files" not in said
    assert files().count() == 2
    # Of a full list it is said, too, that this one is there, and not that there is no room for it.
    five = [chosen(samples.png((20 + n, 9)), f"new {n}.png") for n in range(3)]
    said = words(ana.post(place, {"body": "See", "files": [*five, chosen(same, "sixth.png")]}))
    assert "sixth.png: This file is added already, as arm.png." in said
    assert files().count() == 5
    # Nothing is sent past what she was told; she presses again.
    sent = {"body": "See", "files": chosen(same, "last.png")}
    assert ana.post(reverse("thread-replies", args=[thread.pk]), sent).status_code == 422
    assert ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "See"}).status_code == 302
    assert thread.messages.latest("sent_at").attachments.count() == 5


def test_what_was_refused_is_refused_again_and_never_called_there(cast, enter, thread):
    place, twice = (
        reverse("thread-files", args=[thread.pk]),
        [chosen(b"MZ evil", f"{n}.exe") for n in range(2)],
    )
    said = words(enter(cast.ana).post(place, {"body": "See", "files": twice}))
    assert "1.exe: We cannot take this kind of file" in said and "added already" not in said


def test_no_more_than_five_files_and_ten_megabytes_each(cast, enter, thread):
    ana, place = enter(cast.ana), reverse("thread-files", args=[thread.pk])
    six = [chosen(samples.png((10 + size, 10)), f"{size}.png") for size in range(7)]
    six[2] = chosen(b"\xff\xd8\xff" + bytes(10_000_001), "huge.jpg")
    shown = ana.post(place, {"body": "many", "files": six})
    assert shown.status_code == 422
    assert "huge.jpg: A file must be smaller than 10 MB." in words(shown)
    assert "6.png: You can add up to 5 files to a message." in words(shown)
    assert files().count() == 5, "what is too large takes nobody's place"
    shown = ana.post(place, {"files": [chosen(samples.png((60, 10)), "sixth.png")]})
    assert "sixth.png: You can add up to 5 files" in words(shown)
    assert files().count() == 5


def test_what_is_more_than_a_browser_may_send_is_refused_in_words(cast, enter, thread):
    answer = enter(cast.ana).post(
        reverse("thread-replies", args=[thread.pk]),
        b"--x--\r\n",
        content_type="multipart/form-data; boundary=x",
        headers={"Content-Length": "90000000"},
        CONTENT_LENGTH="90000000",
    )
    assert answer.status_code == 413
    assert "too much at once" in words(answer)


def test_a_record_has_room_for_so_much_and_says_when_it_is_full(cast, enter, thread, settings):
    settings.FILES_QUOTA = 500
    shown = enter(cast.ana).post(
        reverse("thread-files", args=[thread.pk]), {"body": "one more", "files": chosen(samples.paper())}
    )
    assert "There is no more room for files in this record" in words(shown)
    assert files().count() == 0


def test_a_session_that_ended_keeps_the_text_and_takes_no_file(cast, half, enter, thread):
    from accounts.models import KeptForm, Session

    ana = enter(cast.ana)
    session = Session.objects.latest("started_at")
    Session.objects.filter(pk=session.pk).update(last_seen_at=session.last_seen_at.replace(year=2020))
    sent = {"body": "Typed for long", "files": [chosen(samples.photo())]}
    answer = ana.post(
        reverse("thread-replies", args=[thread.pk]),
        sent,
        headers={"Referer": f"http://testserver{reverse('thread', args=[thread.pk])}"},
    )
    assert answer["Location"].startswith(reverse("sign-in"))
    assert KeptForm.objects.filter(user=cast.ana).exists()
    assert files().count() == 0


def test_whoever_has_no_part_in_it_gets_no_file_and_cannot_add_one(cast, enter, thread, work):
    file = work.file(thread)
    for who in ("ben", "lund", "sam", "mira", "root"):
        browser = enter(cast[who])
        assert browser.get(reverse("file", args=[file.pk])).status_code in (403, 404), who
        for place in ("thread-files", "inbox-files"):
            sent = {"files": chosen(samples.photo())}
            assert browser.post(reverse(place, args=[thread.pk]), sent).status_code in (403, 404), who
    assert files().count() == 1


def test_what_is_not_sent_is_its_senders_alone(cast, enter, thread):
    ana = enter(cast.ana)
    ana.post(reverse("thread-files", args=[thread.pk]), {"files": chosen(samples.photo(), "mine.jpg")})
    file = files().get()
    assert fetch(ana, file)
    for who, page in (("rosa", "thread"), ("okafor", "inbox-thread")):
        browser = enter(cast[who])
        assert "mine.jpg" not in words(browser.get(reverse(page, args=[thread.pk])))
        assert browser.get(reverse("file", args=[file.pk])).status_code == 404
        kept_out = browser.post(
            reverse("thread-files" if page == "thread" else "inbox-files", args=[thread.pk]),
            {"remove": str(file.pk)},
        )
        assert kept_out.status_code == 404


def test_a_trusted_person_needs_a_grant_that_says_files(cast, enter, thread, work):
    from accounts.models import ProxyGrant

    file = work.file(thread, name="arm 4711.png")
    place = reverse("thread-files", args=[thread.pk])
    rosa = enter(cast.rosa)
    assert fetch(rosa, file) == b"a picture"
    assert rosa.post(place, {"files": chosen(samples.png())}).status_code == 200
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = [scope for scope in grant.scopes if scope != "attachments"]
    grant.save()
    assert rosa.get(reverse("file", args=[file.pk])).status_code == 404
    shown = words(rosa.get(reverse("thread", args=[thread.pk])))
    assert "4711" not in shown and "Add photos or files" not in shown
    refused = rosa.post(place, {"body": "typed", "files": chosen(samples.photo())})
    assert "you cannot add files" in words(refused)
    grant.scopes = [*grant.scopes, "attachments"]
    grant.save()
    assert fetch(rosa, file)
    grant.end(by=cast.ana)
    assert rosa.get(reverse("file", args=[file.pk])).status_code in (403, 404)


def test_fetching_is_recorded_before_the_first_byte_and_nothing_runs_in_a_browser(cast, enter, thread, work):
    file = work.file(thread, name='evil"name\r\nSet-Cookie: x.png')
    okafor = enter(cast.okafor)
    answer = okafor.get(reverse("file", args=[file.pk]))
    event = events_since().filter(type="access", subtype="download").get()
    assert (event.actor, event.patient_id, event.object_pk) == (cast.okafor, thread.patient_id, str(file.pk))
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "\r" not in answer["Content-Disposition"] and "Set-Cookie" not in answer.headers
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Content-Length"] == str(file.size)


def test_without_its_event_no_byte_is_given_out(cast, enter, thread, work, monkeypatch):
    from audit import trail

    file, okafor = work.file(thread), enter(cast.okafor)

    def away(**_: object) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr(trail, "write", away)
    with pytest.raises(RuntimeError):
        okafor.get(reverse("file", args=[file.pk]))


def test_programs_send_list_fetch_and_take_away_files(cast, enter, thread):
    ana, place = enter(cast.ana), reverse("api-thread-files", args=[thread.pk])
    made = ana.post(place, {"files": [chosen(samples.photo(), "arm.jpg"), chosen(samples.png(), "leg.png")]})
    assert made.status_code == 201
    assert {file["name"] for file in made.json()} == {"arm.jpg", "leg.png"}
    bad = ana.post(place, {"files": chosen(b"MZ", "evil.exe")})
    assert (bad.status_code, bad.json()["code"]) == (422, "file_refused")
    gone = next(file["id"] for file in made.json() if file["name"] == "leg.png")
    assert ana.delete(reverse("api-file", args=[gone])).status_code == 204
    ana.post(
        reverse("api-thread-messages", args=[thread.pk]), {"body": "See"}, content_type="application/json"
    )
    okafor = enter(cast.okafor)
    message = okafor.get(reverse("api-thread", args=[thread.pk])).json()["messages"][-1]
    (file,) = message["files"]
    assert (file["name"], file["kind"], file["state"]) == ("arm.jpg", "jpeg", "unscanned")
    content = b"".join(okafor.get(reverse("api-file", args=[file["id"]])).streaming_content)
    assert content.startswith(b"\xff\xd8\xff")
    assert ana.delete(reverse("api-file", args=[file["id"]])).status_code == 404


def test_a_sent_file_stays_as_it_was_sent(thread, work):
    from django.db import DatabaseError, transaction

    file = work.file(thread)
    for act in (file.delete, lambda: file.save(update_fields=["size"]) or None):
        file.size += 1
        with pytest.raises(DatabaseError, match="stays as it was"), transaction.atomic():
            act()


def test_files_go_with_a_new_message_through_every_step(cast, enter, thread):
    from messaging.models import Attachment, Draft
    from tests.test_access_matrix import ready

    draft, ana = ready(cast, thread), enter(cast.ana)
    place = reverse("draft-files", args=[draft.pk])
    shown = ana.post(
        place, {"subject": "My arm", "body": "Red since May", "files": chosen(samples.photo(), "arm.jpg")}
    )
    assert shown.status_code == 200
    assert "Red since May" in shown.content.decode() and "arm.jpg" in words(shown)
    bad = ana.post(place, {"subject": "My arm", "body": "Red since June", "files": chosen(b"MZ", "evil.exe")})
    assert bad.status_code == 422 and "Red since June" in bad.content.decode()
    draft = Draft.objects.get(pk=draft.pk)
    check = ana.get(reverse("draft-check", args=[draft.pk]))
    assert "arm.jpg" in words(check)
    message = draft.send(by=cast.ana)
    file = Attachment.objects.get()
    assert (file.message, file.thread, file.draft) == (message, message.thread, None)
    assert fetch(enter(cast.okafor), file)


def test_a_draft_that_is_discarded_takes_its_files_along(cast, enter, thread, store_folder):
    from tests.test_access_matrix import ready

    draft, ana = ready(cast, thread), enter(cast.ana)
    ana.post(
        reverse("draft-files", args=[draft.pk]), {"files": chosen(samples.png())}, headers={"X-Part": "files"}
    )
    assert files().count() == 1
    draft.discard(by=cast.ana)
    assert files().count() == 0


def test_a_message_that_is_taken_back_takes_its_files_along(cast, enter, thread, work):
    file = work.file(thread, name="arm 4711.png")
    assert fetch(enter(cast.okafor), file)
    from messaging.models import Withdrawal

    Withdrawal.objects.take_back(thread, file.message, by=cast.ana)
    for who, page in (("ana", "thread"), ("okafor", "inbox-thread")):
        browser = enter(cast[who])
        assert browser.get(reverse("file", args=[file.pk])).status_code == 404
        assert "4711" not in words(browser.get(reverse(page, args=[thread.pk])))


def test_a_file_that_came_after_the_end_is_named_and_only_then_is_any_asked_for(cast, enter, thread):
    """What was added before is still there, and nobody is told to choose it again."""
    from accounts.models import Session

    page, action = reverse("thread", args=[thread.pk]), reverse("thread-replies", args=[thread.pk])
    ana = enter(cast.ana)
    ana.post(reverse("thread-files", args=[thread.pk]), {"files": chosen(samples.photo(), "before.jpg")})
    for sent, said in (
        ({"body": "Typed for long", "files": [chosen(samples.photo(), "after.jpg")]}, "again: after.jpg"),
        ({"body": "", "files": [chosen(samples.photo(), "alone.jpg")]}, "again: alone.jpg"),
        ({"body": "Typed for long"}, ""),
    ):
        Session.objects.filter(user=cast.ana, ended_at=None).update(last_seen_at="2020-01-01T00:00Z")
        answer = ana.post(action, sent, headers={"Referer": f"http://testserver{page}"})
        assert "left=kept" in answer["Location"]
        ana = enter(cast.ana)
        back = words(ana.get(page))
        assert "What you wrote is back" in back and "before.jpg" in back
        assert ("These files are not here" in back) == bool(said) and said in back
    assert files().count() == 1
