"""The demo clinic's people, as rows: who works where, who cares for whom, who trusts whom."""

from __future__ import annotations

from dataclasses import dataclass

from accounts import terms
from accounts.models import (
    Agreement,
    AuthenticatorApp,
    CareTeam,
    Patient,
    Practitioner,
    ProxyGrant,
    RecoverySheet,
    RelatedPerson,
    Relationship,
    Role,
    RoleGrant,
    Scope,
    User,
)
from audit.context import SystemAgent
from portal.demo_cast import BY_KEY, CAST, Member

FOUNDER = SystemAgent("system:demo")

STAFF = {
    "okafor": ("Dr", Role.PHYSICIAN),
    "lund": ("Dr", Role.PHYSICIAN),
    "maya": ("", Role.NURSE),
    "sam": ("", Role.FRONT_DESK),
    "mira": ("", Role.PRIVACY_OFFICER),
    "root": ("", Role.ACCOUNT_ADMIN),
}
TEAMS = {
    "okafor": ("Okafor team", "Your doctor's own team", ("okafor", "maya")),
    "lund": ("Lund team", "Your doctor's own team", ("lund",)),
    "desk": ("Front desk", "Visits, letters, bills and help with this site", ("sam",)),
}
TEAMS_IN_SPANISH = {
    "okafor": ("Equipo Okafor", "El equipo que le atiende siempre"),
    "lund": ("Equipo Lund", "El equipo que le atiende siempre"),
    "desk": ("Recepción", "Citas, cartas, facturas y ayuda con este sitio"),
}
PATIENTS = {
    "ana": ("1958-03-14", "+1 555 010 0161", "RC-104417", "okafor"),
    "ben": ("1984-11-02", "+1 555 010 0162", "RC-104932", "lund"),
}
PHONE = "+1 555 010 0140"


@dataclass(frozen=True)
class Clinic:
    users: dict[str, User]
    patients: dict[str, Patient]
    teams: dict[str, CareTeam]


def found_clinic(*, with_recovery_codes: bool = True) -> Clinic:
    """Everybody of the cast, ready to sign in. Nobody has written anything yet."""
    users = {member.key: _enrol(member, with_recovery_codes=with_recovery_codes) for member in CAST}
    for key, (title, role) in STAFF.items():
        name = BY_KEY[key].name.removeprefix(f"{title} ")
        Practitioner.objects.introduce(user=users[key], name=name, title=title, by=FOUNDER)
        RoleGrant.objects.give(user=users[key], role=role, by=FOUNDER)
    teams = {
        key: CareTeam.objects.create(
            name=name,
            purpose=purpose,
            phone=PHONE,
            **dict(zip(("name_es", "purpose_es"), TEAMS_IN_SPANISH[key], strict=True)),
        )
        for key, (name, purpose, _members) in TEAMS.items()
    }
    for key, (_name, _purpose, members) in TEAMS.items():
        for member in members:
            teams[key].join(user=users[member], by=FOUNDER)
    patients = {}
    for key, (birth_date, phone, number, team) in PATIENTS.items():
        patient = Patient.objects.register(
            user=users[key],
            name=BY_KEY[key].name,
            birth_date=birth_date,
            phone=phone,
            record_number=number,
            by=FOUNDER,
        )
        teams[team].care_for(patient=patient, lead=users[team], is_primary=True, by=FOUNDER)
        teams["desk"].care_for(patient=patient, by=FOUNDER)
        patients[key] = patient
    RelatedPerson.objects.introduce(user=users["rosa"], name=BY_KEY["rosa"].name, by=FOUNDER)
    ProxyGrant.objects.give(
        patient=patients["ana"],
        proxy=users["rosa"],
        relationship=Relationship.DAUGHTER,
        scopes=list(Scope),
        ground="her own wish, signed at the front desk",
        by=FOUNDER,
    )
    for user in users.values():
        for text in terms.wanted_of(user):
            Agreement.objects.agree(to=text, language=user.preferred_language, by=user)
    return Clinic(users, patients, teams)


def _enrol(member: Member, *, with_recovery_codes: bool) -> User:
    user = User.objects.enrol(email=member.email, password=member.password, by=FOUNDER)
    app = AuthenticatorApp.objects.prepare(user=user, secret=member.totp_secret, by=FOUNDER)
    app.confirm(by=user)
    if with_recovery_codes:
        sheet, _codes = RecoverySheet.objects.print_new(user=user, by=user)
        sheet.confirm(by=user)
    else:
        RecoverySheet.objects.create(user=user, name="", confirmed=True)
    return user
