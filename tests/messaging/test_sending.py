"""Writing to the clinic, as a form in a browser."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import Notification
from audit.models import AuditEvent
from messaging.models import Amendment, Draft, Message, ReadReceipt, Thread, Withdrawal, WorkItem
from tests.letters import begin, write
from tests.work import words

NEW = reverse("message-new")


def letter(**changes) -> dict[str, str]:
    return {
        "category": "medical_question",
        "subject": "Headaches",
        "body": "Every morning since Friday.",
        "form_token": str(uuid4()),
        **changes,
    }


def unsent(browser) -> str:
    """A message that only has to be sent."""
    ref = begin(browser)
    browser.post(reverse("draft-topic", args=[ref]), letter())
    browser.post(reverse("draft-text", args=[ref]), letter())
    return ref


def replies(thread) -> str:
    return reverse("thread-replies", args=[thread.pk])


def without_reference(content: bytes) -> str:
    """An error page names the request it answers and guards its forms: both differ each time."""
    page = re.sub(r"reference is [0-9a-f-]{36}", "", content.decode())
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def refusals_of(user):
    return AuditEvent.objects.filter(type="refusal", agent_id=str(user.pk))


def test_a_message_is_one_row_however_many_people_read_it(work, cast, enter):
    write(enter(cast.ana), letter())
    thread = Thread.objects.get()
    for reader in ("okafor", "maya", "okafor"):
        enter(cast[reader]).get(reverse("inbox-thread", args=[thread.pk]))
    enter(cast.rosa).get(thread.get_absolute_url())
    (written,) = Message.objects.exclude(side="system")
    readers = ReadReceipt.objects.filter(message=written).values_list("reader", flat=True)
    assert sorted(readers) == sorted([cast.okafor.pk, cast.maya.pk, cast.rosa.pk])


def test_who_wrote_is_who_is_signed_in_whatever_the_form_claims(work, cast, enter):
    claims = dict.fromkeys(("author", "by", "sender", "user"), str(cast.ben.pk))
    write(enter(cast.ana), letter(**claims))
    message = Message.objects.get(side="patient")
    assert (message.author_id, message.patient_id) == (cast.ana.pk, cast.patient("ana").pk)


def test_the_api_refuses_a_claim_about_who_wrote(work, cast, enter):
    browser = enter(cast.ana)
    for claim in ("author", "sender", "by", "user", "side"):
        sent = {**letter(), claim: str(cast.ben.pk)}
        answer = browser.post(reverse("api-threads"), sent, content_type="application/json")
        assert answer.status_code == 400
        assert claim in answer.json()["fields"]
    assert not Thread.objects.exists()


def test_what_says_it_was_written_for_somebody_else_is_sent_for_nobody(work, cast, enter):
    """`patient` only guards: it never chooses for whom a message is."""
    for_ben = letter(patient=str(cast.patient("ben").pk))
    assert write(enter(cast.ana), for_ben).status_code == 409
    answer = enter(cast.ana).post(reverse("api-threads"), for_ben, content_type="application/json")
    assert answer.status_code == 409
    assert not Thread.objects.exists()
    assert write(enter(cast.ana), letter(patient=str(cast.patient("ana").pk))).status_code == 302
    assert Thread.objects.get().patient == cast.patient("ana")


def test_a_daughter_writes_in_her_own_name_for_her_mother(work, cast, enter):
    write(enter(cast.rosa), letter())
    message = Message.objects.get(side="patient")
    assert (message.author_id, message.patient_id) == (cast.rosa.pk, cast.patient("ana").pk)
    page = enter(cast.okafor).get(reverse("inbox-thread", args=[message.thread_id])).content.decode()
    assert "Rosa Alvarez" in page and "Ana Alvarez" in page


def test_after_sending_a_page_says_so_and_leads_to_what_was_sent(work, cast, enter):
    browser = enter(cast.ana)
    answer = write(browser, letter(), follow=True)
    at = Thread.objects.get().get_absolute_url()
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0] == f"{at}sent/"
    assert f'href="{at}"' in answer.content.decode()
    assert "Every morning since Friday." not in answer.content.decode(), "it can be kept as a bookmark"
    assert "Every morning since Friday." in browser.get(at).content.decode()


@pytest.mark.parametrize("which", ["new", "reply"])
def test_pressing_the_button_twice_sends_one_message(work, cast, enter, which):
    thread = work.thread()
    before = Message.objects.filter(side="patient").count()
    browser = enter(cast.ana)
    address, form = replies(thread), letter(seen=str(thread.last_message_id))
    if which == "new":
        address = reverse("draft-check", args=[unsent(browser)])
    first, second = browser.post(address, form), browser.post(address, form)
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert Message.objects.filter(side="patient").count() == before + 1


def test_a_form_without_a_token_is_taken_as_it_is(work, cast, enter):
    write(enter(cast.ana), letter(form_token=""))
    write(enter(cast.ana), letter(form_token="no token at all"))
    assert Thread.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": ""}, "Write your message"),
        ({"body": " \n\t "}, "Write your message"),
        ({"subject": ""}, "Write a short title"),
        ({"category": ""}, "Choose what your message is about"),
        ({"category": "horoscope"}, "Choose what your message is about"),
        ({"body": "b" * 5001}, "5,000 letters or fewer. It has 5,001"),
        ({"subject": "s" * 121}, "120 letters or fewer. It has 121"),
        ({"pool": "everybody"}, "Choose a team from the list"),
        ({"body": "bell\x07 rings"}, "hidden character"),
    ],
)
def test_what_cannot_be_sent_says_why_and_keeps_the_text(work, cast, enter, changes, words):
    form = letter(**{"subject": "Kept title", "body": "Kept words.", **changes})
    answer = write(enter(cast.ana), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    if "category" not in changes and "pool" not in changes:
        for name in ("subject", "body"):
            assert form[name].strip().replace("\x07", "") in page
    assert not Thread.objects.exists()


@pytest.mark.parametrize(
    "body", ["b" * 5000, "日本語" * 1600, "line\r\n" * 700, "<b>&amp;</b> ' \" 👩🏽‍⚕️", "‮ right to left"]
)
def test_long_and_strange_letters_arrive_as_they_were_written(work, cast, enter, body):
    answer = write(enter(cast.ana), letter(body=body))
    assert answer.status_code == 302
    told = enter(cast.ana).get(reverse("api-thread", args=[Thread.objects.get().pk])).json()
    assert told["messages"][0]["body"] == body.replace("\r\n", "\n").strip()


def test_markup_in_a_message_is_shown_and_never_run(work, cast, enter):
    thread = work.thread(subject="<script>alert(1)</script>", body="<img src=x onerror=alert(2)>")
    for page in (
        enter(cast.ana).get(thread.get_absolute_url()),
        enter(cast.ana).get(reverse("messages")),
        enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk])),
    ):
        text = page.content.decode()
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert(1)" not in text and "<img src=x" not in text


def test_a_nul_is_taken_out_and_the_rest_of_the_words_kept(work, cast, enter):
    answer = write(enter(cast.ana), letter(body="Swollen\0 since noon."))
    assert answer.status_code == 422
    assert "a hidden character that we cannot keep" in words(answer)
    assert "Swollen since noon." in words(answer)
    assert not Thread.objects.exists()


def test_bytes_that_are_no_text_are_answered_with_a_page_that_says_so(work, cast, enter):
    answer = enter(cast.ana).post(NEW, b"body=caf%e9", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "We could not read what was sent" in answer.content.decode()
    assert not Thread.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": 7}, "body"),
        ({"body": ["a"]}, "body"),
        ({"body": None}, "body"),
        ({"body": "nul\x00byte"}, "body"),
        ({"body": "b" * 5001}, "body"),
        ({"subject": True}, "subject"),
        ({"category": "horoscope"}, "category"),
        ({"category": {}}, "category"),
        ({"pool": "everybody"}, "pool"),
        ({"form_token": 12.5}, "form_token"),
    ],
)
def test_the_api_names_the_field_that_is_wrong(work, cast, enter, sent, field):
    answer = enter(cast.ana).post(
        reverse("api-threads"), {**letter(), **sent}, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert field in answer.json()["fields"]
    assert not Thread.objects.exists()


NO_REQUEST = ["", "[]", "7", "null", '"text"', "{", "{}", '{"body": NaN}', "[" * 5000, '{"body": "\\ud83d"}']


@pytest.mark.parametrize("raw", NO_REQUEST)
def test_the_api_answers_what_is_no_request_with_400(work, cast, enter, raw):
    answer = enter(cast.ana).post(reverse("api-threads"), raw, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid", "parse_error")


def test_another_teams_pool_is_no_place_to_write_to(work, cast, enter):
    """PT2: the pool exists, and Lund's team does not look after Ana."""
    for door in ("page", "api"):
        browser = enter(cast.ana)
        before = refusals_of(cast.ana).count()
        if door == "page":
            answer = write(browser, letter(pool=str(work.pool("lund").pk)))
        else:
            sent = letter(pool=str(work.pool("lund").pk))
            answer = browser.post(reverse("api-threads"), sent, content_type="application/json")
        assert answer.status_code == 404
        assert refusals_of(cast.ana).count() == before + 1
    assert not Thread.objects.exists()
    write(enter(cast.ana), letter(pool=str(work.pool("desk").pk)))
    assert Thread.objects.get().pool == work.pool("desk")


def test_the_page_offers_only_the_patients_own_teams(work, cast, enter):
    page = enter(cast.ana).get(NEW).content.decode()
    assert "Okafor team" in page and "Front desk" in page
    assert "Lund team" not in page


def test_a_team_that_stopped_caring_for_her_is_offered_no_more(work, cast, enter):
    browser = enter(cast.ana)
    relationship = cast.patient("ana").care_relationships.get(team=cast.team("okafor"))
    relationship.end(by=cast.root)
    assert "Okafor team" not in browser.get(NEW).content.decode()
    assert write(browser, letter(pool=str(work.pool("okafor").pk))).status_code == 404


def test_somebody_elses_conversation_and_none_at_all_are_the_same_answer(work, cast, enter):
    thread, nothing = work.thread(), uuid4()
    browser = enter(cast.ben)
    for address in ("thread", "thread-replies", "api-thread", "api-thread-messages"):
        answers = []
        for ref in (thread.pk, nothing):
            send = browser.post if address == "thread-replies" else browser.get
            before = refusals_of(cast.ben).count()
            answer = send(reverse(address, args=[ref]), letter() if send == browser.post else {})
            # The page says back what was asked for, in the link to itself in another language.
            body = without_reference(answer.content).replace(str(ref), "what was asked for")
            answers.append((answer.status_code, body, sorted(answer.headers)))
            assert refusals_of(cast.ben).count() == before + 1
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert refusals_of(cast.ben).filter(patient_id=cast.patient("ana").pk).count() == 4


def test_the_same_number_of_statements_answers_for_hidden_and_for_absent(work, cast, enter, count_statements):
    thread, browser = work.thread(), enter(cast.ben)
    browser.get(reverse("thread", args=[thread.pk]))
    hidden = count_statements(lambda: browser.get(reverse("thread", args=[thread.pk])))
    absent = count_statements(lambda: browser.get(reverse("thread", args=[uuid4()])))
    assert hidden == absent


def test_a_stale_reply_is_held_back_shows_the_new_message_and_keeps_the_text(work, cast, enter):
    thread = work.thread()
    stale = thread.latest_id
    thread.post(author=cast.okafor, body="Take them in the evening.")
    for who, address in (("ana", replies(thread)), ("okafor", reverse("inbox-replies", args=[thread.pk]))):
        answer = enter(cast[who]).post(address, {"body": "Written before that came.", "seen": str(stale)})
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "Something new came in, or a message was changed, while you were writing" in page
        assert "Take them in the evening." in page
        assert "Written before that came." in page
        assert f'name="seen" value="{Thread.objects.get().latest_id}"' in page
    assert Message.objects.filter(side="patient").count() == 1
    fresh = {"body": "Written before that came.", "seen": str(Thread.objects.get().latest_id)}
    assert enter(cast.ana).post(replies(thread), fresh).status_code == 302


def test_an_answer_to_words_that_were_corrected_meanwhile_is_held_back_and_shows_them(work, cast, enter):
    thread = work.thread()
    asked = thread.messages.get(author=cast.ana)
    address = reverse("inbox-replies", args=[thread.pk])
    form = {"body": "Two a day are fine.", "seen": str(thread.latest_id)}
    Amendment.objects.write(thread, asked, by=cast.ana, body="I took TWELVE, not two.")
    held = enter(cast.maya).post(address, form)
    assert held.status_code == 409
    assert "I took TWELVE, not two." in words(held) and "Two a day are fine." in words(held)
    assert not Message.objects.filter(side="team").exists()
    form["seen"] = str(Thread.objects.get().latest_id)
    assert f'name="seen" value="{form["seen"]}"' in held.content.decode()
    assert enter(cast.maya).post(address, form).status_code == 302


def test_an_answer_to_a_message_that_was_taken_back_meanwhile_is_held_back(work, cast, enter):
    thread = work.thread()
    second = thread.post(author=cast.ana, body="Never mind the first one.")
    thread.refresh_from_db()
    form = {"body": "About the second:", "seen": str(thread.latest_id)}
    Withdrawal.objects.take_back(thread, second, by=cast.ana)
    for name in ("replies", "close"):
        sent = {**form, "outcome": "answered"}
        held = enter(cast.maya).post(reverse(f"inbox-{name}", args=[thread.pk]), sent)
        assert held.status_code == 409, name
        assert "a message was changed" in words(held), name


def test_a_program_learns_from_the_thread_what_to_name_as_seen(work, cast, enter):
    thread, maya = work.thread(), enter(cast.maya)
    asked = thread.messages.get(author=cast.ana)
    page, address = (reverse(name, args=[thread.pk]) for name in ("api-thread", "api-thread-messages"))

    def answer(seen: str) -> int:
        sent = {"body": "Two are fine.", "seen": seen}
        return maya.post(address, sent, content_type="application/json").status_code

    before = maya.get(page).json()
    assert before["latest"] == before["last_message"] == str(thread.last_message_id)
    version = Amendment.objects.write(thread, asked, by=cast.ana, body="Twelve.")
    assert answer(before["latest"]) == 409
    after = maya.get(page).json()
    assert (after["latest"], after["last_message"]) == (str(version.pk), str(thread.last_message_id))
    assert answer(after["latest"]) == 201


def test_a_stale_reply_through_the_api_is_a_conflict_by_name(work, cast, enter):
    thread = work.thread()
    sent = {"body": "Hello?", "seen": str(uuid4())}
    address = reverse("api-thread-messages", args=[thread.pk])
    answer = enter(cast.ana).post(address, sent, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "thread_moved_on")


def test_a_message_that_fails_leaves_nothing_behind(work, cast, monkeypatch):
    """Everything or nothing: no thread without work, no work without a message, no notice of neither."""
    from accounts.models.notification import NotificationQuerySet

    def broken(*args, **kwargs):
        raise RuntimeError("the disk is full")

    events = AuditEvent.objects.count()
    monkeypatch.setattr(NotificationQuerySet, "bulk_create", broken)
    with pytest.raises(RuntimeError):
        work.thread()
    for model in (Thread, Message, WorkItem, Notification):
        assert not model.objects.exists()
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("scopes", [["read"], ["refill"], ["read", "refill"]])
def test_a_trusted_person_without_the_right_to_write_is_told_so(work, cast, enter, scopes):
    thread = work.thread()
    grant = cast.patient("ana").proxy_grants.get()
    grant.scopes = scopes
    grant.save()
    browser = enter(cast.rosa)
    answer = write(browser, letter(body="For my mother."))
    assert answer.status_code == 403
    assert "you cannot do that here" in answer.content.decode(), "told at the first step, before she writes"
    assert not Draft.objects.exists()
    seen = browser.post(replies(thread), {"body": "For my mother."})
    assert seen.status_code == (403 if "read" in scopes else 404)
    assert Message.objects.filter(author=cast.rosa).count() == 0


def test_a_trust_that_ended_ends_at_the_next_request(work, cast, enter):
    thread, browser = work.thread(), enter(cast.rosa)
    assert browser.get(thread.get_absolute_url()).status_code == 200
    cast.patient("ana").proxy_grants.get().end(by=cast.ana)
    assert browser.get(thread.get_absolute_url()).status_code in (403, 404)
