"""Those who work here, for whoever keeps the accounts: names, rights and ways in, and nothing of health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import directory, places
from accounts.happenings import Happened, history
from accounts.models import (
    CareTeam,
    CareTeamMembership,
    FactorLoss,
    Invitation,
    InvitationKind,
    Practitioner,
    RecoverySheet,
    Role,
    RoleGrant,
    RoleRequest,
    Session,
    User,
)
from accounts.models.factor import second_steps_of
from accounts.models.lead import could_lead, led_by
from accounts.refusals import LeadMissing
from audit.recorder import record_read
from audit.seals import open_directory_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from django_stubs_ext import StrPromise

KINDS = {
    "totp": gettext_lazy("App"),
    "passkey": gettext_lazy("Passkey"),
}
NOBODY = "nobody"  # in place of a lead: the team as a whole
STATES = ("active", "closed", "all")
INVITATIONS = 100


@dataclass(frozen=True, slots=True)
class Colleague:
    id: UUID
    name: str
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True, slots=True)
class RoleHeld:
    role: str
    words: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Leads:
    """How many patients somebody leads the care of in one team, and who of it could instead."""

    team: UUID
    team_name: str
    patients: int
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    id: UUID
    team: str
    since: datetime
    leads: Leads | None = None


@dataclass(frozen=True, slots=True)
class SecondStepKind:
    words: str | StrPromise
    added_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    id: UUID
    device: str
    place: str
    started_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A change of a role that waits for a second person, or has been decided."""

    id: UUID
    person: str
    person_id: UUID
    role: str
    gives: bool
    asked_by: str
    asked_at: datetime
    until: datetime
    is_mine: bool
    may_decide: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """A colleague who has nothing left to show as a second step."""

    id: UUID
    person: str
    asked_at: datetime
    is_self: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """One member of staff as an administrator sees her."""

    id: UUID
    name: str
    title: str
    is_active: bool
    is_self: bool
    roles: tuple[RoleHeld, ...]
    past_roles: tuple[RoleHeld, ...]
    can_be_given: tuple[tuple[str, str], ...]
    asked: tuple[Asked, ...]
    places: tuple[Place, ...]
    other_teams: tuple[tuple[str, str], ...]
    second_steps: tuple[SecondStepKind, ...]
    codes_left: int
    sessions: tuple[SignedIn, ...]
    history: tuple[Happened, ...]

    @property
    def roles_held(self) -> set[str]:
        return {held.role for held in self.roles}


@dataclass(frozen=True, slots=True)
class Invited:
    id: UUID
    name: str
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    state: str
    state_words: str
    invited_by: str
    invited_at: datetime
    until: datetime
    is_open: bool
    can_renew: bool


def colleagues(*, name: str = "", role: str = "", team: str = "", state: str = "active") -> list[Colleague]:
    """Those who match, by name. Names are sealed, so they are compared here, after opening the directory."""
    rows = User.objects.staff()
    if state != "all":
        rows = rows.filter(is_active=state != "closed")
    if role:
        rows = rows.filter(pk__in=RoleGrant.objects.current().filter(role=role).values("user"))
    if team:
        rows = rows.filter(pk__in=CareTeamMembership.objects.current().filter(team=UUID(team)).values("user"))
    users = list(rows.defer("password", "email"))
    names = _names(user.practitioner for user in users)
    roles, teams = _roles_of(users), _teams_of(users)
    found = [
        Colleague(
            user.pk,
            names[user.pk],
            tuple(roles.get(user.pk, ())),
            tuple(teams.get(user.pk, ())),
            user.is_active,
        )
        for user in users
        if name.casefold() in names[user.pk].casefold()
    ]
    return sorted(found, key=lambda one: one.name.casefold())


def name_of(user: User) -> str:
    return _names([user.practitioner])[user.pk]


def role_choices() -> list[tuple[str, str]]:
    return [(role, str(label).capitalize()) for role, label in Role.choices]


def team_choices() -> list[tuple[str, str]]:
    """Those that are open: nobody begins to work in a closed one, and nobody is cared for there."""
    teams = CareTeam.objects.filter(closed_at=None)
    return [(str(pk), name) for pk, name in teams.values_list("pk", "name")]


def teams_by_id(ids: Iterable[str]) -> list[CareTeam]:
    return list(CareTeam.objects.filter(pk__in=list(ids)))


def team_named(ref: str) -> CareTeam | None:
    return next((team for team in CareTeam.objects.filter(closed_at=None) if str(team.pk) == ref), None)


def leads_of(user: User) -> list[Leads]:
    """In which teams she leads somebody's care, and who could instead. Nobody's name but of staff."""
    counted = led_by(user).values("team", "team__name").annotate(patients=Count("pk")).order_by("team__name")
    return [
        Leads(
            row["team"],
            row["team__name"],
            row["patients"],
            tuple((str(one.pk), name_of(one)) for one in could_lead(row["team"], without=user)),
        )
        for row in counted
    ]


def new_leads(user: User, said: dict[UUID, str], *, of: UUID | None = None) -> dict[UUID, User]:
    """Who leads in her place, by team, or in that one team; where nobody does alone it is left out.

    Raises `LeadMissing`.
    """
    found = {}
    for one in leads_of(user):
        if of is not None and one.team != of:
            continue
        chosen = said.get(one.team, "")
        if chosen == NOBODY:
            continue
        if chosen not in dict(one.choices):
            raise LeadMissing
        found[one.team] = User.objects.get(pk=chosen)
    return found


def grant_of(user: User, role: str) -> RoleGrant | None:
    return RoleGrant.objects.current().filter(user=user, role=role).select_related("user").first()


def profile(reader: User, user: User) -> Profile:
    """Everything about somebody's account. That it is looked at is written down first."""
    record_read(reader=reader, shown=[user], of=user, category="account", purpose="HOPERAT")
    grants = list(RoleGrant.objects.filter(user=user).order_by("-starts_at"))
    current = [grant for grant in grants if grant.is_current()]
    held = {grant.role for grant in current}
    places = (
        CareTeamMembership.objects.current().filter(user=user).select_related("team").order_by("team__name")
    )
    taken = {place.team_id for place in places}
    leads = {one.team: one for one in leads_of(user)}
    sheet = RecoverySheet.objects.of(user)
    return Profile(
        id=user.pk,
        name=name_of(user),
        title=user.practitioner.title,
        is_active=user.is_active,
        is_self=user.pk == reader.pk,
        roles=tuple(map(_held, current)),
        past_roles=tuple(_held(grant) for grant in grants if not grant.is_current()),
        can_be_given=tuple((role, words) for role, words in role_choices() if role not in held),
        asked=tuple(role_requests(reader, of=user)),
        places=tuple(
            Place(place.pk, place.team.name, place.starts_at, leads.get(place.team_id)) for place in places
        ),
        other_teams=tuple((ref, name) for ref, name in team_choices() if UUID(ref) not in taken),
        second_steps=tuple(
            SecondStepKind(KINDS.get(step.kind, step.kind), step.created_at, step.last_used_at)
            for step in second_steps_of(user)
        ),
        codes_left=sheet.left if sheet is not None else 0,
        sessions=tuple(signed_in(user)),
        history=tuple(history(user)),
    )


def signed_in(user: User) -> list[SignedIn]:
    """Where somebody is signed in now."""
    alive = Session.objects.alive().filter(user=user, stamp=user.security_stamp).order_by("-last_seen_at")
    found = []
    for row in alive:
        row.user = user
        if not row.has_run_out():
            device, place = row.device or _("Unknown device"), places.words(row.network, row.country)
            found.append(SignedIn(row.pk, device, place, row.started_at, row.last_seen_at))
    return found


def role_requests(reader: User, *, of: User | None = None) -> list[Asked]:
    """What waits for a second person."""
    rows = RoleRequest.objects.visible_to(reader).open().order_by("requested_at")
    if of is not None:
        rows = rows.filter(user=of)
    asked = list(rows)
    people = directory.people({pk for row in asked for pk in (row.user_id, row.requested_by_id)})
    return [
        Asked(
            id=row.pk,
            person=people[row.user_id].name,
            person_id=row.user_id,
            role=str(Role(row.role).label),
            gives=row.gives,
            asked_by=people[row.requested_by_id].name,
            asked_at=row.requested_at,
            until=row.until,
            is_mine=row.requested_by_id == reader.pk,
            may_decide=row.may_decide(reader),
        )
        for row in asked
    ]


def losses(reader: User) -> list[Lost]:
    """Colleagues who say that all of their second steps are lost, and of whom nobody has yet said that it is they."""
    rows = FactorLoss.objects.of_staff()
    people = directory.people({row.user_id for row in rows})
    return [
        Lost(row.pk, people[row.user_id].name, row.asked_at, row.user_id == reader.pk)
        for row in rows
        if row.user_id in people
    ]


def invitations() -> list[Invited]:
    """The invitations of staff, newest first; those that still lead somewhere stand on top."""
    newest = Invitation.objects.filter(kind=InvitationKind.STAFF).order_by("-invited_at")
    rows = list(newest.select_related("user__practitioner")[:INVITATIONS])
    named = [row for row in rows if row.name is not None]
    names = dict(
        zip([row.pk for row in named], open_directory_all([(row, "name") for row in named]), strict=True)
    )
    back = [row for row in rows if row.name is None and row.user is not None]
    plates = _names(row.user.practitioner for row in back if row.user is not None)
    teams = {team.pk: team.name for team in CareTeam.objects.all()}
    people = directory.people({row.invited_by_id for row in rows if row.invited_by_id is not None})
    found = [
        Invited(
            id=row.pk,
            name=str(names[row.pk]) if row.pk in names else plates.get(row.user_id, _("Somebody")),
            roles=tuple(str(Role(role).label) for role in row.roles),
            teams=tuple(teams[ref] for ref in row.teams if ref in teams),
            state=str(row.state),
            state_words=str(row.state.label),
            invited_by=people[row.invited_by_id].name if row.invited_by_id in people else _("The portal"),
            invited_at=row.invited_at,
            until=row.until,
            is_open=row.is_open,
            can_renew=row.used_at is None and row.email is not None,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: not one.is_open)


def _held(grant: RoleGrant) -> RoleHeld:
    return RoleHeld(grant.role, str(Role(grant.role).label), grant.starts_at, grant.ends_at)


def _names(plates: Iterable[Practitioner]) -> dict[UUID, str]:
    rows = list(plates)
    names = open_directory_all([(plate, "name") for plate in rows])
    return {
        plate.user_id: " ".join(filter(None, [plate.title, str(name)]))
        for plate, name in zip(rows, names, strict=True)
    }


def _roles_of(users: Sequence[User]) -> dict[UUID, list[str]]:
    held: dict[UUID, list[str]] = {}
    for grant in RoleGrant.objects.current().filter(user__in=users).order_by("role"):
        held.setdefault(grant.user_id, []).append(str(Role(grant.role).label))
    return held


def _teams_of(users: Sequence[User]) -> dict[UUID, list[str]]:
    held: dict[UUID, list[str]] = {}
    rows = CareTeamMembership.objects.current().filter(user__in=users).select_related("team")
    for place in rows.order_by("team__name"):
        held.setdefault(place.user_id, []).append(place.team.name)
    return held
