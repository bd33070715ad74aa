"""An invitation and a request last as long as the right of whoever made them: what she began ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models.joined import InvitationKind
from accounts.models.role import Role, RoleGrant

if TYPE_CHECKING:
    from accounts.leaving import Leaving
    from accounts.models.invitation import Invitation
    from accounts.models.user import User

# Who may invite whom. A trusted person is invited by the patient herself, too.
INVITES = {
    InvitationKind.PATIENT: frozenset({Role.FRONT_DESK, Role.ACCOUNT_ADMIN}),
    InvitationKind.STAFF: frozenset({Role.ACCOUNT_ADMIN}),
    InvitationKind.TRUSTED: frozenset({Role.FRONT_DESK}),
}


def roles_of(user: User) -> set[str]:
    """Asked of the rows and not of what her request brought along: a role may have ended since."""
    return set(RoleGrant.objects.current().filter(user=user.pk).values_list("role", flat=True))


def may_still_invite(invitation: Invitation) -> bool:
    """Whether whoever invited may do so now. The portal itself always may."""
    by = invitation.invited_by
    if by is None:
        return True
    own = invitation.patient is not None and invitation.patient.is_own_of(by)
    if invitation.kind == InvitationKind.TRUSTED and own:
        return True
    return by.is_active and bool(roles_of(by) & INVITES[InvitationKind(invitation.kind)])


def may_still_ask(asker: User) -> bool:
    """Whether whoever asked for a role to be given or taken still keeps the accounts."""
    return asker.is_active and Role.ACCOUNT_ADMIN in roles_of(asker)


def settle(change: Leaving) -> None:
    """Take back what those who left have invited to; close what they have asked for, and what was for them."""
    from accounts.models.invitation import Invitation
    from accounts.models.role_request import RoleRequest

    for person in change.people:
        for invitation in Invitation.objects.unfinished().filter(invited_by=person.pk):
            if not may_still_invite(invitation):
                invitation.revoke(by=change.by)
        for asked in RoleRequest.objects.filter(
            Q(requested_by=person.pk) | Q(user=person.pk), decided_at=None
        ):
            if not may_still_ask(asked.requested_by) or not asked.user.is_active:
                asked.lapse(by=change.by)
