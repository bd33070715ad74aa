"""The work: conversations, medicines, refills, and who owes the patient an answer."""

from accounts.topics import CategoryCode
from messaging.models.absence import Absence
from messaging.models.attachment import Attachment, Place, Scan
from messaging.models.closure import ENDINGS, Closure, Outcome
from messaging.models.confidence import Confidence
from messaging.models.correction import Amendment, Withdrawal
from messaging.models.draft import Draft
from messaging.models.medicine import Prescription
from messaging.models.message import BODY_LIMIT, SUBJECT_LIMIT, Message, ReadReceipt, Side
from messaging.models.note import InternalNote
from messaging.models.pool import Category, Holiday, OpeningHours, Pool
from messaging.models.refill import (
    COMMENT_LIMIT,
    DenialReason,
    RefillDecision,
    RefillRequest,
    RefillRequestItem,
    RefillState,
)
from messaging.models.safety import Answer, Chose, Safety, SafetyFlag, Shown
from messaging.models.shelf import PutAway
from messaging.models.team_change import Cause, TeamChange
from messaging.models.thread import Thread, ThreadState
from messaging.models.unread import HowSettled, UnreadAlarm
from messaging.models.words import MessageWords, messages_having, not_findable
from messaging.models.work import Claim, Priority, WorkItem, WorkState
from messaging.models.writing import DraftKind, DraftState, Urgent

__all__ = [
    "BODY_LIMIT",
    "COMMENT_LIMIT",
    "ENDINGS",
    "SUBJECT_LIMIT",
    "Absence",
    "Amendment",
    "Answer",
    "Attachment",
    "Category",
    "CategoryCode",
    "Cause",
    "Chose",
    "Claim",
    "Closure",
    "Confidence",
    "DenialReason",
    "Draft",
    "DraftKind",
    "DraftState",
    "Holiday",
    "HowSettled",
    "InternalNote",
    "Message",
    "MessageWords",
    "OpeningHours",
    "Outcome",
    "Place",
    "Pool",
    "Prescription",
    "Priority",
    "PutAway",
    "ReadReceipt",
    "RefillDecision",
    "RefillRequest",
    "RefillRequestItem",
    "RefillState",
    "Safety",
    "SafetyFlag",
    "Scan",
    "Shown",
    "Side",
    "TeamChange",
    "Thread",
    "ThreadState",
    "UnreadAlarm",
    "Urgent",
    "Withdrawal",
    "WorkItem",
    "WorkState",
    "messages_having",
    "not_findable",
]
