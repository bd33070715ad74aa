"""The people: who they are, what they may do, whom they care for, and how they come in."""

from accounts.models.agreement import Agreement
from accounts.models.care import CareRelationship, CareTeam, CareTeamMembership, FormerTeamName
from accounts.models.coming_of_age import ComingOfAge
from accounts.models.contact import ContactChange
from accounts.models.countersignature import Countersignature
from accounts.models.device import KnownDevice
from accounts.models.factor import AuthenticatorApp, RecoveryCode, RecoverySheet
from accounts.models.family import FamilyLink
from accounts.models.freeze import Freeze
from accounts.models.ground import BY_AGE, ON_PAPER, Basis, Ended
from accounts.models.invitation import Invitation, InvitationState
from accounts.models.joined import InvitationKind
from accounts.models.kept import KeptForm, KeptText
from accounts.models.limit import TryCounter
from accounts.models.loss import FactorLoss
from accounts.models.notification import Channel, Notification
from accounts.models.passkey import Passkey, PasskeyChallenge
from accounts.models.patient import Patient, PatientState, Proof
from accounts.models.practitioner import Practitioner
from accounts.models.proxy import ProxyGrant, RelatedPerson, Relationship, Scope
from accounts.models.reason import ReasonGiven
from accounts.models.record_join import RecordJoin
from accounts.models.record_state import RecordState
from accounts.models.reset import PasswordReset
from accounts.models.rights import Grant
from accounts.models.role import Role, RoleGrant
from accounts.models.role_request import RoleRequest
from accounts.models.session import End, Session, Strength
from accounts.models.trust import Trust
from accounts.models.user import User

__all__ = [
    "BY_AGE",
    "ON_PAPER",
    "Agreement",
    "AuthenticatorApp",
    "Basis",
    "CareRelationship",
    "CareTeam",
    "CareTeamMembership",
    "Channel",
    "ComingOfAge",
    "ContactChange",
    "Countersignature",
    "End",
    "Ended",
    "FactorLoss",
    "FamilyLink",
    "FormerTeamName",
    "Freeze",
    "Grant",
    "Invitation",
    "InvitationKind",
    "InvitationState",
    "KeptForm",
    "KeptText",
    "KnownDevice",
    "Notification",
    "Passkey",
    "PasskeyChallenge",
    "PasswordReset",
    "Patient",
    "PatientState",
    "Practitioner",
    "Proof",
    "ProxyGrant",
    "ReasonGiven",
    "RecordJoin",
    "RecordState",
    "RecoveryCode",
    "RecoverySheet",
    "RelatedPerson",
    "Relationship",
    "Role",
    "RoleGrant",
    "RoleRequest",
    "Scope",
    "Session",
    "Strength",
    "Trust",
    "TryCounter",
    "User",
]
