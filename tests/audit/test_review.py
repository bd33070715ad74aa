from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import trail
from audit.models import AuditEvent
from audit.recorder import record, record_read, record_refusal
from tests.cast import Cast, Enter

pytestmark = pytest.mark.django_db


@pytest.fixture
def mira(cast: Cast, enter: Enter) -> Client:
    return enter(cast.mira)


def text_of(response: Any) -> str:
    main = re.search(r"<main.*</main>", response.content.decode(), re.S)
    assert main is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main[0])).split())


def rows_of(response: Any) -> list[str]:
    body = re.search(r"<tbody>.*?</tbody>", response.content.decode(), re.S)
    if body is None:
        return []
    return [
        " ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split())
        for row in re.findall(r"<tr>.*?</tr>", body[0], re.S)
    ]


def link(response: Any, words: str) -> str:
    found = re.search(rf'href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?{words}', response.content.decode())
    assert found is not None, f"no link “{words}”"
    return unescape(found[1])


def read(cast: Cast, who: str, whom: str, category: str = "message") -> AuditEvent:
    patient = cast.patient(whom)
    record_read(reader=cast[who], shown=[patient], of=patient, category=category)
    return AuditEvent.objects.order_by("-origin_counter").first()


def test_she_sees_who_read_what_of_whom(mira: Client, cast: Cast) -> None:
    read(cast, "okafor", "ana", "medicine")
    rows = rows_of(mira.get("/audit/events/"))
    assert re.search(r"Dr Chidi Okafor physician Opened: medicines \S+ Care", rows[0])


def test_she_sees_nothing_clinical_and_no_patients_name(mira: Client, cast: Cast) -> None:
    for who in ("okafor", "ana", "rosa"):
        read(cast, who, "ana")
    page = mira.get("/audit/events/").content.decode()
    event = AuditEvent.objects.filter(agent_id=str(cast.ana.pk)).order_by("-origin_counter")[0]
    page += mira.get(f"/audit/events/{event.pk}/").content.decode()
    for name in ("Ana", "Alvarez", "Rosa", "Whitfield"):
        assert name not in page


def test_looking_is_an_event_with_what_was_looked_for(mira: Client, cast: Cast) -> None:
    """AU7"""
    read(cast, "okafor", "ana")
    reads = AuditEvent.objects.filter(type="access")
    before = reads.count()
    mira.get("/audit/events/?sort=read")
    looks = AuditEvent.objects.filter(data_category="audit")
    assert reads.count() == before + looks.count()
    assert {event.agent_id for event in looks} == {str(cast.mira.pk)}
    assert {event.subtype for event in looks} == {"search"}
    assert cast.patient("ana").pk in {event.patient_id for event in looks}
    assert all(event.query and b"sort=read" not in bytes(event.query) for event in looks)
    detail = text_of(mira.get(f"/audit/events/{looks[0].pk}/"))
    assert "Looked for sort=read" in detail
    opened = AuditEvent.objects.filter(data_category="audit", subtype="read")
    assert [event.object_pk for event in opened] == [str(looks[0].pk)]


@pytest.mark.parametrize("who", ["ana", "ben", "rosa", "okafor", "lund", "maya", "sam", "root"])
def test_nobody_else_reviews(cast: Cast, enter: Enter, who: str) -> None:
    event = read(cast, "okafor", "ana")
    browser = enter(cast[who], client=Client(raise_request_exception=False))
    for address in ("/audit/events/", f"/audit/events/{event.pk}/"):
        assert browser.get(address).status_code == 403
        assert AuditEvent.objects.filter(type="refusal", agent_id=str(cast[who].pk)).exists()
    assert browser.post("/audit/events/", {"patient": "1"}).status_code == 403
    assert not AuditEvent.objects.filter(data_category="audit").exists()
    assert not AuditEvent.objects.visible_to(cast[who]).exists()


def test_nobody_writes_there(mira: Client, cast: Cast) -> None:
    event = read(cast, "okafor", "ana")
    address = f"/audit/events/{event.pk}/"
    for method in ("post", "put", "patch", "delete"):
        assert getattr(mira, method)(address).status_code == 405
        if method != "post":  # that looks for something
            assert getattr(mira, method)("/audit/events/").status_code == 405


def test_an_unknown_event_is_not_found(mira: Client) -> None:
    assert mira.get(f"/audit/events/{uuid4()}/").status_code == 404
    assert AuditEvent.objects.filter(type="refusal", outcome_reason="absent").count() == 1


class TestFilters:
    def rows(self, browser: Client, query: str) -> list[str]:
        response = browser.get(f"/audit/events/?{query}")
        assert response.status_code == 200
        return rows_of(response)

    def test_by_person(self, mira: Client, cast: Cast) -> None:
        read(cast, "okafor", "ana")
        read(cast, "lund", "ben")
        rows = self.rows(mira, f"person={cast.okafor.pk}&sort=read")
        assert len(rows) == 1
        assert "Okafor" in rows[0]
        assert len(self.rows(mira, f"person={uuid4()}")) == 0

    def test_by_patient_with_her_record_number_or_reference(self, mira: Client, cast: Cast) -> None:
        read(cast, "okafor", "ana")
        read(cast, "lund", "ben")
        first = mira.get(f"/audit/events/?patient={cast.patient('ana').pk}&person={cast.okafor.pk}")
        number = re.search(r"Patient’s record number: (\S+)", text_of(first))
        assert number is not None
        by_number = mira.post("/audit/events/", {"patient": number[1].lower(), "person": cast.okafor.pk})
        assert by_number.status_code == 302
        assert rows_of(mira.get(by_number["Location"])) == rows_of(first)
        assert len(rows_of(first)) == 1
        assert not self.rows(mira, f"patient={uuid4()}")

    def test_by_what_and_how_it_ended(self, mira: Client, cast: Cast) -> None:
        record_refusal(agent=cast.lund, target=cast.patient("ana"), reason="hidden")
        record(agent=cast.lund, type="login", subtype="login", outcome="4", category="sign-in")
        refused = self.rows(mira, "sort=refused")
        assert len(refused) == 1
        assert "Dr Ingrid Lund" in refused[0]
        assert "Refused Not theirs to see" in refused[0]
        failed = self.rows(mira, "outcome=4")
        assert len(failed) == 1
        assert "Tried: Signed in" in failed[0]

    def test_by_day_on_the_clinics_clock(self, mira: Client, cast: Cast, settings: Any) -> None:
        read(cast, "okafor", "ana")
        today = datetime.now(ZoneInfo(settings.CLINIC_TIME_ZONE)).date()
        day = timedelta(days=1)
        who = f"person={cast.okafor.pk}&sort=read"
        assert len(self.rows(mira, f"{who}&since={today}&until={today}")) == 1
        assert len(self.rows(mira, f"{who}&until={today - day}")) == 0
        assert len(self.rows(mira, f"{who}&since={today + day}")) == 0

    def test_they_are_shown_counted_and_can_be_taken_away(self, mira: Client, cast: Cast) -> None:
        read(cast, "okafor", "ana")
        response = mira.get(f"/audit/events/?person={cast.okafor.pk}&sort=read")
        said = text_of(response)
        assert "Who: Dr Chidi Okafor, physician" in said
        assert "What they did: Opened or listed" in said
        assert "1 event." in said
        assert "America/New York" in said
        assert "?sort=read" in response.content.decode()

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("patient=Ana+Alvarez", "An address cannot hold a record number"),
            ("patient=" + "9" * 61, "A record number is shorter than that"),
            ("patient=%00", ""),
            ("person=okafor", "Choose a person from the list"),
            ("person=%F0%9F%98%80", "Choose a person from the list"),
            ("sort=everything", "Choose what they did from the list"),
            ("outcome=9", "Choose how it ended from the list"),
            ("since=yesterday", "The first day is not a date"),
            ("until=2026-02-30", "The last day is not a date"),
            ("since=0001-01-01", "There are no events on that day"),
            ("until=9999-12-31", "There are no events on that day"),
            ("since=2026-03-08&until=2026-03-07", "The last day is before the first day"),
            ("older=first", "This page of the list cannot be found"),
            ("newer=" + "f" * 14 + "-" + "g" * 32, "This page of the list cannot be found"),
            ("older=-1-" + "0" * 32, "This page of the list cannot be found"),
        ],
    )
    def test_a_bad_one_is_said_and_kept(self, mira: Client, query: str, words: str) -> None:
        response = mira.get(
            f"/audit/events/?sort=read&{query}" if "sort" not in query else f"/audit/events/?{query}"
        )
        assert response.status_code in (400, 422)
        if words:
            assert response.status_code == 422
            assert words in text_of(response)
            assert 'value="read" selected' in response.content.decode() or "sort" in query
        assert rows_of(response) == []


class TestALookForARecordNumber:
    """The number is sent, and never stands in an address."""

    def number(self, mira: Client, cast: Cast) -> str:
        page = text_of(mira.get(f"/audit/events/?patient={cast.patient('ana').pk}"))
        found = re.search(r"Patient’s record number: (\S+)", page)
        assert found is not None
        return found[1]

    def test_it_leads_to_an_address_with_her_reference(self, mira: Client, cast: Cast) -> None:
        number = self.number(mira, cast)
        answer = mira.post(
            "/audit/events/", {"patient": f" {number} ", "sort": "read", "older": "1", "outcome": ""}
        )
        assert answer.status_code == 302
        assert answer["Location"] == f"/audit/events/?patient={cast.patient('ana').pk}&sort=read"
        page = mira.get(answer["Location"])
        assert f'name="patient" type="text" value="{number}"' in page.content.decode()
        assert "Patient’s record number: " + number in text_of(page)

    def test_without_any_filter_it_leads_to_the_whole_list(self, mira: Client) -> None:
        assert mira.post("/audit/events/", {"patient": " "})["Location"] == "/audit/events/"

    def test_an_address_with_a_number_is_not_followed(self, mira: Client, cast: Cast) -> None:
        answer = mira.get("/audit/events/", {"patient": self.number(mira, cast)})
        assert answer.status_code == 422
        assert rows_of(answer) == []

    def test_a_number_that_nobody_has_is_said_kept_and_written_down(self, mira: Client, cast: Cast) -> None:
        answer = mira.post("/audit/events/", {"patient": "RC-99999", "sort": "read"})
        assert answer.status_code == 422
        assert "No patient has this record number" in text_of(answer)
        assert 'value="RC-99999"' in answer.content.decode()
        assert 'value="read" selected' in answer.content.decode()
        event = AuditEvent.objects.get(type="access", outcome="4")
        assert (event.agent_id, event.subtype, event.patient_id) == (str(cast.mira.pk), "search", None)
        assert event.query and b"99999" not in bytes(event.query)
        detail = text_of(mira.get(f"/audit/events/{event.pk}/"))
        assert "Looked for patient=RC-99999" in detail
        assert "Nobody has this record number" in detail

    def test_what_could_not_be_looked_for_is_no_search(self, mira: Client) -> None:
        assert mira.post("/audit/events/", {"patient": "9" * 61}).status_code == 422
        assert mira.post("/audit/events/", {"sort": "everything"}).status_code == 422
        assert not AuditEvent.objects.filter(type="access").exists()

    def test_a_lapsed_session_leaves_no_number_in_the_address(self, mira: Client) -> None:
        with time_machine.travel(timezone.now() + timedelta(minutes=16)):
            answer = mira.post("/audit/events/", {"patient": "RC-4711"})
        assert answer.status_code == 302
        assert "next=%2Faudit%2Fevents%2F" in answer["Location"]
        assert "4711" not in answer["Location"]

    def test_it_is_taken_only_from_our_own_page(self, cast: Cast, enter: Enter) -> None:
        browser = enter(cast.mira, client=Client(enforce_csrf_checks=True))
        assert browser.post("/audit/events/", {"patient": "RC-4711"}).status_code == 403


class TestPages:
    def test_older_and_newer_show_every_event_once(self, mira: Client, cast: Cast) -> None:
        """Events of one statement share their moment; the page ends between two of them."""
        ana = cast.patient("ana")
        rows = [trail.Row(patient_id=ana.pk, obj=ana) for _ in range(120)]
        trail.write(type="access", subtype="read", action="R", data_category="test", rows=rows)
        address = "/audit/events/?person=system:shell&sort=read"
        pages, seen = [], []
        while True:
            response = mira.get(address)
            pages.append(address)
            seen.append(re.findall(r"/audit/events/([0-9a-f-]{36})/", response.content.decode()))
            if ">Older" not in response.content.decode():
                break
            address = link(response, "Older")
        flat = [ref for page in seen for ref in page]
        assert [len(page) for page in seen] == [50, 50, 20]
        assert len(set(flat)) == 120
        assert flat == sorted(flat, reverse=True)
        back = mira.get(link(response, "Newer"))
        assert re.findall(r"/audit/events/([0-9a-f-]{36})/", back.content.decode()) == seen[1]
        newest = mira.get(link(back, "Newer"))
        assert re.findall(r"/audit/events/([0-9a-f-]{36})/", newest.content.decode()) == seen[0]
        assert "Newer" not in text_of(newest)

    def test_statements_do_not_grow_with_rows(self, mira: Client, cast: Cast) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as found:
                assert mira.get("/audit/events/").status_code == 200
            # Once in a second a request also leaves its mark on the session.
            return len([one for one in found.captured_queries if "last_seen_at" not in one["sql"][:60]])

        statements()
        few = statements()
        for who, whom in (
            ("okafor", "ana"),
            ("lund", "ben"),
            ("maya", "ana"),
            ("sam", "ben"),
            ("rosa", "ana"),
        ):
            for _ in range(8):
                read(cast, who, whom)
        assert statements() == few
        assert few <= 12


class TestOneEvent:
    def test_it_shows_before_and_after_and_the_event_before(self, mira: Client, cast: Cast) -> None:
        cast.lund.deactivate(by=cast.root)
        event = AuditEvent.objects.filter(object_pk=str(cast.lund.pk), type="change", action="U").latest()
        said = text_of(mira.get(f"/audit/events/{event.pk}/"))
        assert "is_active True False" in said
        assert str(event.request_id or event.pk) in said
        assert "security_stamp" not in said

    def test_it_lists_what_was_shown(self, mira: Client, cast: Cast) -> None:
        event = read(cast, "okafor", "ana")
        said = text_of(mira.get(f"/audit/events/{event.pk}/"))
        assert f"accounts.patient:{cast.patient('ana').pk}" in said
        assert "1 record was shown" in said


def test_the_patient_hears_of_each_visit_once(cast: Cast) -> None:
    ana = cast.patient("ana")
    for _ in range(3):
        read(cast, "okafor", "ana")
    read(cast, "okafor", "ana", "medicine")
    read(cast, "maya", "ana")
    read(cast, "lund", "ben")
    record_refusal(agent=cast.lund, target=ana, reason="hidden")
    entries = AuditEvent.objects.about_patient(ana.pk)
    assert [(entry.agent_pk, entry.times) for entry in entries] == [(cast.maya.pk, 1), (cast.okafor.pk, 4)]
    assert entries[1].what == ("Read your messages", "Looked at your medicines")
    assert entries[1].why == "For your care"
    assert entries[1].first_at <= entries[1].last_at
