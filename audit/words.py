"""Events in plain words: for the privacy officer, and for the patient whose record it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.translation import pgettext_lazy as when

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from audit.models import AuditEvent

    Words = str | _StrPromise

# What a reading was of.
CATEGORIES: dict[str, Words] = {
    "account": when("a kind of data", "account"),
    "attachment": when("a kind of data", "files"),
    "audit": when("a kind of data", "access log"),
    "contact": when("a kind of data", "contact details"),
    "draft": when("a kind of data", "unsent text"),
    "identity": when("a kind of data", "name and contact details"),
    "integrity": when("a kind of data", "sealed text"),
    "kept-form": when("a kind of data", "unsent text"),
    "medicine": when("a kind of data", "medicines"),
    "message": when("a kind of data", "messages"),
    "contactchange": when("a kind of data", "contact details"),
    "agreement": when("a kind of data", "agreement to the terms"),
    "none": when("a kind of data", "nothing in particular"),
    "note": when("a kind of data", "internal notes"),
    "passkey": when("a kind of data", "passkey"),
    "factorloss": when("a kind of data", "lost second step"),
    "knowndevice": when("a kind of data", "known browser"),
    "passwordreset": when("a kind of data", "new password"),
    "patient": when("a kind of data", "name and contact details"),
    "privacy": when("a kind of data", "list of who has seen the record"),
    "refill": when("a kind of data", "refill requests"),
    "sign-in": when("a kind of data", "sign-in"),
    "work": when("a kind of data", "work in the team inbox"),
    # Changes name the kind of row that was changed.
    "amendment": when("a kind of data", "messages"),
    "putaway": when("a kind of data", "conversation"),
    "unreadalarm": when("a kind of data", "answer that was not read"),
    "withdrawal": when("a kind of data", "messages"),
    "authenticatorapp": when("a kind of data", "second step"),
    "carerelationship": when("a kind of data", "care relationship"),
    "careteam": when("a kind of data", "care team"),
    "careteammembership": when("a kind of data", "place in a care team"),
    "category": when("a kind of data", "message topic"),
    "claim": when("a kind of data", "who holds the work"),
    "closure": when("a kind of data", "end of a conversation"),
    "formerteamname": when("a kind of data", "former name of a team"),
    "familylink": when("a kind of data", "family among the staff"),
    "reasongiven": when("a kind of data", "reason for opening a record"),
    "recordstate": when("a kind of data", "state of the record"),
    "datakey": when("a kind of data", "data key"),
    "invitation": when("a kind of data", "invitation"),
    "rolerequest": when("a kind of data", "request for a role"),
    "holiday": when("a kind of data", "holiday"),
    "internalnote": when("a kind of data", "internal notes"),
    "keptform": when("a kind of data", "unsent text"),
    "openinghours": when("a kind of data", "opening hours"),
    "pool": when("a kind of data", "team inbox"),
    "practitioner": when("a kind of data", "staff directory"),
    "prescription": when("a kind of data", "medicines"),
    "proxygrant": when("a kind of data", "trust in a person"),
    "trust": when("a kind of data", "trust in a person"),
    "freeze": when("a kind of data", "pause of a trusted person"),
    "confidence": when("a kind of data", "what is kept from trusted people"),
    "recoverycode": when("a kind of data", "recovery codes"),
    "recoverysheet": when("a kind of data", "recovery codes"),
    "refilldecision": when("a kind of data", "refill decision"),
    "refillrequest": when("a kind of data", "refill requests"),
    "refillrequestitem": when("a kind of data", "refill requests"),
    "relatedperson": when("a kind of data", "trusted person"),
    "recordjoin": when("a kind of data", "joined records"),
    "rolegrant": when("a kind of data", "role"),
    "safetyflag": when("a kind of data", "sign of danger"),
    "session": when("a kind of data", "session"),
    "teamchange": when("a kind of data", "change of team"),
    "thread": when("a kind of data", "conversation"),
    "user": when("a kind of data", "account"),
    "workitem": when("a kind of data", "work in the team inbox"),
}

# What was done, where the sort of event alone says it.
DONE: dict[tuple[str, str], Words] = {
    ("login", "login"): gettext_lazy("Signed in"),
    ("login", "step-up"): gettext_lazy("Showed the second step again"),
    ("login", "reset-asked"): gettext_lazy("Asked for a new password"),
    ("account", "password-change"): gettext_lazy("Changed a password"),
    ("account", "terms"): gettext_lazy("Agreed to the terms"),
    ("account", "contact-asked"): gettext_lazy("Asked to change contact details"),
    ("account", "contact-changed"): gettext_lazy("Changed contact details"),
    ("account", "contact-undone"): gettext_lazy("Undid a change of contact details"),
    ("session", "logout"): gettext_lazy("Session ended"),
    ("factor", "factor-add"): gettext_lazy("Added a second step"),
    ("factor", "factor-remove"): gettext_lazy("Removed a second step"),
    ("factor", "loss-asked"): gettext_lazy("Said that the second step is lost"),
    ("factor", "loss-checked"): gettext_lazy("Checked who lost her second step"),
    ("factor", "loss-cancelled"): gettext_lazy("Said that the second step is not lost"),
    ("factor", "loss-used"): gettext_lazy("Set up a new second step for a lost one"),
    ("account", "deactivate"): gettext_lazy("Closed an account"),
    ("account", "sign-out"): gettext_lazy("Signed somebody out"),
    ("account", "unlink"): gettext_lazy("Opened an own record no more: came back as staff"),
    ("account", "start-over"): gettext_lazy("Opened a closed account again"),
    ("invitation", "invite"): gettext_lazy("Invited somebody"),
    ("invitation", "revoke"): gettext_lazy("Took back an invitation"),
    ("invitation", "countersign"): gettext_lazy("Agreed to an invitation"),
    ("invitation", "stop"): gettext_lazy("Stopped an invitation by the link in the mail"),
    ("invitation", "try"): gettext_lazy("Showed a code to join"),
    ("invitation", "link-asked"): gettext_lazy("Asked for a link to join"),
    ("invitation", "take"): gettext_lazy("Began an account"),
    ("invitation", "join"): gettext_lazy("Joined by an invitation"),
    ("invitation", "due"): gettext_lazy("Noted that somebody came of age without an account"),
    ("invitation", "not-invited"): gettext_lazy("Took somebody who came of age off the list"),
    ("role", "role-ask"): gettext_lazy("Asked for a change of roles"),
    ("role", "role-unask"): gettext_lazy("Took back what was asked about a role"),
    ("role", "role-approve"): gettext_lazy("Agreed to a change of roles"),
    ("role", "role-refuse"): gettext_lazy("Refused a change of roles"),
    ("role", "role-give"): gettext_lazy("Gave a role"),
    ("role", "role-take"): gettext_lazy("Took away a role"),
    ("team", "team-join"): gettext_lazy("Put somebody into a team"),
    ("team", "team-leave"): gettext_lazy("Took somebody out of a team"),
    ("account", "reopen"): gettext_lazy("Opened an account again"),
    ("record", "state"): gettext_lazy("Changed the state of the record"),
    ("record", "lead"): gettext_lazy("Gave the care of a patient to another colleague"),
    ("record", "transfer"): gettext_lazy("Gave the care of a patient to others"),
    ("team", "rename"): gettext_lazy("Renamed a team"),
    ("team", "merge"): gettext_lazy("Made two teams one"),
    ("team", "close"): gettext_lazy("Closed a team"),
    ("team", "fallback"): gettext_lazy("Chose who reads what no other team reads"),
    ("record", "join-ask"): gettext_lazy("Asked to join two records"),
    ("record", "join-drop"): gettext_lazy("Decided not to join two records"),
    ("record", "join"): gettext_lazy("Joined two records into one"),
    ("record", "part"): gettext_lazy("Took two joined records apart again"),
    ("record", "birth-date"): gettext_lazy("Corrected a birth date"),
    ("record", "protect"): gettext_lazy("Changed whether the record asks for a reason"),
    ("record", "reason"): gettext_lazy("Said why the record is opened"),
    ("record", "family"): gettext_lazy("Kept a member of the family away from the record"),
    ("trust", "offer"): gettext_lazy("Chose a trusted person"),
    ("trust", "look-up"): gettext_lazy("Looked for a patient by two things"),
    ("trust", "accept"): gettext_lazy("Became a trusted person"),
    ("trust", "change"): gettext_lazy("Changed what a trusted person may do"),
    ("trust", "reckon"): gettext_lazy("Worked out again what age allows a trusted person"),
    ("trust", "narrow"): gettext_lazy("A birthday changed what a trusted person may do"),
    ("trust", "freeze"): gettext_lazy("Paused a trusted person"),
    ("trust", "unfreeze"): gettext_lazy("Let a paused trusted person go on"),
    ("trust", "go-on"): gettext_lazy("Gave back what a death written down by mistake had ended"),
    ("trust", "end"): gettext_lazy("Ended the access of a trusted person"),
    ("record", "keep-apart"): gettext_lazy("Kept a conversation from trusted people"),
    ("record", "share-again"): gettext_lazy("Shared a conversation with trusted people again"),
    ("record", "send"): gettext_lazy("Sent a message"),
    ("record", "attach"): gettext_lazy("Added a file"),
    ("record", "detach"): gettext_lazy("Took a file away before it was sent"),
    ("record", "draft"): gettext_lazy("Began a draft"),
    ("record", "discard"): gettext_lazy("Discarded a draft"),
    ("record", "note"): gettext_lazy("Wrote an internal note"),
    ("record", "close"): gettext_lazy("Finished a conversation"),
    ("record", "amend"): gettext_lazy("Corrected a message"),
    ("record", "withdraw"): gettext_lazy("Took back a message that nobody had opened"),
    ("record", "print"): gettext_lazy("Opened a conversation to print it"),
    ("record", "download"): gettext_lazy("Saved a conversation as a file"),
    ("record", "refill-request"): gettext_lazy("Asked for a refill"),
    ("record", "decide"): gettext_lazy("Decided a refill request"),
    ("record", "cancel"): gettext_lazy("Took back a refill request"),
    ("record", "safety-flag"): gettext_lazy("Flagged a sign of danger in what was sent"),
    ("work", "claim"): gettext_lazy("Took on work"),
    ("work", "release"): gettext_lazy("Gave work back"),
    ("security", "many-failures"): gettext_lazy("Many sign-ins failed within minutes"),
    ("work", "unread-alarm"): gettext_lazy("Asked for a call about an answer that was not read"),
    ("work", "unread-settled"): gettext_lazy("Ended the call for an answer that was not read"),
    ("work", "let-go"): gettext_lazy("Left work to the others"),
    ("work", "reroute"): gettext_lazy("Moved a conversation to another team"),
    ("security", "seal-broken"): gettext_lazy("Met a text whose seal is broken"),
    ("security", "infected-file"): gettext_lazy("Stopped a file that did not pass the safety check"),
    ("security", "file-missing"): gettext_lazy("Found that a file is missing from the store"),
}

# The sorts of event that the review can be narrowed to. Each is a set of event types.
SORTS: dict[str, tuple[Words, tuple[str, ...]]] = {
    "read": (gettext_lazy("Opened or listed"), ("access",)),
    "changed": (gettext_lazy("Changed"), ("change",)),
    "did": (gettext_lazy("Wrote or decided"), ("record", "work", "team")),
    "signed-in": (
        gettext_lazy("Sign-in and second step"),
        ("login", "session", "factor", "account", "invitation"),
    ),
    "rights": (gettext_lazy("Roles"), ("role",)),
    "trusted": (gettext_lazy("Trusted people"), ("trust",)),
    "refused": (gettext_lazy("Was refused"), ("refusal",)),
    "security": (gettext_lazy("Security of the records"), ("security",)),
}

OUTCOMES: dict[str, Words] = {
    "0": gettext_lazy("Done"),
    "4": gettext_lazy("Failed"),
    "8": gettext_lazy("Refused"),
    "12": gettext_lazy("Broken"),
}

PURPOSES: dict[str, Words] = {
    "TREAT": gettext_lazy("Care"),
    "HOPERAT": gettext_lazy("Running the clinic"),
    "HPAYMT": gettext_lazy("Payment"),
    "PATRQT": gettext_lazy("The patient’s own wish"),
    "ETREAT": gettext_lazy("Emergency care"),
    "BTG": gettext_lazy("Emergency access"),
}

REASONS: dict[str, Words] = {
    "hidden": gettext_lazy("Not theirs to see"),
    "not-visible": gettext_lazy("Not theirs to see"),
    "not-own": gettext_lazy("Not their own"),
    "absent": gettext_lazy("There is no such thing"),
    "own-record": gettext_lazy("Their own record, or that of somebody near to them"),
    "not-for-this-role": gettext_lazy("Not for this role"),
    "seal-broken": gettext_lazy("The seal does not hold"),
    "many-failures": gettext_lazy("Ten or more in ten minutes"),
    "no-record-of-her-own": gettext_lazy("There is no such thing"),
    "infected-file": gettext_lazy("A virus was found"),
    "file-missing": gettext_lazy("The file is not there"),
    "no-such-patient": gettext_lazy("Nobody has this record number"),
}

ROLES: dict[str, Words] = {
    "system": gettext_lazy("part of the portal"),
    "none": gettext_lazy("not signed in"),
}

_FOR_PATIENT: dict[tuple[str, str], Words] = {
    ("message", "list"): gettext_lazy("Saw your messages in a list"),
    ("message", "read"): gettext_lazy("Read your messages"),
    ("attachment", "download"): gettext_lazy("Opened a file of yours"),
    ("attachment", "scan"): gettext_lazy("Checked a file of yours for viruses"),
    ("message", "search"): gettext_lazy("Searched your messages"),
    ("message", "index"): gettext_lazy("Prepared your messages for search"),
    ("note", "read"): gettext_lazy("Looked at your messages"),
    ("medicine", "list"): gettext_lazy("Looked at your medicines"),
    ("medicine", "read"): gettext_lazy("Looked at your medicines"),
    ("refill", "list"): gettext_lazy("Saw your refill requests in a list"),
    ("refill", "read"): gettext_lazy("Looked at your refill request"),
    ("contact", "send"): gettext_lazy("Used your e-mail address to tell you that something is new"),
    ("draft", "list"): gettext_lazy("Saw text that was not sent in a list"),
    ("draft", "read"): gettext_lazy("Opened text that was not sent"),
    ("record", "draft"): gettext_lazy("Began to write"),
    ("record", "discard"): gettext_lazy("Discarded text that was not sent"),
    ("kept-form", "read"): gettext_lazy("Got back text that was not sent"),
    ("audit", "list"): gettext_lazy("Checked who has seen your record"),
    ("audit", "search"): gettext_lazy("Checked who has seen your record"),
    ("audit", "read"): gettext_lazy("Checked who has seen your record"),
    ("privacy", "list"): gettext_lazy("Looked at who has seen your record"),
    ("privacy", "read"): gettext_lazy("Looked at who has seen your record"),
    ("record", "send"): gettext_lazy("Wrote a message"),
    ("record", "attach"): gettext_lazy("Added a file"),
    ("record", "detach"): gettext_lazy("Took a file away before it was sent"),
    ("record", "close"): gettext_lazy("Finished a conversation"),
    ("record", "amend"): gettext_lazy("Corrected a message"),
    ("record", "withdraw"): gettext_lazy("Took back a message that nobody had opened"),
    ("record", "print"): gettext_lazy("Opened a conversation to print it"),
    ("record", "download"): gettext_lazy("Saved a conversation as a file"),
    ("record", "refill-request"): gettext_lazy("Asked for a refill"),
    ("record", "safety-flag"): gettext_lazy("Marked what was sent as something to look at sooner"),
    ("record", "decide"): gettext_lazy("Decided your refill request"),
    ("record", "cancel"): gettext_lazy("Took back a refill request"),
    ("record", "join"): gettext_lazy("Joined two records of yours into one"),
    ("record", "birth-date"): gettext_lazy("Corrected your birth date"),
    ("record", "part"): gettext_lazy("Took two records apart that were not both yours"),
}
_NAME_AND_CONTACT = gettext_lazy("Looked at your name and contact details")
_SOMETHING = gettext_lazy("Looked at your record")

_WHY_FOR_PATIENT: dict[str, Words] = {
    "TREAT": gettext_lazy("For your care"),
    "HOPERAT": gettext_lazy("To run the clinic"),
    "HPAYMT": gettext_lazy("For payment"),
    "PATRQT": gettext_lazy("You or somebody you trust asked for it"),
    "ETREAT": gettext_lazy("In an emergency"),
    "BTG": gettext_lazy("In an emergency"),
}


def what_was_done(event: AuditEvent) -> str:
    """One phrase for the privacy officer. It names kinds of data, and never what they say."""
    done = DONE.get((event.type, event.subtype))
    if done is not None:
        return _("Tried: %(what)s") % {"what": done} if event.outcome != "0" else str(done)
    thing = category(event.data_category)
    if event.type == "access":
        if event.subtype == "list":
            return _("Listed: %(what)s") % {"what": thing}
        if event.subtype == "search":
            return _("Searched: %(what)s") % {"what": thing}
        if event.subtype == "scan":
            return _("Checked for viruses: %(what)s") % {"what": thing}
        if event.subtype == "index":
            return _("Prepared for search: %(what)s") % {"what": thing}
        if event.subtype == "send":
            return _("Used to send a notice: %(what)s") % {"what": thing}
        return _("Opened: %(what)s") % {"what": thing}
    if event.type == "refusal":
        return _("Was refused: %(what)s") % {"what": thing}
    if event.type == "change":
        changed = {"C": _("Added: %(what)s"), "D": _("Removed: %(what)s")}.get(
            event.action, _("Changed: %(what)s")
        )
        return changed % {"what": thing}
    return f"{event.type}, {event.subtype}: {thing}"


def agent(agent_id: str) -> str:
    """One who acts and is no user."""
    if agent_id == "anonymous":
        return _("Somebody not signed in")
    return _("The portal (%(part)s)") % {"part": agent_id.removeprefix("system:")}


def category(code: str) -> str:
    return str(CATEGORIES.get(code, code))


def outcome(code: str) -> str:
    return str(OUTCOMES.get(code, code))


def purpose(code: str) -> str:
    return str(PURPOSES.get(code, code))


def reason(code: str) -> str:
    """Why something was refused or failed. The part after a colon names the address."""
    kind, _colon, where = code.partition(":")
    words = str(REASONS.get(kind, kind))
    return f"{words} ({where})" if where else words


def role(code: str) -> str:
    return str(ROLES.get(code, code))


def seen_by_patient(type: str, subtype: str, data_category: str) -> str:
    """What somebody did, as the patient is told: "Read your messages"."""
    if type != "access":
        return str(_FOR_PATIENT.get((type, subtype), _SOMETHING))
    if data_category in ("account", "contact", "identity", "patient") and subtype != "send":
        return str(_NAME_AND_CONTACT)
    return str(_FOR_PATIENT.get((data_category, subtype), _SOMETHING))


def why_for_patient(purpose_of_use: str) -> str:
    return str(_WHY_FOR_PATIENT.get(purpose_of_use, ""))
