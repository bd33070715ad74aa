"""A patient finds what was written by its words, and nobody else does (PT12)."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import KeptForm, ProxyGrant
from audit import keys
from audit.blind_index import Wanted, digests
from audit.context import SystemAgent
from audit.models import AuditEvent, DataKey
from audit.receipts import _issue
from audit.seals import unseal
from messaging.clock import writing_history
from messaging.models import Message, MessageWords, Thread, messages_having

ADDRESS = reverse("message-search")


def found(browser, words="", **more) -> list[str]:
    """The snippets of the hits, as a reader sees them."""
    page = browser.post(ADDRESS, {"look_for": words, **more})
    assert page.status_code == 200
    return [plain(part) for part in re.findall(r'<span class="found">(.*?)</span>', text_of(page), re.DOTALL)]


def text_of(page) -> str:
    return page.content.decode()


def plain(markup: str) -> str:
    return re.sub(r"<[^>]+>", "", markup).strip()


@pytest.fixture
def letters(work, cast) -> dict[str, Thread]:
    """Ana's conversations, one of them finished, and one of Ben's."""
    week = timezone.now() - timedelta(days=7)
    with writing_history(week):
        knee = work.thread(subject="My knee", body="The knee is swollen since Tuesday.")
    knee.post(author=cast.okafor, body="How swollen is it? Any fever?")
    pills = work.thread(
        by="rosa", subject="Metformina", body="¿Puede mi mamá tomar las pastillas por la mañana?"
    )
    pills.close(by=cast.maya, outcome="answered")
    bens = work.thread(by="ben", subject="Knee", body="My knee is swollen too.")
    return {"knee": knee, "pills": pills, "bens": bens}


def test_messages_are_found_by_their_words_the_newest_first(cast, enter, letters):
    ana = enter(cast.ana)
    assert found(ana, "swollen") == [
        "How swollen is it? Any fever?",
        "The knee is swollen since Tuesday.",
    ]
    assert found(ana, "PASTILLA manana") == ["¿Puede mi mamá tomar las pastillas por la mañana?"]
    assert found(ana, "swollen fever") == ["How swollen is it? Any fever?"]
    assert found(ana, '"knee is"') == ["The knee is swollen since Tuesday."]
    assert found(ana, '"is knee"') == []
    # The title is found with the first message; its words and the message's count together.
    assert found(ana, "metformina pastillas") == ["¿Puede mi mamá tomar las pastillas por la mañana?"]


def test_the_words_are_marked_where_they_stand_and_nothing_else_is_markup(work, cast, enter):
    work.thread(subject="Knee <b>", body="My <script>alert(1)</script> knee hurts")
    page = text_of(enter(cast.ana).post(ADDRESS, {"look_for": "knee"}))
    assert "<mark>Knee</mark> &lt;b&gt;" in page
    assert "My &lt;script&gt;alert(1)&lt;/script&gt; <mark>knee</mark> hurts" in page
    assert "<script>alert" not in page


def test_a_word_far_into_a_long_letter_is_shown_with_what_stands_around_it(work, cast, enter):
    work.thread(body="word " * 400 + "the zebra came " + "later " * 200)
    (snippet,) = found(enter(cast.ana), "zebra")
    assert snippet.startswith("…")
    assert snippet.endswith("…")
    assert "the zebra came" in snippet
    assert len(snippet) < 250


def test_what_narrows_the_search_narrows_it(cast, enter, letters):
    ana = enter(cast.ana)
    assert len(found(ana, writer=str(cast.okafor.pk))) == 1
    assert len(found(ana, "swollen", writer=str(cast.ana.pk))) == 1
    assert len(found(ana, writer=str(cast.rosa.pk))) == 1
    assert found(ana, "swollen", writer=str(cast.rosa.pk)) == []
    assert len(found(ana, state="closed")) == 1
    assert len(found(ana, state="open")) == 2
    assert len(found(ana, category="medical_question")) == 3
    assert found(ana, category="test_result") == []
    yesterday = (timezone.now() - timedelta(days=2)).date().isoformat()
    assert found(ana, "swollen", until=yesterday) == ["The knee is swollen since Tuesday."]
    assert found(ana, "swollen", since=yesterday) == ["How swollen is it? Any fever?"]


def test_each_finds_what_she_may_read_and_nothing_more(work, cast, enter, letters):
    assert found(enter(cast.ben), "swollen") == ["My knee is swollen too."]
    rosa = enter(cast.rosa)
    assert len(found(rosa, "swollen")) == 2
    grant = ProxyGrant.objects.current().get(proxy=cast.rosa, patient=cast.patient("ana"))
    grant.end(by=cast.ana)
    assert rosa.post(ADDRESS, {"look_for": "swollen"}).status_code == 403


def test_what_is_kept_apart_is_found_by_the_patient_alone(work, cast, enter):
    apart = work.thread(body="The zebra came", confidential=True)
    assert found(enter(cast.ana), "zebra") == ["The zebra came"]
    rosa = enter(cast.rosa, fresh="export")
    assert found(rosa, "zebra") == []
    assert found(rosa, writer=str(cast.ana.pk)) == []
    for name, ask in (("thread-print", rosa.get), ("thread-pdf", rosa.post), ("thread-data", rosa.post)):
        assert ask(reverse(name, args=[apart.pk])).status_code == 404


def test_internal_notes_are_found_by_nobody_on_the_patients_side(cast, enter, letters):
    letters["knee"].note(author=cast.maya, body="Looks like gout to me")
    assert found(enter(cast.ana), "gout") == []
    assert MessageWords.objects.count() == Message.objects.filter(body__isnull=False).count()


def test_older_hits_come_page_by_page_each_once(work, cast, enter):
    thread = work.thread(body="Letter 0 about the knee")
    for n in range(1, 45):
        thread.post(author=(cast.ana, cast.okafor)[n % 2], body=f"Letter {n} about the knee")
    ana, after, seen, pages = enter(cast.ana), "", [], 0
    while True:
        page = text_of(ana.post(ADDRESS, {"look_for": "knee", "after": after}))
        seen += re.findall(r"Letter (\d+) about", page)
        pages += 1
        more = re.search(r'name="after" value="([^"]+)"', page)
        if not more:
            break
        after = more[1]
    assert [int(n) for n in seen] == list(range(44, -1, -1))
    assert pages == 3
    assert ana.post(ADDRESS, {"look_for": "knee", "after": "nonsense"}).status_code == 404


def test_a_hit_leads_to_the_page_of_the_conversation_that_has_it(work, cast, enter):
    thread = work.thread(body="The zebra came")
    for n in range(70):
        thread.post(author=(cast.ana, cast.okafor)[n % 2], body=f"Letter {n}")
    ana = enter(cast.ana)
    page = text_of(ana.post(ADDRESS, {"look_for": "zebra"}))
    address, anchor = re.search(r'href="(/messages/[^"#]+)#(message-[^"]+)"', page).groups()
    assert f'id="{anchor}"' in text_of(ana.get(address))


def test_no_match_repeats_the_words_and_names_other_places(cast, enter, letters):
    page = text_of(enter(cast.ana).post(ADDRESS, {"look_for": "xylophone & <i>"}))
    assert "No message found: xylophone &amp; &lt;i&gt;" in plain(page) or "xylophone &amp; &lt;i&gt;" in page
    assert reverse("medicines") in page
    assert f'href="{ADDRESS}"' in page


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Write a word to look for"),
        ({"look_for": "a"}, "two letters"),
        ({"look_for": "x" * 201}, "200 letters or fewer"),
        ({"look_for": "ok", "since": "yesterday"}, "like 2026-03-08"),
        ({"look_for": "ok", "since": "0001-01-01"}, "Check the year"),
        ({"look_for": "ok", "since": "2026-02-02", "until": "2026-02-01"}, "before the first day"),
        ({"look_for": "ok", "writer": "somebody"}, "Choose a person"),
        ({"look_for": "ok", "category": "gossip"}, "Choose a topic"),
        ({"look_for": "a\x00b"}, "hidden character"),
    ],
)
def test_what_cannot_be_looked_for_is_said_and_kept_in_the_form(cast, enter, sent, words):
    page = enter(cast.ana).post(ADDRESS, sent)
    assert page.status_code == 422
    assert words in text_of(page)


def test_the_reading_names_what_was_found_and_under_seal_what_was_looked_for(cast, enter, letters):
    found(enter(cast.ana), "fever")
    event = AuditEvent.objects.filter(type="access", subtype="search").latest()
    (hit,) = Message.objects.filter(thread=letters["knee"], author=cast.okafor)
    assert {name for name in event.shown if not name.startswith("accounts.relatedperson:")} == {
        f"accounts.patient:{cast.patient('ana').pk}",
        f"messaging.thread:{letters['knee'].pk}",
        f"messaging.message:{hit.pk}",
    }
    assert event.patient_id == cast.patient("ana").pk
    assert event.purpose_of_use == "PATRQT"
    assert b"fever" not in bytes(event.query)
    assert unseal(event, "query", receipt=_issue(event.pk, [event])) == "look_for: fever"


def test_a_search_that_finds_nothing_is_an_event_too(cast, enter, letters):
    before = AuditEvent.objects.filter(subtype="search").count()
    found(enter(cast.rosa), "xylophone")
    event = AuditEvent.objects.filter(subtype="search").latest()
    assert AuditEvent.objects.filter(subtype="search").count() == before + 1
    assert event.on_behalf_of == cast.patient("ana").pk


def test_what_was_looked_for_is_not_kept_when_the_session_is_over(cast, enter):
    browser = enter(cast.ana)
    session_over(cast.ana)
    away = browser.post(
        ADDRESS, {"look_for": "xylophone"}, headers={"referer": f"http://testserver{ADDRESS}"}
    )
    assert away.status_code == 302
    assert "xylophone" not in away["Location"]
    assert not KeptForm.objects.exists()


def session_over(user) -> None:
    from accounts.models import Session

    Session.objects.filter(user=user).update(last_seen_at=timezone.now() - timedelta(days=2))


def test_looking_is_a_post_and_a_word_in_the_address_does_nothing(cast, enter, letters):
    page = enter(cast.ana).get(ADDRESS, {"look_for": "swollen"})
    assert page.status_code == 200
    assert not re.search(r'<mark>|class="found"|value="swollen"', text_of(page))


def test_a_search_costs_the_same_statements_for_many_hits_as_for_few(work, cast, enter, count_statements):
    browser = enter(cast.ana)
    thread = work.thread(body="A knee")
    found(browser, "knee")
    few = count_statements(lambda: browser.post(ADDRESS, {"look_for": "knee"}))
    for n in range(12):
        thread.post(author=(cast.ana, cast.okafor, cast.rosa)[n % 3], body=f"Knee {n}")
    assert count_statements(lambda: browser.post(ADDRESS, {"look_for": "knee"})) == few
    assert few <= 16


def test_messages_from_before_there_was_a_search_are_made_findable(cast, enter, letters):
    MessageWords.objects.all().delete()
    ana = enter(cast.ana)
    assert found(ana, "swollen") == []
    assert "cannot be searched yet" in text_of(ana.post(ADDRESS, {"look_for": "swollen"}))
    said = StringIO()
    call_command("rebuild_search", dry_run=True, stdout=said)
    assert said.getvalue() == "4 messages are to be prepared for search.\n"
    assert not MessageWords.objects.exists()
    before = AuditEvent.objects.count()
    call_command("rebuild_search", batch=3, stdout=said)
    assert said.getvalue().endswith("4 messages prepared for search.\n")
    assert len(found(ana, "swollen")) == 2
    assert len(found(ana, "metformina")) == 1
    events = AuditEvent.objects.filter(subtype="index")
    assert {event.agent_id for event in events} == {"system:search-index"}
    assert sum(len(event.shown) for event in events) == 4 + 3
    assert AuditEvent.objects.count() > before
    call_command("rebuild_search", stdout=said)
    assert said.getvalue().endswith("0 messages prepared for search.\n")


def test_rows_of_older_rules_are_made_anew(letters):
    MessageWords.objects.update(rules=0, digests=[])
    call_command("rebuild_search", stdout=StringIO())
    assert not MessageWords.objects.filter(digests=[]).exists()


def test_a_search_over_a_pool_finds_each_patients_words_by_her_own_key(work, cast, letters):
    """The team's search asks under the keys of all its patients at once."""
    patients = [cast.patient("ana").pk, cast.patient("ben").pk]
    of_both, of_his = having("swollen knee", patients), having("swollen knee", patients[1:])
    assert {message.patient_id for message in of_both} == set(patients)
    assert [message.thread_id for message in of_his] == [letters["bens"].pk]
    assert not having("swollen knee", []).exists()
    hits = of_both.filter(thread__in=Thread.objects.worked_by(cast.okafor))
    assert {hit.thread_id for hit in hits} == {letters["knee"].pk}


def having(typed, patients):
    return Message.objects.filter(pk__in=messages_having(Wanted.read(typed), of=patients))


def test_a_patient_with_two_keys_is_found_under_both_beside_one_with_a_single_key(cast, letters):
    retired = DataKey.objects.active().get(owner_id=cast.patient("ana").pk)
    retired.state = DataKey.State.RETIRED
    retired.save()
    keys.forget_all()
    newer = letters["knee"].post(author=cast.ana, body="Still swollen, the knee.")
    patients = [cast.patient("ana").pk, cast.patient("ben").pk]
    of_both = having("swollen knee", patients)
    assert {message.thread_id for message in of_both} == {letters["knee"].pk, letters["bens"].pk}
    assert newer in of_both
    assert of_both.count() == 3


def test_the_index_is_asked_for_each_patient_however_many_there_are(cast, letters):
    """With the digests of forty patients in one array the database would rather read the whole table."""
    owners = [uuid4() for _ in range(40)]
    for owner in owners:
        digests(["knee"], owner_id=owner)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_messagewords (message_id, patient_id, rules, digests) SELECT gen_random_uuid(),"
            " %s, 1, ARRAY(SELECT (random() * 1e15)::bigint + n FROM generate_series(1, 20))"
            " FROM generate_series(1, 8000) n",
            [cast.patient("ana").pk],
        )
        cursor.execute("SELECT gin_clean_pending_list('message_words')")
        cursor.execute("ANALYZE messaging_messagewords")
    for typed in ("knee", "swollen knee"):
        plan = having(typed, owners).explain()
        assert "Bitmap Index Scan on message_words" in plan
        assert "Seq Scan on messaging_messagewords" not in plan


def test_the_words_are_written_with_the_message_or_not_at_all(cast, letters, monkeypatch):
    from django.db import IntegrityError

    def refuse(*args: object, **kwargs: object) -> None:
        raise IntegrityError

    monkeypatch.setattr(MessageWords, "save", refuse)
    count = Message.objects.count()
    with pytest.raises(IntegrityError):
        letters["knee"].post(author=cast.ana, body="One more")
    assert Message.objects.count() == count


def test_nothing_of_the_words_enters_the_trail(letters):
    assert not AuditEvent.objects.filter(content_type__model="messagewords").exists()
    assert SystemAgent("system:search-index")
