"""One patient with two records: joined they are one to those whose they are, and to nobody more; parted, as before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.urls import reverse

from accounts.models import (
    CareRelationship,
    Notification,
    Patient,
    ProxyGrant,
    RecordJoin,
    RecordState,
    Scope,
    Session,
    Trust,
    User,
)
from accounts.record_refusals import (
    AccountOfStaff,
    JoinedAway,
    JoinGone,
    LaterJoinFirst,
    MayNotJoin,
    OneHelpsTheOther,
    SameRecord,
    SomebodyElse,
    StatesDiffer,
)
from accounts.refusals import NotYourOwn
from audit.context import SystemAgent
from audit.models import AuditEvent
from messaging.models import Category, Draft, Message, Thread
from messaging.refusals import RecordJoined
from tests.letters import begin, write
from tests.work import words

FOUNDER = SystemAgent("system:demo")


@dataclass
class Twins:
    """Ana's record, and a second one that somebody opened for her: with an account, a helper and a conversation."""

    cast: object
    work: object
    twin: Patient
    account: User
    helper: User
    thread: Thread

    @property
    def ana(self) -> Patient:
        return Patient.objects.get(pk=self.cast.patient("ana").pk)

    def now(self) -> Patient:
        return Patient.objects.get(pk=self.twin.pk)

    def sam(self) -> User:
        return self.work.again("sam")

    def join(self, **more) -> RecordJoin:
        return RecordJoin.objects.ask(
            **{
                "patient": self.now(),
                "survivor": self.ana,
                "reason": "Registered twice in May.",
                "births_differ": False,
                "by": self.sam(),
                **more,
            }
        )

    def part(self, join: RecordJoin, **more) -> None:
        join.part(reason="Two people of one name.", **{"by": self.sam(), **more})


def account(key: str) -> User:
    return User.objects.enrol(email=f"{key}@twins.example", password="a-long-way-to-go", by=FOUNDER)


@pytest.fixture
def twins(cast, work) -> Twins:
    user = account("twin")
    twin = Patient.objects.register(
        name="Ana M. Alvarez", birth_date="1958-03-14", record_number="RC-118800", user=user, by=FOUNDER
    )
    cast.team("lund").care_for(patient=twin, lead=cast.lund, is_primary=True, by=FOUNDER)
    cast.team("desk").care_for(patient=twin, by=FOUNDER)
    helper = account("helper")
    Trust.objects.give(
        patient=twin, proxy=helper, relationship="friend", scopes=list(Scope), quietly=True, by=FOUNDER
    )
    thread = Thread.objects.start(
        by=user,
        patient=twin,
        category=Category.objects.get(code="medical_question"),
        subject="Kingfisher cough",
        body="The kingfisher cough came back.",
    )
    return Twins(cast, work, twin, user, helper, thread)


def sees(browser, text: str) -> dict[str, bool]:
    """Where on the patient's side this text is found: in the list, by a search, by the program's door."""
    found = browser.post(reverse("message-search"), {"look_for": "kingfisher"})
    return {
        "list": text in browser.get(reverse("messages")).content.decode(),
        "search": "cough came back." in words(found),
        "program": text in browser.get(reverse("api-threads")).content.decode(),
    }


EVERYWHERE = {"list": True, "search": True, "program": True}
NOWHERE = {"list": False, "search": False, "program": False}


def test_what_was_in_the_other_record_is_hers_while_they_are_joined_and_not_a_moment_longer(
    twins, cast, enter
):
    ana, rosa = enter(cast.ana), enter(cast.rosa)
    address = reverse("thread", args=[twins.thread.pk])
    assert sees(ana, "Kingfisher cough") == NOWHERE
    assert ana.get(address).status_code == 404

    join = twins.join()
    assert sees(ana, "Kingfisher cough") == EVERYWHERE
    before = AuditEvent.objects.count()
    assert "The kingfisher cough came back." in words(ana.get(address))
    events = AuditEvent.objects.order_by("id")[before:]
    assert {(e.patient_id, e.actor_id, e.purpose_of_use) for e in events if e.type == "access"} == {
        (twins.twin.pk, cast.ana.pk, "PATRQT")
    }
    # Whom she trusted with one record sees nothing of the other, on no road.
    assert sees(rosa, "Kingfisher cough") == NOWHERE
    assert rosa.get(address).status_code == 404
    assert "Kingfisher" not in words(rosa.get(reverse("medicines")))

    twins.part(join)
    assert sees(ana, "Kingfisher cough") == NOWHERE
    assert ana.get(address).status_code == 404


def test_an_old_conversation_takes_replies_and_a_new_one_goes_to_the_record_that_stays(twins, cast, enter):
    join = twins.join()
    ana = enter(cast.ana)
    address = reverse("thread-replies", args=[twins.thread.pk])
    assert ana.post(address, {"body": "Still coughing."}).status_code == 302
    reply = Message.objects.filter(thread=twins.thread).latest("sent_at")
    assert (reply.patient_id, reply.author_id) == (twins.twin.pk, cast.ana.pk)
    lund = enter(cast.lund)
    page = words(lund.get(reverse("inbox-thread", args=[twins.thread.pk])))
    assert "Still coughing." in page
    # The team knows one person by one name, and where this was filed.
    assert "Ana Alvarez" in page and "RC-104417" in page and "RC-118800" in page
    assert "Ana Alvarez" in words(lund.get(reverse("inbox")))

    sent = write(ana, {"category": "medical_question", "subject": "A new matter", "body": "My knee."})
    assert sent.status_code == 302
    assert Thread.objects.latest("opened_at").patient_id == cast.patient("ana").pk
    # A team of either record is hers now: she may choose it.
    care = CareRelationship.objects.filter(patient=twins.ana, team=cast.team("lund"))
    assert care.current().exists()

    twins.part(join)
    assert not care.current().exists()
    assert lund.get(reverse("inbox-thread", args=[twins.thread.pk])).status_code == 200


def test_a_helper_of_the_joined_record_keeps_what_she_had_and_begins_nothing(twins, cast, enter):
    confidential = Thread.objects.start(
        by=twins.account,
        patient=twins.twin,
        category=Category.objects.get(code="medical_question"),
        subject="Between us",
        body="Only for you.",
        confidential=True,
    )
    hers = twins.work.thread(subject="Lantern knee")
    join = twins.join()
    helper = enter(twins.helper)
    assert sees(helper, "Kingfisher cough") == EVERYWHERE
    assert sees(helper, "Lantern knee")["list"] is False
    assert helper.get(reverse("thread", args=[hers.pk])).status_code == 404
    assert helper.get(reverse("thread", args=[confidential.pk])).status_code == 404
    assert enter(cast.ana).get(reverse("thread", args=[confidential.pk])).status_code == 200
    answer = helper.post(reverse("thread-replies", args=[twins.thread.pk]), {"body": "For her."})
    assert answer.status_code == 302
    refused = helper.post(reverse("message-new"), {"now": "no"})
    assert refused.status_code == 409
    assert str(RecordJoined.words) in words(refused)
    assert not Thread.objects.filter(patient=twins.ana, started_by=twins.helper).exists()

    # Given anew, it takes in both; and of that nothing is left when they are parted.
    Trust.objects.give(
        patient=twins.ana,
        proxy=twins.helper,
        relationship="friend",
        scopes=list(Scope),
        by=twins.work.again("ana"),
    )
    helper = enter(twins.helper)
    assert sees(helper, "Kingfisher cough") == EVERYWHERE
    assert helper.get(reverse("thread", args=[hers.pk])).status_code == 200
    assert helper.get(reverse("thread", args=[confidential.pk])).status_code == 404
    twins.part(join)
    assert helper.get(reverse("thread", args=[twins.thread.pk])).status_code == 404
    assert not ProxyGrant.objects.current().filter(patient=twins.twin).exists()


def test_one_account_stays_and_parting_gives_each_her_own_again(twins, cast, enter):
    browser = enter(twins.account)
    assert browser.get(reverse("messages")).status_code == 200
    join = twins.join()
    assert browser.get(reverse("messages")).status_code == 302
    assert not User.objects.get(pk=twins.account.pk).is_active
    told = Notification.objects.filter(notice__in=["account_closed", "record_changed"])
    assert set(told.values_list("person", "notice")) == {
        (twins.account.pk, "account_closed"),
        (cast.ana.pk, "record_changed"),
    }
    twins.part(join)
    assert User.objects.get(pk=twins.account.pk).is_active
    assert twins.now().user_id == twins.account.pk
    assert sees(enter(twins.account), "Kingfisher cough") == EVERYWHERE
    told = Notification.objects.filter(event_key__contains="parted").values_list("person", flat=True)
    assert set(told) == {twins.account.pk, cast.ana.pk}


def test_the_only_account_goes_along_to_the_record_that_stays(twins, cast, enter):
    bare = Patient.objects.register(
        name="Ana Alvarez", birth_date="1958-03-14", record_number="RC-120000", by=FOUNDER
    )
    cast.team("desk").care_for(patient=bare, is_primary=True, by=FOUNDER)
    join = twins.join(survivor=bare)
    assert Patient.objects.get(pk=bare.pk).user_id == twins.account.pk
    assert twins.now().user_id is None
    assert User.objects.get(pk=twins.account.pk).patient_id == bare.pk
    assert sees(enter(twins.account), "Kingfisher cough") == EVERYWHERE
    twins.part(join)
    assert twins.now().user_id == twins.account.pk
    assert Patient.objects.get(pk=bare.pk).user_id is None


def test_a_notice_of_the_other_record_does_not_leave_after_they_were_parted(twins, cast):
    join = twins.join()
    twins.thread.post(author=twins.work.again("lund"), body="Drink a lot.")
    notice = Notification.objects.get(notice="new_message", person=cast.ana)
    assert notice.patient_id == twins.twin.pk and notice.is_wanted
    twins.part(join)
    assert not Notification.objects.get(pk=notice.pk).is_wanted


def test_every_way_two_records_cannot_be_joined_has_a_name(twins, cast):
    with pytest.raises(SameRecord):
        twins.join(patient=twins.ana)
    with pytest.raises(MayNotJoin):
        twins.join(by=twins.work.again("okafor"))
    with pytest.raises(MayNotJoin):
        twins.join(by=twins.work.again("root"))
    with pytest.raises(NotYourOwn):
        trust = Trust.objects.give(
            patient=twins.twin,
            proxy=cast.sam,
            relationship="friend",
            scopes=["read"],
            quietly=True,
            by=FOUNDER,
        )
        twins.join()
    trust.end(by=FOUNDER)
    RecordState.objects.begin(
        patient=twins.now(), state="deceased", reason="Her son called.", by=twins.work.again("sam")
    )
    with pytest.raises(StatesDiffer):
        twins.join()
    with pytest.raises(StatesDiffer):
        twins.join(patient=twins.ana, survivor=twins.now())
    RecordState.objects.begin(
        patient=twins.now(), state="active", reason="It was her neighbour.", by=twins.work.again("sam")
    )
    between = Trust.objects.give(
        patient=twins.twin,
        proxy=cast.ana,
        relationship="friend",
        scopes=["read"],
        quietly=True,
        by=FOUNDER,
    )
    with pytest.raises(OneHelpsTheOther):
        twins.join()
    between.end(by=FOUNDER)
    from accounts.models import RoleGrant

    role = RoleGrant.objects.give(user=twins.account, role="nurse", by=FOUNDER)
    with pytest.raises(AccountOfStaff):
        twins.join()
    role.withdraw(by=FOUNDER)
    assert not RecordJoin.objects.exists()
    twins.join()
    with pytest.raises(SameRecord):
        twins.join()
    with pytest.raises(JoinedAway):
        twins.join(survivor=cast.patient("ben"))
    with pytest.raises(JoinedAway):
        RecordState.objects.begin(
            patient=twins.now(), state="inactive", reason="Moved.", by=twins.work.again("sam")
        )


def test_different_birth_dates_need_a_second_person(twins, cast):
    join = twins.join(births_differ=True)
    assert twins.now().joined_into_id is None
    with pytest.raises(SomebodyElse):
        join.confirm(by=twins.sam())
    with pytest.raises(MayNotJoin):
        join.confirm(by=twins.work.again("okafor"))
    from accounts.models import RoleGrant

    RoleGrant.objects.give(user=cast.maya, role="front-desk", by=FOUNDER)
    join.confirm(by=twins.work.again("maya"))
    assert twins.now().joined_into_id == cast.patient("ana").pk
    with pytest.raises(JoinGone):
        join.confirm(by=twins.work.again("maya"))
    with pytest.raises(JoinGone):
        join.drop(by=twins.sam())


def test_a_chain_is_one_person_and_is_undone_from_its_end(twins, cast, enter):
    third = Patient.objects.register(
        name="Ana Alvarez", birth_date="1958-03-14", record_number="RC-120000", by=FOUNDER
    )
    cast.team("desk").care_for(patient=third, is_primary=True, by=FOUNDER)
    first = twins.join(survivor=third)
    second = twins.join(patient=Patient.objects.get(pk=third.pk))
    assert Patient.objects.by_record_number("RC-118800") == twins.ana
    assert sees(enter(cast.ana), "Kingfisher cough") == EVERYWHERE
    with pytest.raises(LaterJoinFirst):
        twins.part(first)
    twins.part(second)
    assert twins.now().joined_into_id == third.pk
    assert sees(enter(cast.ana), "Kingfisher cough") == NOWHERE
    twins.part(first)
    assert twins.now().joined_into_id is None
    assert twins.now().user_id == twins.account.pk and User.objects.get(pk=twins.account.pk).is_active


def test_who_is_near_to_one_record_is_near_to_both(twins, cast, enter):
    Trust.objects.give(
        patient=twins.ana,
        proxy=cast.lund,
        relationship="friend",
        scopes=["read"],
        quietly=True,
        by=FOUNDER,
    )
    address = reverse("inbox-thread", args=[twins.thread.pk])
    assert enter(cast.lund).get(address).status_code == 200
    join = twins.join()
    assert enter(cast.lund).get(address).status_code == 404
    assert "Kingfisher" not in words(enter(cast.lund).get(reverse("inbox")))
    twins.part(join)
    assert enter(cast.lund).get(address).status_code == 200


def test_the_patient_and_the_privacy_officer_see_the_events_of_both_records(twins, cast, enter):
    enter(cast.lund).get(reverse("inbox-thread", args=[twins.thread.pk]))
    ana = enter(cast.ana)
    assert "Ingrid Lund" not in words(ana.get(reverse("privacy")))
    join = twins.join()
    page = words(ana.get(reverse("privacy")))
    assert "Ingrid Lund" in page and "Joined two records of yours into one" in page
    # What her other account did was done by herself.
    assert "Not on your care team" not in page
    assert "Ingrid Lund" not in words(enter(cast.rosa).get(reverse("privacy")))
    mira = enter(cast.mira)
    found = mira.post(reverse("audit-events"), {"patient": "RC-118800"}, follow=True)
    assert "RC-104417" in words(found) and "RC-118800" in words(found)
    twins.part(join)
    assert "Ingrid Lund" not in words(ana.get(reverse("privacy")))


def test_a_letter_begun_before_is_sent_to_the_record_that_stays(twins, cast, enter):
    writer = enter(twins.account)
    ref = begin(writer)
    bare = Patient.objects.register(
        name="Ana Alvarez", birth_date="1958-03-14", record_number="RC-120000", by=FOUNDER
    )
    cast.team("desk").care_for(patient=bare, is_primary=True, by=FOUNDER)
    twins.join(survivor=bare)
    writer = enter(twins.account)
    assert str(ref) in writer.get(reverse("drafts")).content.decode()
    writer.post(reverse("draft-topic", args=[ref]), {"category": "technical_help"})
    writer.post(
        reverse("draft-text", args=[ref]), {"subject": "Old words", "body": "Begun before.", "revision": "0"}
    )
    from tests.letters import send

    assert send(writer, ref).status_code == 302
    assert Draft.objects.get(pk=ref).state == "sent"
    assert Thread.objects.latest("opened_at").patient_id == bare.pk


def test_a_state_and_a_protection_hold_for_both(twins, cast):
    twins.ana.protect(asks_reason=True, by=twins.work.again("okafor"))
    join = twins.join()
    assert twins.now().asks_reason
    RecordState.objects.begin(patient=twins.ana, state="deceased", reason="Her son.", by=twins.sam())
    assert twins.now().state == "deceased"
    assert not Trust.objects.standing().filter(patient=twins.twin).exists()
    assert not Session.objects.alive().filter(user=cast.ana).exists()
    twins.part(join)
    assert (twins.now().state, twins.now().asks_reason) == ("active", False)


# The desk's pages.

BOTH = {"record_number": "RC-118800", "birth_date": "1958-03-14"}


def page_of(twins) -> str:
    return reverse("desk-join-other", args=[twins.ana.pk])


def test_the_desk_finds_both_compares_joins_and_parts_them(twins, cast, enter):
    sam = enter(cast.sam, fresh="records")
    record = reverse("desk-patient", args=[twins.ana.pk])
    assert page_of(twins) in sam.get(record).content.decode()
    assert page_of(twins) not in enter(cast.okafor).get(record).content.decode()
    again = enter(cast.sam).get(page_of(twins), follow=True)
    assert again.status_code == 200 and "You are about to change a patient’s record." in words(again)
    wrong = sam.post(page_of(twins), {**BOTH, "birth_date": "1958-03-15"})
    assert wrong.status_code == 422 and "Ana M. Alvarez" not in words(wrong)
    compared = words(sam.post(page_of(twins), BOTH))
    assert "Ana M. Alvarez" in compared and "The names differ." in compared and "1 open" in compared
    assert "The birth dates differ." not in compared

    ask = reverse("desk-join-ask", args=[twins.ana.pk])
    missing = sam.post(ask, {**BOTH, "keep": "this", "reason": ""})
    assert missing.status_code == 422 and "Write why" in words(missing)
    joined = sam.post(ask, {**BOTH, "keep": "this", "reason": "One phone, one street."}, follow=True)
    assert "They are one record now." in words(joined) and "One phone, one street." in words(joined)
    join = RecordJoin.objects.get()
    assert (join.patient_id, join.survivor_id) == (twins.twin.pk, twins.ana.pk)
    assert "RC-118800" in words(sam.get(record))
    # The number of the joined record finds the other one, and nothing of its own opens any more.
    for look_up, opens in (("desk-patients", "desk-patient"), ("patient-accounts", "patient-account")):
        found = sam.post(reverse(look_up), {"record_number": "rc-118800"})
        assert found["Location"] == reverse(opens, args=[twins.ana.pk])
        assert sam.get(reverse(opens, args=[twins.twin.pk])).status_code == 404
    again = sam.post(page_of(twins), BOTH)
    assert str(SameRecord.words) in words(again)

    enter(cast.ana).post(reverse("thread-replies", args=[twins.thread.pk]), {"body": "Better now."})
    address = reverse("desk-join-part", args=[join.pk])
    assert sam.post(address, {"reason": ""}).status_code == 422
    parted = words(sam.post(address, {"reason": "A cousin."}, follow=True))
    assert "They are two records again." in parted
    assert "1 message in record RC-118800" in parted
    events = AuditEvent.objects.filter(type="record", subtype__in=["join", "part"])
    assert sorted(events.values_list("subtype", "patient_id")) == sorted(
        (what, whose) for what in ("join", "part") for whose in (twins.twin.pk, twins.ana.pk)
    )


def test_a_second_person_confirms_unlike_records_or_leaves_them_two(twins, cast, enter):
    from datetime import date

    from accounts.models import RoleGrant

    twins.now().correct_birth_date(date(1985, 3, 14), by=FOUNDER)
    RoleGrant.objects.give(user=cast.maya, role="front-desk", by=FOUNDER)
    sam, maya = enter(cast.sam, fresh="records"), enter(cast.maya, fresh="records")
    ask = reverse("desk-join-ask", args=[twins.ana.pk])
    form = {**BOTH, "birth_date": "1985-03-14", "keep": "this", "reason": "A slip of the pen."}
    for outcome in ("drop", "confirm"):
        page = words(sam.post(ask, form, follow=True))
        assert "Nothing is joined until a second person" in page
        join = RecordJoin.objects.waiting().get()
        assert twins.now().joined_into_id is None
        assert "RC-118800 into RC-104417" in words(maya.get(reverse("desk-joins")))
        assert sam.post(reverse("desk-join-confirm", args=[join.pk])).status_code == 403
        assert maya.post(reverse(f"desk-join-{outcome}", args=[join.pk])).status_code == 302
        assert maya.post(reverse(f"desk-join-{outcome}", args=[join.pk])).status_code == 409
    assert twins.now().joined_into_id == twins.ana.pk


def test_a_join_is_nobodys_but_the_desks(twins, cast, enter):
    join = twins.join()
    address = reverse("desk-join", args=[join.pk])
    assert enter(cast.sam).get(address).status_code == 200
    for other in ("okafor", "maya", "root", "mira", "ana", "rosa"):
        assert enter(cast[other], fresh="records").get(address).status_code == 403
    assert "RC-104417" not in words(enter(cast.sam).get(reverse("desk-joins"))).replace("into RC-104417", "")
    Trust.objects.give(
        patient=twins.ana,
        proxy=cast.sam,
        relationship="friend",
        scopes=["read"],
        quietly=True,
        by=FOUNDER,
    )
    assert enter(cast.sam).get(address).status_code == 404
    assert "RC-118800" not in words(enter(cast.sam).get(reverse("desk-joins")))
    refused = AuditEvent.objects.filter(type="refusal", actor_id=cast.sam.pk).latest("recorded_at")
    assert refused.object_pk == str(join.pk)


def test_whose_records_are_near_to_the_desk_are_not_found_by_it(twins, cast, enter):
    Trust.objects.give(
        patient=twins.twin,
        proxy=cast.sam,
        relationship="friend",
        scopes=["read"],
        quietly=True,
        by=FOUNDER,
    )
    answer = enter(cast.sam, fresh="records").post(page_of(twins), BOTH)
    assert answer.status_code == 422 and "Ana M. Alvarez" not in words(answer)
    missed = AuditEvent.objects.filter(actor_id=cast.sam.pk, outcome="4").latest("recorded_at")
    assert missed.outcome_reason == "own-record"


def test_the_patient_reads_what_a_trust_from_the_joined_record_reaches(twins, cast, enter):
    twins.join()
    page = words(enter(cast.ana).get(reverse("trusted")))
    assert "From record RC-118800." in page
    trust = Trust.objects.get(patient=twins.twin, proxy=twins.helper)
    stop = reverse("trusted-stop", args=[trust.pk])
    assert enter(cast.rosa).post(stop).status_code == 403
    assert enter(cast.ana).post(stop).status_code == 302
    assert not ProxyGrant.objects.current().filter(patient=twins.twin).exists()
