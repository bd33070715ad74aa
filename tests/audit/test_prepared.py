"""A prepared statement answers each reader with her own rows, and refuses to be built with anybody's."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import Count, Exists, OuterRef, Value
from django.utils import timezone

from accounts.models import CareTeamMembership, Patient, RoleGrant, User
from audit.prepared import BakedIn, Prepared


def test_each_value_takes_its_place(cast):
    named = Prepared(lambda *, ref: User.objects.filter(pk=ref))
    for key in ("ana", "maya", "ana"):
        assert named(ref=cast[key].pk) == [cast[key]]
    assert named(ref=uuid4()) == []
    assert named.first(ref=uuid4()) is None


def test_related_rows_and_annotations_come_along(cast, django_assert_num_queries):
    works = Exists(RoleGrant.objects.filter(user=OuterRef("user")))
    patients = Prepared(
        lambda *, ref: Patient.objects.filter(pk=ref).select_related("user").annotate(works=works)
    )
    with django_assert_num_queries(1):
        (found,) = patients(ref=cast.patient("ana").pk)
        assert found.user == cast.ana
        assert found.works is False
    assert found.name == cast.patient("ana").name


@pytest.mark.parametrize("how_many", [1, 2, 3, 5])
def test_a_list_of_any_length_finds_its_own(cast, how_many):
    some = Prepared(lambda *, refs: User.objects.filter(pk__in=refs))
    wanted = [cast[key] for key in ("ana", "ben", "rosa", "maya", "sam")[:how_many]]
    assert set(some(refs=[user.pk for user in wanted])) == set(wanted)


def test_tuples_come_where_values_are_asked_for(cast):
    @Prepared
    def counted(*, user):
        held = RoleGrant.objects.filter(user=user).order_by().values(every=Value(1))
        return held.annotate(n=Count("pk")).values_list("n")

    assert counted(user=cast.maya.pk) == [(1,)]
    assert counted(user=cast.ana.pk) == [(0,)]


def test_a_right_that_ended_is_gone_from_the_next_answer(cast):
    members = Prepared(lambda *, user, at: CareTeamMembership.objects.current(at).filter(user=user))
    assert members(user=cast.maya.pk, at=timezone.now())
    place = CareTeamMembership.objects.get(user=cast.maya)
    place.end(by=cast.root)
    assert members(user=cast.maya.pk, at=timezone.now()) == []
    assert members(user=cast.maya.pk, at=place.starts_at - timedelta(minutes=1)) == []


def test_the_clock_of_the_first_reader_is_refused(cast):
    members = Prepared(lambda *, user: CareTeamMembership.objects.current().filter(user=user))
    with pytest.raises(BakedIn):
        members(user=cast.maya.pk)


def test_the_id_of_the_first_reader_is_refused(cast):
    with pytest.raises(BakedIn):
        Prepared(lambda: User.objects.filter(pk=cast.ana.pk))()


def test_a_value_that_changes_nothing_is_refused(cast):
    with pytest.raises(TypeError, match="without: whose"):
        Prepared(lambda *, ref, whose: User.objects.filter(pk=ref))(ref=cast.ana.pk, whose=cast.ben.pk)


def test_each_shape_is_built_by_itself(cast):
    users = Prepared(lambda active, *, ref: User.objects.filter(pk=ref, is_active=active))
    assert users(True, ref=cast.ana.pk) == [cast.ana]
    assert users(False, ref=cast.ana.pk) == []


def test_nothing_at_all_is_nothing(cast):
    assert Prepared(lambda *, ref: User.objects.none().filter(pk=ref))(ref=cast.ana.pk) == []
