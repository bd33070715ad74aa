"""A new message, step by step: one thing on each page, nothing typed twice, and no page that leads nowhere."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from messaging.models import Draft, Message, SafetyFlag, Thread
from tests.letters import NEW, begin, hidden, ref_of, send, write
from tests.work import words

FORM = {"category": "medical_question", "subject": "My knee", "body": "It is swollen again."}


def at(step: str, ref: str) -> str:
    return reverse(f"draft-{step}", args=[ref])


def written(browser, **changes) -> str:
    """A draft that only has to be checked and sent."""
    form = {**FORM, **changes}
    ref = begin(browser, **{key: form[key] for key in ("now",) if key in form})
    browser.post(at("stop", ref))
    browser.post(at("topic", ref), form)
    browser.post(at("text", ref), form)
    return ref


def test_it_is_asked_every_time_and_nothing_is_chosen_beforehand(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    for page in (browser.get(NEW), browser.get(at("urgent", ref))):
        assert "Is any of this happening now?" in words(page)
        assert page.content.decode().count('name="now"') == 3
        assert " checked" not in page.content.decode()
    # Who only turned back a page has answered.
    assert 'value="no" checked' in browser.get(at("urgent", ref) + "?back=1").content.decode()
    # Who comes back to her draft is asked anew.
    assert browser.get(reverse("draft", args=[ref]))["Location"] == at("urgent", ref)


def test_without_an_answer_there_is_an_error_and_no_draft(work, cast, enter):
    answer = enter(cast.ana).post(NEW, {})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.content.decode()
    assert "Choose an answer" in words(answer)
    assert not Draft.objects.exists()


@pytest.mark.parametrize("now", ["yes", "unsure"])
def test_yes_and_not_sure_lead_to_the_phone_and_what_she_said_reaches_the_team(work, cast, enter, now):
    browser = enter(cast.ana)
    answer = browser.post(NEW, {"now": now})
    ref = ref_of(answer)
    assert answer["Location"] == at("stop", ref)
    page = browser.get(at("stop", ref)).content.decode()
    first, *_others = re.findall(r'class="btn block [^"]*" href="(tel:[^"]+)"', page)
    assert (first == "tel:911") == (now == "yes"), "who is not sure asks the nurse first"
    assert 'href="tel:911"' in page and 'href="tel:988"' in page
    assert "Keep writing my message" in page
    # The pages that follow lead back here until she says that she has called or is safe.
    browser.post(at("topic", ref), FORM)
    browser.post(at("text", ref), FORM)
    assert browser.get(at("check", ref))["Location"] == at("stop", ref)
    assert browser.post(at("stop", ref))["Location"] == at("text", ref)
    assert Draft.objects.get().safe_at is not None
    assert send(browser, ref).status_code == 302
    flag = SafetyFlag.objects.get()
    assert (flag.answer, flag.shown, flag.chose) == (now, "stop", "went_on")


def test_an_answer_is_about_now(work, cast, enter):
    ref = written(enter(cast.ana))
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=True):
        browser = enter(cast.ana)
        assert browser.get(at("check", ref))["Location"] == at("urgent", ref)
        assert browser.post(at("check", ref))["Location"] == at("urgent", ref)
    assert not Thread.objects.exists()


def test_where_she_came_from_brings_the_topic_along(work, cast, enter):
    browser = enter(cast.ana)
    page = browser.get(NEW + "?about=test_result")
    answer = browser.post(NEW, {**hidden(page), "now": "no"})
    assert answer["Location"] == at("text", ref_of(answer)), "there is nothing left to ask"
    assert Draft.objects.get().category_id == "test_result"
    assert browser.post(NEW, {"now": "no", "about": "horoscope"}).status_code == 302


@pytest.mark.parametrize(
    ("chosen", "leads", "kept"),
    [
        ("symptom", "nurse", "medical_question"),
        ("more_medicine", "medicines", "refill"),
        ("test_result", "text", "test_result"),
    ],
)
def test_what_it_is_about_decides_where_it_leads(work, cast, enter, chosen, leads, kept):
    browser = enter(cast.ana)
    ref = begin(browser)
    answer = browser.post(at("topic", ref), {"category": chosen})
    assert answer["Location"] == (reverse("medicines") if leads == "medicines" else at(leads, ref))
    assert Draft.objects.get().category_id == kept
    if leads == "nurse":
        page = browser.get(answer["Location"]).content.decode()
        assert page.index("Call our nurse,") < page.index("Write a message instead")


def test_whoever_has_one_team_is_not_asked_which(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    assert "Who is it for?" in words(browser.get(at("topic", ref)))
    cast.patient("ana").care_relationships.get(team=cast.team("desk")).end(by=cast.root)
    page = words(browser.get(at("topic", ref)))
    assert "Who is it for?" not in page and "Okafor team" in page
    assert "Most replies come by" in page


def test_nothing_has_to_be_typed_twice(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser, pool=str(work.pool("okafor").pk), written_with_help="yes")
    topic, text = (
        browser.get(at("topic", ref)).content.decode(),
        browser.get(at("text", ref)).content.decode(),
    )
    assert 'value="medical_question" checked' in topic
    assert f'value="{work.pool("okafor").pk}" checked' in topic
    assert FORM["subject"] in text and FORM["body"] in text and 'value="yes" checked' in text


def test_the_last_look_says_who_reads_it_by_when_and_who_else_can(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser, written_with_help="yes")
    page = words(browser.get(at("check", ref)))
    for said in (
        "Okafor team",
        "1 nurse, 1 doctor",
        "We plan to reply by",
        "Rosa Alvarez, your daughter",
        "A health question",
        FORM["subject"],
        FORM["body"],
        "Someone helped me write this",
        "Change the message",
    ):
        assert said in page, said
    sent = browser.post(at("check", ref), hidden(browser.get(at("check", ref))), follow=True)
    said = words(sent)
    assert "Message sent" in said and re.search(r"Reference [0-9A-F]{4}-[0-9A-F]{4}", said)
    assert "Okafor team has it. No person has read it yet." in said
    assert Message.objects.get(side="patient").written_with_help
    team = words(enter(cast.maya).get(reverse("inbox-thread", args=[Thread.objects.get().pk])))
    assert "Someone helped to write this" in team
    again = words(browser.get(reverse("message-sent", args=[Thread.objects.get().pk])))
    assert "Okafor team has read it." in again, "a bookmark tells how it stands"


@pytest.mark.parametrize(
    ("body", "help_first"),
    [
        ("I have chest pain and cannot breathe.", "tel:911"),
        ("I want to kill myself.", "tel:988"),
        ("No chest pain, I only want the result.", ""),
    ],
)
def test_words_that_may_mean_danger_show_whom_to_call_and_stop_nobody(work, cast, enter, body, help_first):
    browser = enter(cast.ana)
    ref = written(browser, body=body)
    page = browser.get(at("check", ref)).content.decode()
    assert ('id="help-now"' in page) == bool(help_first)
    if help_first:
        part = page.split('id="help-now"')[1].split("</section>")[0]
        assert re.findall(r'href="(tel:\d+)"', part)[0] == help_first
    assert send(browser, ref).status_code == 302
    assert [flag.chose for flag in SafetyFlag.objects.all()] == (["went_on"] if help_first else [])


def test_what_is_saved_while_typing_answers_in_one_line_and_knows_newer_words(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    typing = {"subject": "", "body": "It is", "autosave": "yes", "revision": "0"}
    answer = browser.post(at("text", ref), typing)
    assert answer.status_code == 200
    assert answer.content.decode().strip().startswith("Draft saved at")
    assert answer["X-Draft-Revision"] == "1"
    stale = browser.post(at("text", ref), {**typing, "body": "Something else"})
    assert stale.status_code == 409 and stale["Content-Type"].startswith("text/plain")
    page = browser.post(at("text", ref), {"subject": "T", "body": "Something else", "revision": "0"})
    assert page.status_code == 409
    assert "Something else" in words(page) and "It is" in words(page), "both stand there, to choose from"
    chosen = {**hidden(page), "subject": "T", "body": "Something else"}
    assert browser.post(at("text", ref), chosen).status_code == 302


def test_a_draft_can_be_saved_without_scripts_and_is_found_again(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    answer = browser.post(at("text", ref), {"body": "Half a sentence", "save": "yes"}, follow=True)
    assert answer.status_code == 200 and "Draft saved at" in words(answer)
    inbox = words(browser.get(reverse("messages")))
    assert "Drafts (1)" in inbox
    listed = browser.get(reverse("drafts"))
    assert "Half a sentence" in words(listed) and "No title yet" in words(listed)
    assert reverse("draft", args=[ref]) in listed.content.decode()
    gone = browser.post(reverse("draft-discard", args=[ref]), follow=True)
    assert "The draft is discarded." in words(gone) and "No drafts" in words(gone)
    assert browser.get(at("text", ref)).status_code == 404


def test_what_is_too_long_to_send_is_kept_and_sent_nowhere(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    browser.post(at("topic", ref), FORM)
    answer = browser.post(at("text", ref), {**FORM, "body": "b" * 5001})
    assert answer.status_code == 422 and "5,000 letters or fewer. It has 5,001" in words(answer)
    assert "b" * 5001 in browser.get(at("text", ref)).content.decode()
    assert browser.get(at("check", ref))["Location"] == at("text", ref)
    assert browser.post(at("text", ref), {**FORM, "body": "b" * 30_000, "autosave": "y"}).status_code == 422


def test_a_sent_draft_leads_to_what_was_sent_from_every_step(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser)
    send(browser, ref)
    sent = reverse("message-sent", args=[Thread.objects.get().pk])
    for step in ("urgent", "stop", "topic", "nurse", "text", "check"):
        assert browser.get(at(step, ref))["Location"] == sent, step
    for step in ("urgent", "stop", "topic", "text", "check"):
        assert browser.post(at(step, ref), FORM)["Location"] == sent, step
    assert browser.get(reverse("draft", args=[ref]))["Location"] == sent
    assert Thread.objects.count() == 1


def test_a_team_that_is_there_no_more_is_named_with_the_one_that_reads_instead(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser, pool=str(work.pool("desk").pk))
    page = browser.get(at("check", ref))
    cast.patient("ana").care_relationships.get(team=cast.team("desk")).end(by=cast.root)
    # She sees it before anything is sent, also when it happened while the last page was open.
    refused = browser.post(at("check", ref), hidden(page))
    assert refused.status_code == 409 and not Thread.objects.exists()
    for shown in (refused, browser.get(at("check", ref))):
        assert "Front desk cannot read messages for you any more." in words(shown)
        assert "Okafor team reads this one instead." in words(shown)
    assert send(browser, ref).status_code == 302
    assert Thread.objects.get().pool == work.pool("okafor")


def test_the_words_on_the_last_page_are_those_that_are_sent(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser)
    page = browser.get(at("check", ref))
    browser.post(at("text", ref), {**FORM, "body": "Changed in another window."})
    refused = browser.post(at("check", ref), hidden(page))
    assert refused.status_code == 409 and "Changed in another window." in words(refused)
    assert not Thread.objects.exists()


def test_what_a_sessions_end_cut_off_wins_when_it_is_newer_and_only_then(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    browser.post(at("text", ref), {"subject": "Knee", "body": "Kept before."})
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        lapsed = browser.post(
            at("text", ref),
            {"subject": "Knee", "body": "Typed last.", "autosave": "yes"},
            headers={"Referer": f"http://testserver{at('text', ref)}"},
        )
        assert lapsed.status_code == 302 and "left=kept" in lapsed["Location"]
        assert "Typed last." in words(enter(cast.ana).get(at("text", ref)))
        assert "Typed last." in words(enter(cast.ana).get(reverse("drafts"))), "it is part of the draft now"
    other = enter(cast.ana)
    with time_machine.travel(timezone.now() + timedelta(minutes=62), tick=True):
        other.post(
            at("text", ref), {"body": "Older."}, headers={"Referer": f"http://testserver{at('text', ref)}"}
        )
        fresh = enter(cast.ana)
    with time_machine.travel(timezone.now() + timedelta(minutes=63), tick=True):
        Draft.objects.get().keep(by=cast.ana, subject="Knee", body="Newest of all.")
        assert "Newest of all." in words(fresh.get(at("text", ref)))


def test_a_reply_that_was_begun_comes_back_and_is_used_up_by_sending(work, cast, enter):
    thread, browser = work.thread(), enter(cast.ana)
    page = browser.get(thread.get_absolute_url())
    token = hidden(page)["form_token"]
    keep = reverse("thread-draft", args=[thread.pk])
    typed = {"body": "Half a reply", "form_token": token, "revision": "0", "autosave": "yes"}
    assert browser.post(keep, typed)["X-Draft-Revision"] == "1"
    back = browser.get(thread.get_absolute_url())
    assert "Half a reply" in words(back) and hidden(back)["form_token"] == token
    assert "Reply, not sent" in words(browser.get(reverse("drafts")))
    assert "Half a reply" not in words(enter(cast.rosa).get(thread.get_absolute_url())), "hers alone"
    sent = browser.post(
        reverse("thread-replies", args=[thread.pk]), {"body": "A whole reply", "form_token": token}
    )
    assert sent.status_code == 302
    box = (
        browser.get(thread.get_absolute_url()).content.decode().split("<textarea")[1].split("</textarea>")[0]
    )
    assert "reply" not in box.split(">")[1]
    assert "No drafts" in words(browser.get(reverse("drafts")))


def test_a_reply_and_a_note_of_one_nurse_are_kept_apart_and_for_her_alone(work, cast, enter):
    thread = work.thread()
    page, keep = reverse("inbox-thread", args=[thread.pk]), reverse("inbox-draft", args=[thread.pk])
    browser = enter(cast.maya)
    for kind, body in (("answer", "For Ana to read"), ("note", "Among us only")):
        saved = browser.post(keep, {"body": body, "kind": kind, "autosave": "yes"})
        assert saved.status_code == 200 and saved["X-Draft-Revision"] == "1"
    back = browser.get(page).content.decode()
    assert "For Ana to read" in back.split('class="reply-form"')[1].split("</form>")[0]
    assert "Among us only" not in back.split('class="reply-form"')[1].split("</form>")[0]
    assert "Among us only" in back.split('class="note-form"')[1].split("</form>")[0]
    assert "Among us only" not in enter(cast.okafor).get(page).content.decode()
    for address in (thread.get_absolute_url(), reverse("drafts"), reverse("messages")):
        assert "Among us only" not in enter(cast.ana).get(address).content.decode()
    browser.post(reverse("inbox-notes", args=[thread.pk]), {"body": "Among us only"})
    assert "For Ana to read" in browser.get(page).content.decode()
    assert Draft.objects.standing().count() == 1


def test_a_double_press_of_the_first_step_begins_one_draft(work, cast, enter):
    browser = enter(cast.ana)
    form = {**hidden(browser.get(NEW)), "now": "no"}
    assert ref_of(browser.post(NEW, form)) == ref_of(browser.post(NEW, form))
    assert Draft.objects.count() == 1


def test_titles_and_addresses_of_the_steps_say_nothing_of_the_matter(work, cast, enter):
    browser = enter(cast.ana)
    ref = written(browser)
    for step in ("urgent", "stop", "topic", "nurse", "text", "check"):
        page = browser.get(at(step, ref)).content.decode()
        title = page.split("<title>")[1].split("</title>")[0]
        assert "knee" not in title.lower() and "Ana" not in title
    assert write(browser, FORM).status_code == 302
