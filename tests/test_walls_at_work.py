"""What is near to somebody is not there in her work, and a protected record asks why: at every address there is.

The addresses are those of the access matrix. A new one that takes an id and is open to staff is walked from the day
it has its row; where none of the staff gets anything by that row, `OTHERWISE` says who does, and with which thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import FactorLoss, FamilyLink
from accounts.policy import declared
from audit.models import AuditEvent
from tests.accounts.invited import NORA, a_newcomer, invite
from tests.test_access_matrix import FRESH, MATRIX, PEOPLE, ROUTES
from tests.work import words

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from accounts.models import Patient, User
    from messaging.models import Attachment, Message
    from tests.test_access_matrix import Clinic

STAFF = ["okafor", "lund", "maya", "sam", "mira", "root"]
CANARY = "nightjar"
# What names no patient, no conversation, no file and no request, by the beginning of its route.
OF_NO_PATIENT = {
    "people/": "those who work here",
    "teams/": "teams, in numbers",
    "away/": "one's own days away",
    "account/": "one's own account",
    "audit/events/": "the trail, which shows no record; the review of it is about this very thing",
}
# Who reaches what the matrix shows nobody of the staff: by what is her own there.
OTHERWISE = {"inbox-correct": "okafor", "inbox-take-back": "okafor", "api-file": "okafor"}
# It asks for the reason itself.
ASKS = "reason"
# What one address shows in several ways, by the question.
VIEWS = {
    "inbox": [{}, {"view": "mine"}, {"view": "with-patient"}, {"view": "finished"}],
    "api-threads": [{"side": "team"}],
    "api-refills": [{"side": "team"}],
}
Way = tuple[str, str, str]


def ways() -> list[Way]:
    """Every address with an id, every method, and everybody of the staff to whom it opens something."""
    found = []
    for (name, method), row in MATRIX.items():
        route, pattern = ROUTES[name]
        if "<uuid" not in route or name == ASKS or any(route.startswith(begins) for begins in OF_NO_PATIENT):
            continue
        cells = dict(zip(PEOPLE, row.split(), strict=True))
        fresh = declared(pattern.callback)[method].fresh_for
        may = [
            who
            for who in STAFF
            if cells[who] not in ("401", "403", "404") and FRESH.get((name, fresh, who)) != 404
        ]
        if not may and any(cells[who] == "404" for who in STAFF):
            assert name in OTHERWISE, f"{name}: say who of the staff reaches what there"
            may = [OTHERWISE[name]]
        found += [(name, method, who) for who in may]
    return found


class AtWork:
    """Ana's things with a word in each, and those of the staff who come to them in their work."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic, self.cast = clinic, clinic.cast
        self.ana: Patient = clinic.cast.patient("ana")
        self.browsers: dict[tuple[str, str], Client] = {}
        self.said: Message = clinic.thread.post(author=clinic.cast.okafor, body=CANARY)
        self.unsent: Attachment = clinic.work.file(clinic.thread, message=None, by="okafor")

        # Before any wall stands: it would stand in the way of making what an address is of.
        self.addresses = {(name, method): self._address(name, method) for name, method, _who in ways()}

    def _address(self, name: str, method: str) -> str:
        if name in ("inbox-correct", "inbox-take-back"):
            return reverse(name, args=[self.clinic.thread.pk, self.said.pk])
        if (name, method) == ("api-file", "delete"):
            return reverse(name, args=[self.unsent.pk])
        return self.clinic.address(name)

    def ask(self, way: Way) -> HttpResponse:
        name, method, who = way
        fresh = declared(ROUTES[name][1].callback)[method].fresh_for
        if (who, fresh) not in self.browsers:
            self.browsers[who, fresh] = self.clinic.enter(self.cast[who], fresh=fresh)
        form = {"content_type": "application/json"} if name.startswith("api-") and "files" not in name else {}
        return getattr(self.browsers[who, fresh], method)(self.addresses[name, method], **form)

    def open_ways(self) -> list[Way]:
        """Those that are open to staff alone: at the others she may stand on the patient's side."""
        return [way for way in ways() if MATRIX[way[0], way[1]].split()[PEOPLE.index("ana")] == "403"]

    def refusals(self, who: str) -> set[str]:
        found = AuditEvent.objects.filter(type="refusal", actor=self.cast[who].pk)
        return set(found.values_list("outcome_reason", flat=True))


@pytest.fixture
def at_work(clinic) -> AtWork:
    return AtWork(clinic)


def near(at_work: AtWork, how: str, person: User) -> None:
    """`person` is the patient's family from now on, or the patient, or her helper."""
    if how == "family":
        FamilyLink.objects.declare(patient=at_work.ana, user=person, by=person)
    elif how == "own":
        at_work.ana.user = person
        at_work.ana.save(update_fields=["user"])
    else:
        from tests.messaging.test_staff_who_are_patients import helped

        helped(at_work.cast, by=next(key for key in at_work.cast if at_work.cast[key] == person))


def test_the_walk_is_long_enough_to_be_one():
    walked = {name for name, _method, _who in ways()}
    assert {"inbox-thread", "file", "api-file", "refill", "desk-patient", "desk-trusted-patient"} <= walked
    assert {"patient-account", "patient-account-close", "desk-trust-go-on", "desk-trusted-new"} <= walked
    assert len(walked) > 35


def test_family_is_kept_away_from_the_record_at_every_address(at_work):
    before = {way: at_work.ask(way).status_code for way in ways() if way[0] in OTHERWISE and way[1] == "get"}
    assert set(before.values()) == {200}, "without family it is there"
    for who in {who for _name, _method, who in ways()}:
        near(at_work, "family", at_work.cast[who])
    answered = {way: at_work.ask(way).status_code for way in ways()}
    assert {way: status for way, status in answered.items() if status != 404} == {}
    assert all(at_work.refusals(who) == {"own-record"} for _name, _method, who in ways())


@pytest.mark.parametrize("who", ["okafor", "sam", "mira", "root"])
@pytest.mark.parametrize("how", ["own", "helper"])
def test_nobody_works_on_her_own_record_or_on_that_of_whom_she_helps(at_work, how, who):
    near(at_work, how, at_work.cast[who])
    walked = [way for way in at_work.open_ways() if way[2] == who]
    answered = {way: at_work.ask(way).status_code for way in walked}
    assert walked
    assert {way: status for way, status in answered.items() if status != 404} == {}
    assert at_work.refusals(who) == {"own-record"}


def test_a_protected_record_asks_why_at_every_address(at_work):
    at_work.ana.protect(asks_reason=True, by=at_work.cast.okafor)
    asks = reverse(ASKS, args=[at_work.ana.pk])
    opened = {}
    for way in ways():
        answer = at_work.ask(way)
        if way[0].startswith("api-"):
            asked = answer.status_code == 403 and answer.json()["code"] == "reason_needed"
        else:
            asked = answer.status_code == 302 and answer["Location"].split("?")[0] == asks
        if not asked:
            opened[way] = answer.status_code
    assert opened == {}
    shown = AuditEvent.objects.filter(type="access", patient_id=at_work.ana.pk, subtype="read")
    assert not shown.filter(actor__in=[at_work.cast[who].pk for who in STAFF]).exists()


@pytest.mark.parametrize("who", ["okafor", "sam", "mira", "root"])
def test_whoever_is_asked_can_say_why_and_is_there(at_work, who):
    at_work.ana.protect(asks_reason=True, by=at_work.cast.okafor)
    way = next(way for way in ways() if way[1] == "get" and way[2] == who and not way[0].startswith("api-"))
    browser, page = at_work.clinic.enter(at_work.cast[who]), at_work.addresses[way[0], "get"]
    asks = browser.get(page)["Location"]
    assert browser.get(asks).status_code == 200
    assert browser.post(asks, {"reason": "She called.", "next": page})["Location"] == page
    assert browser.get(page).status_code == 200


def test_who_is_near_is_not_even_asked(at_work):
    at_work.ana.protect(asks_reason=True, by=at_work.cast.okafor)
    near(at_work, "family", at_work.cast.sam)
    assert at_work.clinic.enter(at_work.cast.sam).get(reverse(ASKS, args=[at_work.ana.pk])).status_code == 404


@pytest.mark.parametrize("who", STAFF)
@pytest.mark.parametrize("wall", ["family", "protected"])
def test_no_list_says_more_than_the_wall_lets_through(cast, work, enter, half, who, wall):
    """Every page without an id. Of a protected record a list may say who waits, and no word of what for."""
    thread = work.thread(subject=CANARY, body=CANARY)
    item = work.refill(of=work.medicine(name=CANARY, directions=CANARY, schedule="IV"), comment=CANARY)
    ana = cast.patient("ana")
    hidden = [CANARY]
    if wall == "family":
        FamilyLink.objects.declare(patient=ana, user=cast[who], by=cast[who])
        hidden += ["Ana Alvarez", "RC-104417", str(ana.pk), str(thread.pk), str(item.pk)]
    else:
        ana.protect(asks_reason=True, by=cast.okafor)
        hidden += ["Schedule IV"]
    browser = enter(cast[who])
    seen = {}
    for (name, method), _row in MATRIX.items():
        route, _pattern = ROUTES[name]
        if method == "get" and "<" not in route and not route.startswith("audit/"):
            for query in VIEWS.get(name, [{}]):
                seen[name, str(query)] = browser.get(reverse(name), query).content.decode()
    assert [(where, word) for where, page in seen.items() for word in hidden if word in page] == []


def test_the_queue_of_refills_shows_whose_turn_it_is_and_after_the_reason_what_for(cast, work, enter):
    work.refill(of=work.medicine(name="Zolpidem 5 mg", schedule="IV"), comment="I cannot sleep.")
    ana, browser = cast.patient("ana"), enter(cast.okafor)
    ana.protect(asks_reason=True, by=cast.okafor)
    page = words(browser.get(reverse("refills")))
    assert "Ana Alvarez" in page and "Protected record" in page
    (row,) = browser.get(reverse("api-refills"), {"side": "team"}).json()["results"]
    assert (row["medicine"], row["directions"], row["comment"], row["eligibility"]) == (
        "Protected record", "", "", None,
    )  # fmt: skip
    browser.post(reverse(ASKS, args=[ana.pk]), {"reason": "Her call."})
    assert "Zolpidem 5 mg" in words(browser.get(reverse("refills")))
    (row,) = browser.get(reverse("api-refills"), {"side": "team"}).json()["results"]
    assert (row["medicine"], row["comment"]) == ("Zolpidem 5 mg", "I cannot sleep.")


# The desk's look-ups, which take a number and no id.

LOOK_UPS = {
    "desk-patients": 302,
    "desk-trusted": 302,
    "patient-accounts": 302,
    "desk-lost": 200,
}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_a_look_up_finds_family_of_nobody_who_looks(cast, enter, name):
    nora = a_newcomer(cast)
    nora.user = cast.rosa
    nora.save(update_fields=["user"])
    sent = {"record_number": "RC-105511", "birth_date": NORA["birth_date"]}
    found = {}
    for is_family in (True, False):
        loss = FactorLoss.objects.ask(by=cast.rosa)
        if is_family:
            link = FamilyLink.objects.declare(patient=nora, user=cast.sam, by=cast.sam)
        found[is_family] = enter(cast.sam).post(reverse(name), sent).status_code
        loss.refresh_from_db()
        assert (loss.checked_at is None) is (is_family or name != "desk-lost")
        tried = AuditEvent.objects.filter(
            actor=cast.sam.pk,
            outcome_reason="own-record",
            patient_id=nora.pk,
            recorded_at__gte=link.starts_at,
        )
        assert tried.count() == 1
        link.ends_at = timezone.now()
        link.save(update_fields=["ends_at"])
    assert found[False] == LOOK_UPS[name]
    assert found[True] in (409, 422)


def test_the_lists_of_accounts_leave_family_out(cast, enter):
    nora = a_newcomer(cast)
    invite(cast, nora)
    assert "RC-105511" in words(enter(cast.sam).get(reverse("patient-accounts")))
    FamilyLink.objects.declare(patient=nora, user=cast.sam, by=cast.sam)
    assert "RC-105511" not in words(enter(cast.sam).get(reverse("patient-accounts")))
