"""Who people are, whom they may see, and what the database knows of them (HSR-02, C2, G5)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import directory
from accounts.access import acting_patient, patient_for, patient_on_whose_side
from accounts.models import (
    CareRelationship,
    CareTeamMembership,
    Patient,
    ProxyGrant,
    Relationship,
    Role,
    RoleGrant,
    Scope,
    Session,
    User,
)
from accounts.people import People
from accounts.refusals import LoginTaken, RoleHeld
from audit.models import AuditEvent
from audit.recorder import record_read
from portal.demo_cast import CAST
from portal.demo_clinic import FOUNDER, PATIENTS

# Logins


@pytest.mark.parametrize(
    "again",
    [
        "ana@riverside.example",
        "ANA@RIVERSIDE.example",
        "\uff21na@riverside.example",
        " ana@riverside.example",
    ],
)
def test_two_people_cannot_share_a_login(cast, again):
    with pytest.raises(LoginTaken):
        User.objects.enrol(email=again, password="another-long-one", by=cast.root)


def test_a_login_stays_taken_after_its_person_has_left(cast):
    cast.ben.deactivate(by=cast.root)
    with pytest.raises(LoginTaken):
        User.objects.enrol(email="ben@riverside.example", password="another-long-one", by=cast.root)
    with pytest.raises(TypeError):
        cast.ben.delete()


def test_folding_is_more_than_lower_case(cast):
    User.objects.enrol(email="Strasse@riverside.example", password=None, by=FOUNDER)
    with pytest.raises(LoginTaken):
        User.objects.enrol(email="straße@riverside.example", password=None, by=FOUNDER)


def test_every_verb_needs_to_know_who_acts(cast):
    with pytest.raises(TypeError):
        User.objects.enrol(email="x@riverside.example", password=None)
    with pytest.raises(TypeError):
        cast.ben.deactivate()


def test_every_event_has_an_agent(cast, enter):
    enter(cast.ana).get("/account/")
    assert not AuditEvent.objects.filter(agent_id="").exists()


def test_no_name_and_no_address_is_in_the_database_in_clear(cast):
    """Every table of people, and the trail of what was done to them."""
    texts = []
    with connection.cursor() as cursor:
        for model in (User, Patient, ProxyGrant, Session, AuditEvent):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {model._meta.db_table} t")  # noqa: S608
            texts.append(cursor.fetchone()[0])
        for table in ("accounts_practitioner", "accounts_relatedperson", "accounts_trycounter"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")  # noqa: S608
            texts.append(cursor.fetchone()[0])
    dump = " ".join(texts)
    hidden = [member.email for member in CAST] + [member.name for member in CAST if member.key != "root"]
    hidden += [word for facts in PATIENTS.values() for word in facts[:3]]
    for word in hidden:
        for form in (word, word.lower(), word.encode().hex()):
            assert form not in dump, word


def test_people_are_references_in_words(cast):
    for thing in (cast.ana, cast.patient("ana"), cast.rosa.relatedperson, cast.okafor.practitioner):
        assert str(thing.pk) in str(thing)
        assert "Alvarez" not in str(thing) and "Okafor" not in str(thing)


# Whom one may see


def seen_by(user) -> set[str]:
    names = {"ana": "RC-104417", "ben": "RC-104932"}
    visible = set(Patient.objects.visible_to(user))
    return {key for key, number in names.items() if Patient.objects.by_record_number(number) in visible}


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("ana", {"ana"}),
        ("ben", {"ben"}),
        ("rosa", {"ana"}),
        ("okafor", {"ana"}),
        ("maya", {"ana"}),
        ("lund", {"ben"}),
        ("sam", {"ana", "ben"}),
        ("mira", set()),
        ("root", set()),
    ],
)
def test_each_sees_her_own_and_nobody_else(cast, who, sees):
    assert seen_by(User.objects.get(pk=cast[who].pk)) == sees


def test_nobody_sees_anything_without_being_somebody(cast):
    assert not Patient.objects.visible_to(AnonymousUser()).exists()
    cast.okafor.deactivate(by=cast.root)
    assert seen_by(User.objects.get(pk=cast.okafor.pk)) == set()


@pytest.mark.parametrize("what", ["membership", "relationship", "role", "grant"])
@pytest.mark.parametrize(("ends_in", "sees"), [(timedelta(seconds=-1), False), (timedelta(hours=1), True)])
def test_a_right_that_has_ended_shows_nothing(cast, what, ends_in, sees):
    who = "rosa" if what == "grant" else "maya"
    rows = {
        "membership": CareTeamMembership.objects.filter(user=cast.maya),
        "relationship": CareRelationship.objects.filter(team=cast.team("okafor")),
        "role": RoleGrant.objects.filter(user=cast.maya),
        "grant": ProxyGrant.objects.filter(proxy=cast.rosa),
    }[what]
    for row in rows:
        row.starts_at, row.ends_at = timezone.now() - timedelta(days=9), timezone.now() + ends_in
        row.save()
    assert ("ana" in seen_by(User.objects.get(pk=cast[who].pk))) == sees


def test_a_right_that_has_not_begun_shows_nothing(cast):
    for row in CareTeamMembership.objects.filter(user=cast.maya):
        row.starts_at = timezone.now() + timedelta(hours=1)
        row.save()
    assert seen_by(User.objects.get(pk=cast.maya.pk)) == set()


def test_a_trusted_person_without_the_right_to_read_sees_nothing(cast):
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = [Scope.REFILL]
    grant.save()
    assert seen_by(User.objects.get(pk=cast.rosa.pk)) == set()


def test_a_membership_without_a_role_shows_nothing(cast):
    """An administrator who is put into a team is no clinician by that."""
    cast.team("okafor").join(user=cast.root, by=cast.mira)
    assert seen_by(User.objects.get(pk=cast.root.pk)) == set()


def test_hidden_and_absent_are_the_same_and_only_the_first_is_remembered(cast):
    import uuid

    with pytest.raises(Http404) as absent:
        patient_for(cast.lund, uuid.uuid4())
    assert not AuditEvent.objects.filter(type="refusal").exists()
    with pytest.raises(Http404) as hidden:
        patient_for(cast.lund, cast.patient("ana").pk)
    assert str(hidden.value) == str(absent.value)
    refusal = AuditEvent.objects.get(type="refusal")
    assert (refusal.agent_id, refusal.patient_id) == (str(cast.lund.pk), cast.patient("ana").pk)
    assert patient_for(cast.okafor, cast.patient("ana").pk) == cast.patient("ana")


# On whose side


def test_each_acts_on_her_own_side_or_on_that_of_who_trusts_her(cast):
    assert acting_patient(cast.ana) == cast.patient("ana")
    assert acting_patient(cast.rosa) == cast.patient("ana")
    for who in (cast.okafor, cast.mira, AnonymousUser()):
        with pytest.raises(PermissionDenied):
            acting_patient(who)


def test_who_helps_several_chooses_and_a_wish_is_no_right(cast, enter):
    grant = ProxyGrant.objects.give(
        patient=cast.patient("ben"),
        proxy=cast.ana,
        relationship=Relationship.FRIEND,
        scopes=[Scope.READ],
        ground="her own wish",
        by=FOUNDER,
    )
    client = enter(cast.ana)
    page = client.get("/account/").content.decode()
    assert "Ben Whitfield" in page and "your own record" in page
    assert client.post("/account/acting/", {"patient": str(cast.patient("ben").pk)}).status_code == 302
    session = Session.objects.alive().get(user=cast.ana)
    assert session.acting_for == cast.patient("ben")
    request = type("Request", (), {"user": User.objects.get(pk=cast.ana.pk), "session_record": session})()
    assert acting_patient(request) == cast.patient("ben")
    grant.end(by=FOUNDER)
    request.user = User.objects.get(pk=cast.ana.pk)
    assert acting_patient(request) == cast.patient("ana")


def test_nobody_helps_a_stranger(cast, enter):
    assert (
        enter(cast.ana).post("/account/acting/", {"patient": str(cast.patient("ben").pk)}).status_code == 404
    )
    with pytest.raises(Http404):
        patient_on_whose_side(cast.rosa, "nonsense")


def test_what_one_may_do_on_a_patients_side(cast):
    ana, ben = cast.patient("ana").pk, cast.patient("ben").pk
    assert cast.ana.scopes_for(ana) == set(Scope)
    assert cast.rosa.scopes_for(ana) == set(Scope)
    assert cast.rosa.scopes_for(ben) == frozenset()
    assert cast.okafor.scopes_for(ana) == frozenset()


# Names


def test_people_open_in_one_statement_under_a_receipt(cast):
    ids = [cast[key].pk for key in ("ana", "rosa", "okafor", "maya", "sam")]
    with CaptureQueriesContext(connection) as asked:
        people = People.load([*ids, None, ids[0]], patient_id=cast.patient("ana").pk)
    assert len(asked) == 1
    with pytest.raises(TypeError):
        people.opened()
    receipt = record_read(reader=cast.ana, shown=people.sealed_records(), category="identity")
    with CaptureQueriesContext(connection) as asked:
        names = people.opened(receipt)
    assert len(asked) <= 2
    assert [(p.name, p.given_name, p.initials, p.role_words, p.side) for p in (names[i] for i in ids)] == [
        ("Ana Alvarez", "Ana", "AA", "patient", "patient"),
        ("Rosa Alvarez", "Rosa", "RA", "your daughter", "proxy"),
        ("Dr Chidi Okafor", "Dr Okafor", "CO", "your main doctor", "staff"),
        ("Maya Chen", "Maya", "MC", "nurse", "staff"),
        ("Sam Ortiz", "Sam", "SO", "front desk", "staff"),
    ]


def test_staff_hear_the_relationship_from_their_side(cast):
    people = People.load([cast.rosa.pk, cast.okafor.pk], patient_id=cast.patient("ana").pk, to_patient=False)
    receipt = record_read(reader=cast.okafor, shown=people.sealed_records(), category="identity")
    names = people.opened(receipt)
    assert names[cast.rosa.pk].role_words == names[cast.rosa.pk].relationship == "daughter"
    assert names[cast.okafor.pk].role_words == "physician"


def test_staff_names_need_no_receipt(cast):
    people = People.load([cast.maya.pk])
    assert people.sealed_records() == []
    assert people.opened()[cast.maya.pk].name == "Maya Chen"


def test_the_trails_directory_names_staff_and_nobody_else(cast):
    labels = directory.people([cast.okafor.pk, cast.ana.pk, cast.rosa.pk])
    assert (labels[cast.okafor.pk].name, labels[cast.okafor.pk].role) == ("Dr Chidi Okafor", "physician")
    assert "Ana" not in labels[cast.ana.pk].name and labels[cast.ana.pk].role == "patient"
    assert "Rosa" not in labels[cast.rosa.pk].name and labels[cast.rosa.pk].role == "trusted person"
    assert [label.name for label in directory.staff()][:2] == ["Dr Chidi Okafor", "Dr Ingrid Lund"]
    assert directory.find_patient(" rc-104417 ") == cast.patient("ana").pk
    assert directory.find_patient("RC-0") is None


# What the database itself holds to


def test_a_role_is_held_once_and_a_period_ends_after_it_began(cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=cast.maya, role=Role.NURSE, granted_by=cast.root)
    with pytest.raises(RoleHeld):
        RoleGrant.objects.give(user=cast.maya, role=Role.NURSE, by=FOUNDER)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(
            user=cast.maya, role=Role.PHYSICIAN, ends_at=timezone.now() - timedelta(days=1)
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=cast.maya, role="wizard")
