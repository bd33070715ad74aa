"""Every page in a real browser: no violation of the policy, none of accessibility, nothing wider than a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from accounts.entrance import FACTORS
from accounts.policy import addresses, declared, is_api
from messaging.clock import clinic_date
from messaging.models import Absence, Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.django_db(transaction=True)

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Looking for violations takes a second each time: at the narrowest width only its own fault is looked for.
WIDTHS = {320: False, 390: True, 1280: True}
# What the dark can change about a page is its colours.
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Answers that are no page: probes and turnings, files, and the letters of the demo.
NO_PAGES = {"healthz", "inbox-version", "stay", "demo-mail", "home", "draft", "file"}


class Visitor:
    """Goes to pages and keeps what is wrong with them."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.wrong: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))

    def _heard(self, said: Any) -> None:
        # The answer to a form that is not right is a line in the console, too.
        if said.type == "error" and "status of 4" not in said.text:
            self.wrong.append(f"{self.page.url}: {said.text}")

    def go(self, name: str, *args: object, query: str = "", status: int = 200) -> None:
        answer = self.page.goto(self.site + reverse(name, args=args) + query)
        assert answer is not None and answer.status == status, (name, answer and answer.status, self.page.url)
        self.look(name)

    def look(self, name: str) -> None:
        for width, looks_closely in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": 844})
            if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.wrong.append(f"{name}: wider than {width} px")
            if not looks_closely:
                continue
            self._violations(f"{name} at {width} px", {"runOnly": TAGS})
        self._in("dark")
        self._violations(f"{name} in the dark", OF_COLOURS)
        self._in("light")

    def _in(self, theme: str) -> None:
        self.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)

    def _violations(self, where: str, options: dict[str, Any]) -> None:
        for violation in Axe().run(self.page, options=options).response["violations"]:
            found = ", ".join(" ".join(node["target"]) for node in violation["nodes"][:3])
            self.wrong.append(f"{where}: {violation['id']} ({found})")


@pytest.fixture
def visitor(context: BrowserContext, site: str) -> Iterator[Visitor]:
    context.add_cookies([{"name": "theme", "value": "light", "url": site}])
    page = context.new_page()
    # Colours on their way from one to another are nobody's choice.
    page.emulate_media(reduced_motion="reduce")
    one = Visitor(page, site)
    yield one
    assert one.wrong == []


PATIENT = {
    "messages",
    "message-new",
    "drafts",
    "draft-urgent",
    "draft-stop",
    "draft-topic",
    "draft-nurse",
    "draft-text",
    "draft-check",
    "message-sent",
    "message-search",
    "thread-print",
    "thread",
    "message-correct",
    "medicines",
    "refill-new",
    "refill-request",
    "privacy",
    "trusted",
    "trusted-person",
    "account",
}
STAFF = {
    "inbox",
    "inbox-apart",
    "inbox-thread",
    "inbox-correct",
    "absences",
    "refills",
    "refill",
    "desk-lost",
    "desk-trusted",
    "desk-trusted-patient",
    "desk-trusted-new",
    "desk-patients",
    "desk-patient",
    "desk-birth-date",
    "desk-join-other",
    "desk-joins",
    "desk-join",
    "reason",
}
ADMINISTRATOR = {"teams", "team"}
PEOPLE = {
    "people",
    "people-invite",
    "people-invitations",
    "person",
    "person-close",
    "person-invite",
    "role-requests",
    "patient-accounts",
    "patient-new",
    "patient-account",
    "of-age",
}
OFFICER = {"audit-events", "audit-event"}
WAY_IN = {
    "sign-in",
    "sign-in-code",
    "sign-in-recovery",
    "sign-in-lost",
    "sign-in-set-up",
    "sign-in-set-up-passkey",
    "sign-in-codes",
    "sign-in-again",
    "password-forgotten",
    "password-by-link",
    "join",
    "join-by-link",
    "join-stop",
    "help",
    "accessibility",
}
TERMS = {"terms"}
FACTOR_PAGES = {"trusted-new", "account-app-new", "account-codes", "account-passkey-new", "account-password"}
CONTACT = {"account-contact", "account-email", "account-email-confirm", "account-phone"}


def test_every_page_is_visited_here() -> None:
    pages = {
        pattern.name
        for _, pattern in addresses()
        if "get" in (declared(pattern.callback) or {}) and not is_api(pattern.callback)
    }
    assert (
        pages - NO_PAGES
        == PATIENT | STAFF | PEOPLE | OFFICER | ADMINISTRATOR | WAY_IN | TERMS | CONTACT | FACTOR_PAGES
    )


def test_the_pages_of_a_patient(cast, work, visitor, as_):
    thread, medicine, refill = work.thread(), work.medicine(), work.refill()
    thread.post(author=cast.maya, body="Please keep taking the tablets.\n\nCall us if it gets worse.")
    as_(cast.ana)
    visitor.go("messages")
    visitor.go("messages", query="?show=closed")
    visitor.go("thread", thread.pk)
    from messaging.models import Amendment, PutAway, Withdrawal

    visitor.go("message-correct", thread.pk, thread.messages.earliest("sent_at").pk)
    Amendment.objects.write(thread, thread.messages.earliest("sent_at"), by=cast.ana, body="As I meant it.")
    visitor.go("thread", thread.pk)
    other = work.thread(subject="Old")
    Withdrawal.objects.take_back(other, other.messages.get(author=cast.ana), by=cast.ana)
    visitor.go("thread", other.pk)
    PutAway.objects.put(other, by=cast.ana)
    visitor.go("messages", query="?show=away")
    visitor.go("message-new")
    visitor.go("thread-print", thread.pk)
    visitor.go("message-search")
    visitor.page.get_by_label("Words to look for").fill("tablets")
    visitor.page.get_by_role("button", name="Search").click()
    visitor.page.get_by_role("heading", name="1 message found").wait_for()
    visitor.look("message-search with hits")
    visitor.page.get_by_label("Words to look for").fill("xylophone")
    visitor.page.get_by_role("button", name="Search").click()
    visitor.page.get_by_role("heading", name="No message found").wait_for()
    visitor.look("message-search without hits")
    visitor.go("medicines")
    visitor.go("refill-new", medicine.pk)
    visitor.go("refill-request", refill.pk)
    visitor.go("privacy")
    visitor.go("account")


def test_the_steps_of_a_new_message(cast, work, visitor, as_):
    thread = work.thread()
    today = clinic_date()
    Absence.objects.plan(by=cast.okafor, cover=cast.maya.pk, first_day=today, last_day=today)
    letter = Draft.objects.begin(
        by=cast.ana, patient=cast.patient("ana"), urgent="unsure", category=thread.category
    )
    letter.say_safe(by=cast.ana)
    letter.keep(by=cast.ana, subject="Pain", body="I have chest pain since noon.", written_with_help=True)
    as_(cast.ana)
    visitor.go("drafts")
    for step in ("urgent", "stop", "topic", "nurse", "text", "check"):
        visitor.go(f"draft-{step}", letter.pk)
    visitor.go("message-sent", thread.pk)


def test_the_pages_of_a_patient_when_something_is_missing(cast, work, visitor, as_):
    thread = work.thread()
    as_(cast.ana)
    page = visitor.page
    letter = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
    for step in ("urgent", "topic", "text"):
        visitor.go(f"draft-{step}", letter.pk)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("alert").wait_for()
        assert page.title().startswith("Error:")
        assert page.evaluate("document.activeElement.id") == "problems"
        visitor.look(f"draft-{step} with errors")
    visitor.go("thread", thread.pk)
    page.get_by_role("button", name="Send reply").click()
    page.get_by_role("alert").wait_for()
    visitor.look("thread with errors")


def test_the_pages_of_somebody_who_has_nothing_yet(cast, visitor, as_):
    as_(cast.ben)
    visitor.go("messages")
    visitor.go("medicines")
    visitor.go("privacy")


def test_the_pages_of_the_team(cast, work, visitor, as_):
    thread, refill = work.thread(), work.refill()
    as_(cast.okafor)
    visitor.go("inbox")
    visitor.go("inbox", query="?view=finished")
    thread.note(author=cast.maya, body="Asked about the dose.")
    thread.post(author=cast.maya, body="Please keep taking the tablets.")
    visitor.go("inbox-thread", thread.pk)
    other = work.thread()
    visitor.go("inbox-correct", other.pk, other.post(author=cast.okafor, body="Until tomorrow.").pk)
    visitor.go("absences")
    visitor.go("refills")
    visitor.go("refill", refill.pk)
    visitor.go("account")


def test_the_pages_of_the_front_desk(cast, visitor, as_):
    from accounts.models import FactorLoss

    FactorLoss.objects.ask(by=cast.ana)
    as_(cast.sam)
    visitor.go("desk-lost")
    page = visitor.page
    page.get_by_role("button", name="Both are right").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-lost with errors")
    page.get_by_label("Record number").fill("RC-104417")
    page.get_by_label("Birth date").fill("1958-03-14")
    page.get_by_role("button", name="Both are right").click()
    page.get_by_text("We sent an e-mail about it.").wait_for()
    visitor.look("desk-lost done")
    as_(cast.ana)
    visitor.go("account")
    assert page.get_by_role("button", name="Stop it, nothing is lost").is_visible()


def test_the_pages_about_trusted_people(cast, work, visitor, as_):
    from accounts.models import Trust
    from accounts.trusted import TRUST

    thread, page = work.thread(), visitor.page
    trust = Trust.objects.get(proxy=cast.rosa)
    as_(cast.rosa)
    visitor.go("thread", thread.pk)
    page.get_by_text("You are helping Ana Alvarez.").wait_for()
    visitor.go("account")
    as_(cast.ana, fresh=TRUST)
    visitor.go("trusted")
    visitor.go("trusted-person", trust.pk)
    visitor.go("trusted-new")
    page.get_by_label("Name").fill("Nina Vale")
    page.get_by_label("E-mail").fill("nina@patients.example")
    page.get_by_label("Who is this person to you?").select_option("friend")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Step 2 of 3").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("alert").wait_for()
    visitor.look("trusted-new, the second step with errors")
    page.get_by_label("Read messages").check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Step 3 of 3").wait_for()
    visitor.look("trusted-new, the third step")
    page.get_by_role("button", name="Send the invitation").click()
    page.get_by_role("heading", name="Give this code to Nina Vale").wait_for()
    visitor.look("trusted-person with a code")
    # Two taps.
    visitor.go("trusted")
    page.get_by_text("Stop access Rosa Alvarez").click()
    page.get_by_role("button", name="Stop it now Rosa Alvarez").click()
    page.get_by_text("No access any more").wait_for()


def test_the_pages_about_trusted_people_at_the_desk(cast, work, visitor, as_):
    from accounts.models import Trust

    thread, page = work.thread(), visitor.page
    as_(cast.sam)
    visitor.go("desk-trusted")
    visitor.go("desk-trusted-patient", cast.patient("ana").pk)
    as_(cast.sam, fresh="trusted-people")
    visitor.go("desk-trusted-new", cast.patient("ana").pk)
    page.get_by_role("button", name="Write it down and invite").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-trusted-new with errors")
    Trust.objects.get(proxy=cast.rosa).freeze(by=cast.sam, reason="Two daughters, two papers.")
    visitor.go("desk-trusted-patient", cast.patient("ana").pk)
    as_(cast.okafor)
    visitor.go("inbox-apart", thread.pk)
    thread.keep_from_trusted_people(by=cast.okafor, reason="She asked on the phone.")
    visitor.go("inbox-thread", thread.pk)
    as_(cast.ana)
    visitor.go("thread", thread.pk)


def test_the_pages_of_a_record_at_the_desk(cast, work, visitor, as_):
    from accounts.models import RecordState

    ana = cast.patient("ana")
    RecordState.objects.begin(patient=ana, state="inactive", reason="Moved to the coast.", by=cast.sam)
    thread = work.thread(by="ben")
    as_(cast.okafor)
    page = visitor.page
    visitor.go("desk-patients")
    page.get_by_role("button", name="Open the record").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-patients with errors")
    page.get_by_label("Record number").fill("RC-104417")
    page.get_by_role("button", name="Open the record").click()
    page.get_by_role("heading", name="Ana Alvarez").wait_for()
    visitor.look("desk-patient")
    page.get_by_role("button", name="Change the state").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-patient with errors")
    visitor.go("desk-patient", ana.pk, query="?done=care")
    page.get_by_role("button", name="Ask for a reason first").click()
    page.get_by_role("heading", name="Say why you open it").wait_for()
    visitor.look("reason")
    page.get_by_role("button", name="Open the record").click()
    page.get_by_role("alert").wait_for()
    visitor.look("reason with errors")
    page.get_by_label("Why do you open it?").fill("She called about her letter.")
    page.get_by_role("button", name="Open the record").click()
    page.get_by_role("heading", name="Ana Alvarez").wait_for()
    as_(cast.ana)
    visitor.go("messages")
    visitor.go("message-new")
    visitor.go("medicines")
    assert thread


def test_the_pages_of_two_records_of_one_patient(cast, visitor, as_):
    from accounts.models import Patient, RecordJoin

    ana = cast.patient("ana")
    twin = Patient.objects.register(
        name="Ana M. Alvarez", birth_date="1985-03-14", record_number="RC-118800", by=cast.sam
    )
    as_(cast.sam, fresh="records")
    page = visitor.page
    visitor.go("desk-birth-date", ana.pk)
    page.get_by_role("button", name="Show what this changes").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-birth-date with errors")
    page.get_by_label("Birth date").fill("2019-04-14")
    page.get_by_label("Which paper").select_option("passport")
    page.get_by_label("Why was it wrong").fill("Two digits were swapped.")
    page.get_by_role("button", name="Show what this changes").click()
    page.get_by_role("heading", name="What this changes").wait_for()
    visitor.look("desk-birth-date with what it changes")
    visitor.go("desk-joins")
    visitor.go("desk-join-other", ana.pk)
    page.get_by_role("button", name="Show both").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-join-other with errors")
    page.get_by_label("Record number").fill("RC-118800")
    page.get_by_label("Birth date").fill("1985-03-14")
    page.get_by_role("button", name="Show both").click()
    page.get_by_role("heading", name="Ana M. Alvarez").wait_for()
    visitor.look("desk-join-other with both records")
    page.get_by_role("button", name="Ask a second person").click()
    page.get_by_role("alert").wait_for()
    visitor.look("desk-join-other with errors in the reason")
    page.get_by_label("RC-104417").check()
    page.get_by_label("How do you know").fill("One phone, one street.")
    page.get_by_role("button", name="Ask a second person").click()
    page.get_by_text("Nothing is joined until").wait_for()
    visitor.look("desk-join that waits")
    RecordJoin.objects.waiting().get().drop(by=cast.sam)
    join = RecordJoin.objects.ask(
        patient=twin, survivor=ana, reason="One street.", births_differ=False, by=cast.sam
    )
    visitor.go("desk-joins")
    visitor.go("desk-join", join.pk)
    visitor.go("desk-patient", ana.pk)


def test_the_pages_of_teams(cast, work, visitor, as_):
    work.thread()
    as_(cast.root, fresh="people")
    visitor.go("teams")
    visitor.go("team", cast.team("okafor").pk)
    visitor.page.get_by_role("button", name="Make both one team").click()
    visitor.page.get_by_role("alert").wait_for()
    visitor.look("team with errors")
    cast.team("okafor").merge_into(successor=cast.team("lund"), by=cast.root)
    visitor.go("team", cast.team("okafor").pk)
    visitor.go("teams", query="?done=closed")


def test_the_pages_of_the_privacy_officer(cast, work, visitor, as_):
    from audit.models import AuditEvent

    work.thread()
    as_(cast.mira)
    visitor.go("audit-events")
    visitor.go("audit-events", query="?since=2026-13-40", status=422)
    visitor.go("audit-event", AuditEvent.objects.latest("recorded_at").pk)


def test_the_way_in(cast, visitor, as_):
    from accounts.models import User
    from portal.demo_clinic import FOUNDER

    visitor.go("sign-in")
    visitor.go("help")
    visitor.go("accessibility")
    as_(cast.ana, strength=1)
    visitor.go("sign-in-code")
    visitor.go("sign-in-recovery")
    visitor.go("sign-in-lost")
    visitor.page.get_by_role("button", name="I lost all of it").click()
    visitor.page.get_by_text("Now call or visit the front desk").wait_for()
    visitor.look("sign-in-lost, asked")
    as_(cast.ana)
    visitor.go("help")
    visitor.go("sign-in-again", query="?for=refill-decision")
    newcomer = User.objects.enrol(email="new@riverside.example", password="walks by the river", by=FOUNDER)
    as_(newcomer, strength=1)
    visitor.go("sign-in-set-up")
    visitor.go("sign-in-set-up-passkey")
    as_(newcomer, strength=2)
    visitor.go("sign-in-codes")


def test_the_terms(cast, visitor, as_):
    from accounts.models import Agreement

    for who in (cast.ana, cast.maya):
        as_(who)
        visitor.go("terms")
        Agreement.objects.filter(user=who).delete()
        visitor.page.goto(visitor.site + "/account/")
        visitor.page.get_by_role("button", name="I have read this and I agree").wait_for()
        visitor.look("terms, to be agreed to")
        visitor.page.get_by_role("button", name="I have read this and I agree").click()
        visitor.page.get_by_role("heading", name="How you sign in").wait_for()


def test_changing_how_she_is_reached(cast, visitor, as_):
    from accounts.models import ContactChange

    as_(cast.ana, fresh="contact")
    page = visitor.page
    visitor.go("account-contact")
    visitor.go("account-email")
    page.get_by_label("New e-mail").fill("not whole")
    page.get_by_role("button", name="Send a link there").click()
    page.get_by_role("alert").wait_for()
    visitor.look("account-email with errors")
    page.get_by_label("New e-mail").fill("ana.alvarez@post.example")
    page.get_by_role("button", name="Send a link there").click()
    page.get_by_text("We sent a link to").wait_for()
    visitor.look("account-contact, waiting")
    visitor.go("account-email-confirm", ContactChange.objects.get().new_token())
    page.get_by_role("button", name="Use this e-mail from now on").click()
    page.get_by_role("button", name="Undo the change").wait_for()
    visitor.look("account-contact, changed")
    visitor.go("account-email-confirm", "nothing", status=410)
    as_(cast.ana, fresh="contact")
    visitor.go("account-phone")
    as_(cast.maya)
    visitor.go("account-contact")


def test_changing_the_second_step(cast, visitor, as_):
    as_(cast.ana, fresh=FACTORS)
    visitor.go("account-app-new")
    visitor.go("account-codes")
    visitor.go("account-passkey-new")
    visitor.go("account-password")


def test_getting_a_new_password(cast, visitor):
    from accounts.models import PasswordReset

    visitor.go("password-forgotten")
    visitor.page.get_by_label("E-mail").fill("ana@riverside.example")
    visitor.page.get_by_role("button", name="Send me a link").click()
    visitor.page.get_by_text("If there is an account with this e-mail").wait_for()
    visitor.look("password-forgotten, sent")
    token = PasswordReset.objects.create(email_digest=cast.ana.email_digest, user=cast.ana).new_token()
    visitor.go("password-by-link", token)
    visitor.page.get_by_label("New password").fill("kingfisher under the bridge")
    visitor.page.get_by_role("button", name="Save my new password").click()
    visitor.page.get_by_role("heading", name="Your new password is saved").wait_for()
    visitor.look("password-by-link, done")
    visitor.go("password-by-link", token, status=410)


def test_the_people_area(cast, visitor, as_):
    from accounts.models import FactorLoss, Invitation, InvitationKind, Role, RoleRequest

    as_(cast.root)
    visitor.go("people-invitations")
    visitor.go("role-requests")
    Invitation.objects.issue(kind=InvitationKind.STAFF, name="Nils Berg", email="n@example.com", by=cast.root)
    RoleRequest.objects.ask(user=cast.lund, role=Role.PRIVACY_OFFICER, gives=True, by=cast.root)
    FactorLoss.objects.ask(by=cast.maya)
    visitor.go("people")
    visitor.go("people", query="?name=nobody")
    visitor.go("people-invitations")
    visitor.go("person", cast.lund.pk)
    as_(cast.mira)
    visitor.go("role-requests")
    as_(cast.root, fresh="people")
    visitor.go("person-close", cast.maya.pk)
    visitor.go("people-invite")
    page = visitor.page
    page.get_by_role("button", name="Make the invitation").click()
    page.get_by_role("alert").wait_for()
    visitor.look("people-invite with errors")
    page.get_by_label("Name").fill("Nadia Holm")
    page.get_by_label("Work e-mail").fill("nadia@riverside.example")
    page.get_by_label("nurse").check()
    page.get_by_role("button", name="Make the invitation").click()
    page.get_by_role("heading", name="Your code for").wait_for()
    visitor.look("people-invite, done")
    cast.maya.deactivate(by=cast.root)
    visitor.go("person", cast.maya.pk)
    visitor.go("person-invite", cast.maya.pk)


def test_the_accounts_of_patients_at_the_desk(cast, visitor, as_):
    from accounts.models import Invitation

    as_(cast.sam, fresh="people")
    page = visitor.page
    visitor.go("patient-new")
    visitor.go("patient-accounts")
    page.get_by_label("Record number").fill("RC-000000")
    page.get_by_role("button", name="Find the account").click()
    page.get_by_role("alert").wait_for()
    visitor.look("patient-accounts, not found")
    visitor.go("of-age")
    visitor.go("patient-account", cast.patient("ana").pk)
    cast.ana.deactivate(by=cast.root)
    visitor.go("patient-account", cast.patient("ana").pk)
    page.get_by_role("button", name="Invite this patient").click()
    page.get_by_role("heading", name="Your code for").wait_for()
    visitor.look("patient-account, invited")
    visitor.go("patient-account", cast.patient("ana").pk)
    visitor.go("patient-accounts")
    second = Invitation.objects.get(patient=cast.patient("ana")).second
    second.sign(by=cast.root)
    visitor.go("patient-account", cast.patient("ana").pk)
    visitor.go("join-stop", second.new_token())
    page.get_by_role("button", name="Stop it").click()
    page.get_by_role("heading", name="It is stopped").wait_for()
    visitor.look("join-stop, done")


def test_joining_by_an_invitation(cast, visitor, as_):
    from tests.accounts.invited import NORA, PASSWORD, a_newcomer, invite, link_in_mail

    _invitation, code = invite(cast, a_newcomer(cast))
    page = visitor.page
    visitor.go("join")
    page.get_by_role("button", name="Send me the link").click()
    page.get_by_role("alert").wait_for()
    visitor.look("join with errors")
    page.get_by_label("Code from the clinic").fill(code)
    page.get_by_label("Your birth date").fill(NORA["birth_date"])
    page.get_by_label("Your e-mail").fill("rosa@riverside.example")
    page.get_by_role("button", name="Send me the link").click()
    page.get_by_role("heading", name="Look in your e-mail").wait_for()
    visitor.look("join, sent")
    token = link_in_mail().split("/")[2]
    visitor.go("join-by-link", token)
    page.get_by_label("Your birth date").fill(NORA["birth_date"])
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="You have an account already").wait_for()
    visitor.look("join-by-link, known")
    as_(cast.rosa)
    visitor.go("join-by-link", token)
    visitor.go("join")
    page.get_by_label("Code from the clinic").fill(code)
    page.get_by_label("Your birth date").fill(NORA["birth_date"])
    page.get_by_role("button", name="Add my record").click()
    page.get_by_role("heading", level=1, name="Messages").wait_for()
    visitor.go("join-by-link", token, status=410)


def test_a_page_that_is_not_there(visitor):
    visitor.page.goto(visitor.site + "/nowhere/")
    visitor.look("not found")
