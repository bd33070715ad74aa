"""How a person is reached: changed slowly, told to both sides, undone for a day (details 57 and 58, NT5)."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ContactChange, Notification, Patient, User
from accounts.refusals import LoginTaken
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.steps import is_in
from tests.work import words

OLD, NEW = "ana@riverside.example", "ana.alvarez@post.example"
PAGE, EMAIL, PHONE = "/account/contact/", "/account/email/", "/account/phone/"
GOOD = "kingfisher under the bridge"


@pytest.fixture
def clock():
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        yield clock


def letters() -> dict[str, list[str]]:
    """What was sent now, by address."""
    mail.outbox.clear()
    sweep_notifications()
    sent: dict[str, list[str]] = {}
    for letter in mail.outbox:
        sent.setdefault(letter.to[0], []).append(letter.body)
    return sent


def link_in(bodies: list[str]) -> str:
    return next(found[0] for body in bodies if (found := re.search(r"/account/email/confirm/\S+/", body)))


def moved(cast, enter, client: Client | None = None) -> Client:
    """Ana has changed her e-mail and opened the link."""
    client = client or enter(cast.ana, fresh="contact")
    assert client.post(EMAIL, {"email": NEW}).status_code == 302
    assert client.post(link_in(letters()[NEW])).status_code == 302
    return client


def test_a_new_address_counts_once_its_link_was_opened(cast, enter):
    other, client = enter(cast.ana), enter(cast.ana, fresh="contact")
    assert client.post(EMAIL, {"email": NEW})["Location"] == PAGE
    page = words(client.get(PAGE))
    assert f"We sent a link to {NEW}" in page and OLD in page
    sent = letters()
    assert set(sent) == {OLD, NEW}
    assert "asked to change the e-mail" in sent[OLD][0]
    # Nothing has changed yet.
    assert Client().post("/sign-in/", {**cast.login("ana"), "email": NEW}).status_code == 422
    link = link_in(sent[NEW])
    assert client.get(link).status_code == client.head(link).status_code == 200
    before = client.cookies["session"].value
    assert client.post(link)["Location"] == PAGE
    assert client.cookies["session"].value != before
    assert is_in(client) and not is_in(other)
    assert Client().post("/sign-in/", {**cast.login("ana"), "email": NEW}).status_code == 302
    sent = letters()
    assert "was changed" in sent[OLD][0] and "Call us at once" in sent[OLD][0]
    assert "was changed" in sent[NEW][0]
    said = AuditEvent.objects.filter(type="account", agent_id=str(cast.ana.pk), source="web")
    assert set(said.values_list("subtype", flat=True)) == {"contact-asked", "contact-changed"}
    # The link was for once.
    assert client.post(link).status_code == client.get(link).status_code == 410


def test_it_asks_for_the_second_step_shown_for_this(cast, enter):
    for address in (EMAIL, PHONE):
        for fresh in ("", "factors"):
            answer = enter(cast.ana, fresh=fresh).post(address, {"email": NEW, "phone": "555"})
            assert answer["Location"].startswith("/sign-in/again/?for=contact")
    assert not ContactChange.objects.exists()


def test_what_she_typed_before_the_second_step_stands_there_afterwards(cast, enter):
    client = enter(cast.ana)
    client.post(EMAIL, {"email": NEW})
    assert NEW in enter(cast.ana, fresh="contact").get(EMAIL).content.decode()


def test_the_link_is_good_for_its_owner_for_half_an_hour(cast, enter, clock):
    client = enter(cast.ana, fresh="contact")
    client.post(EMAIL, {"email": NEW})
    link = link_in(letters()[NEW])
    assert Client().get(link)["Location"].startswith("/sign-in/?next=%2Faccount%2Femail%2Fconfirm%2F")
    assert enter(cast.ben).get(link).status_code == enter(cast.ben).post(link).status_code == 410
    clock.shift(1799)
    assert client.get(link).status_code == 200
    clock.shift(1)
    assert client.get(link).status_code == client.post(link).status_code == 410
    assert User.objects.by_email(OLD) == cast.ana


def test_asking_again_or_thinking_better_of_it_kills_the_link(cast, enter):
    client = enter(cast.ana, fresh="contact")
    client.post(EMAIL, {"email": NEW})
    first = link_in(letters()[NEW])
    client.post(EMAIL, {"email": "other@post.example"})
    assert client.get(first).status_code == 410
    second = link_in(letters()["other@post.example"])
    client.post("/account/email/cancel/")
    assert client.post(second).status_code == 410
    assert "We sent a link" not in words(client.get(PAGE))


@pytest.mark.parametrize(
    "bad", ["", "ana", "ana@", "a b@post.example", "x" * 250 + "@post.example", OLD, OLD.upper()]
)
def test_what_is_no_other_address_is_asked_again(cast, enter, bad):
    answer = enter(cast.ana, fresh="contact").post(EMAIL, {"email": bad})
    assert answer.status_code == 422
    assert not ContactChange.objects.exists()


def test_an_address_that_is_somebody_elses_tells_nothing(cast, enter):
    """Same answer, same statements, and no mail to whom it belongs."""
    seen = {}
    for email in ("ben@riverside.example", "nobody@riverside.example"):
        client = enter(cast.ana, fresh="contact")
        with CaptureQueriesContext(connection) as asked:
            answer = client.post(EMAIL, {"email": email})
        page = words(client.get(PAGE)).replace(email, "")
        seen[email] = (answer.status_code, answer["Location"], page, [s["sql"].split()[0] for s in asked])
        sent = letters()
        assert ("ben@riverside.example" in sent) is False
    first, second = seen.values()
    assert first[:3] == second[:3]
    # The second question takes the first one's place, which costs two statements more.
    assert len(second[3]) >= len(first[3])


def test_an_address_that_was_taken_meanwhile_is_not_taken_twice(cast, enter):
    client = enter(cast.ana, fresh="contact")
    client.post(EMAIL, {"email": NEW})
    link = link_in(letters()[NEW])
    User.objects.enrol(email=NEW, password=None, by=FOUNDER)
    assert client.post(link).status_code == 410
    assert User.objects.by_email(OLD) == cast.ana


def test_for_a_day_a_new_password_comes_to_the_old_address_alone(cast, enter, clock):
    moved(cast, enter)
    letters()
    for asked_with in (OLD, NEW):
        Client().post("/sign-in/forgotten/", {"email": asked_with})
        sent = letters()
        assert set(sent) == {OLD} and "new password" in sent[OLD][0]
    clock.shift(24 * 3600 + 1)
    Client().post("/sign-in/forgotten/", {"email": NEW})
    assert set(letters()) == {NEW}
    Client().post("/sign-in/forgotten/", {"email": OLD})
    assert letters() == {}


def test_whoever_lost_her_account_by_it_comes_back_by_the_old_address(cast, enter, clock):
    """A thief with session and code moved it. The owner: a link to the old address, her code, and undo."""
    thief = moved(cast, enter)
    letters()
    Client().post("/sign-in/forgotten/", {"email": OLD})
    link = re.search(r"/sign-in/new-password/\S+/", letters()[OLD][0])[0]
    assert Client().post(link, {"new": GOOD}).status_code == 200
    assert not is_in(thief)
    hers = Client()
    assert hers.post("/sign-in/", {"email": OLD, "password": GOOD}).status_code == 302
    hers.post("/sign-in/code/", {"code": cast.code("ana")})
    assert is_in(hers)
    clock.shift(60)
    hers.post("/sign-in/again/", {"for": "contact", "code": cast.code("ana")})
    change = ContactChange.objects.get()
    assert hers.post(f"/account/contact/{change.pk}/undo/").status_code == 302
    assert is_in(hers)
    assert User.objects.by_email(OLD) == cast.ana and User.objects.by_email(NEW) is None
    assert set(letters()) == {OLD, NEW}
    assert AuditEvent.objects.filter(subtype="contact-undone").count() == 1


def test_it_is_undone_once_within_the_day_and_by_its_owner(cast, enter, clock):
    moved(cast, enter)
    change = ContactChange.objects.get()
    address = f"/account/contact/{change.pk}/undo/"
    assert enter(cast.ana).post(address)["Location"].startswith("/sign-in/again/?for=contact")
    assert enter(cast.ben, fresh="contact").post(address).status_code == 404
    assert AuditEvent.objects.filter(type="refusal", agent_id=str(cast.ben.pk)).count() == 1
    clock.shift(24 * 3600)
    late = enter(cast.ana, fresh="contact")
    assert late.post(address).status_code == 409
    clock.shift(-1)
    assert enter(cast.ana, fresh="contact").post(address).status_code == 302
    assert enter(cast.ana, fresh="contact").post(address).status_code == 409


def test_within_the_day_there_is_no_second_change_and_nobody_takes_the_old_address(cast, enter, clock):
    client = moved(cast, enter)
    client = enter(cast.ana, fresh="contact")
    answer = client.post(EMAIL, {"email": "third@post.example"})
    assert answer.status_code == 409 and "24 hours" in words(answer)
    assert "third@post.example" in answer.content.decode()
    with pytest.raises(LoginTaken):
        User.objects.enrol(email=OLD, password=None, by=FOUNDER)
    clock.shift(24 * 3600 + 1)
    User.objects.enrol(email=OLD, password=None, by=FOUNDER)
    assert enter(cast.ana, fresh="contact").post(EMAIL, {"email": "third@post.example"}).status_code == 302


def test_what_ends_her_sessions_kills_the_link(cast, enter):
    enter(cast.ana, fresh="contact").post(EMAIL, {"email": NEW})
    link = link_in(letters()[NEW])
    User.objects.get(pk=cast.ana.pk).change_password(GOOD, by=cast.ana)
    assert enter(cast.ana).get(link).status_code == 410


def test_asking_is_limited(cast, enter):
    client = enter(cast.ana, fresh="contact")
    tries = [client.post(EMAIL, {"email": f"a{n}@post.example"}).status_code for n in range(7)]
    assert tries == [302] * 5 + [429] * 2


def test_the_address_is_sealed_and_the_link_is_nowhere_but_in_the_mail(cast, enter):
    client = enter(cast.ana, fresh="contact")
    client.post(EMAIL, {"email": NEW})
    token = link_in(letters()[NEW]).split("/")[-2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM accounts_contactchange c")
        stored = str(cursor.fetchall())
    assert NEW not in stored and NEW.encode().hex() not in stored and token not in stored
    assert token not in str(list(AuditEvent.objects.values("changes", "additional_data")))
    assert token not in str(list(Notification.objects.values()))


# The telephone number of one's own record


def number_on(client: Client) -> str:
    return words(client.get(PAGE))


def test_she_changes_her_own_telephone_number_and_takes_it_back(cast, enter):
    other, client = enter(cast.ana), enter(cast.ana, fresh="contact")
    assert client.post(PHONE, {"phone": "call me"}).status_code == 422
    assert client.post(PHONE, {"phone": "+1 555 010 0177"})["Location"] == PAGE
    assert is_in(client) and not is_in(other)
    assert "+1 555 010 0177" in number_on(client) and "+1 555 010 0161" in number_on(client)
    assert "telephone number" in letters()[OLD][0]
    change = ContactChange.objects.get()
    assert change.patient == cast.patient("ana")
    fresh = enter(cast.ana, fresh="contact")
    assert fresh.post(f"/account/contact/{change.pk}/undo/").status_code == 302
    assert "+1 555 010 0161" in number_on(fresh) and "0177" not in number_on(fresh)


def test_of_two_new_numbers_within_a_day_the_last_is_taken_back(cast, enter, clock):
    for number in ("+1 555 010 0171", "+1 555 010 0172"):
        assert enter(cast.ana, fresh="contact").post(PHONE, {"phone": number}).status_code == 302
        clock.shift(60)
    first, second = ContactChange.objects.order_by("confirmed_at")
    client = enter(cast.ana, fresh="contact")
    assert client.post(f"/account/contact/{first.pk}/undo/").status_code == 409
    assert client.post(f"/account/contact/{second.pk}/undo/").status_code == 302
    assert "+1 555 010 0171" in number_on(client)


@pytest.mark.parametrize("who", ["rosa", "maya", "root"])
def test_nobody_changes_the_number_of_somebody_else(cast, enter, who):
    client = enter(cast[who], fresh="contact")
    assert client.post(PHONE, {"phone": "+1 555 010 0177"}).status_code == 404
    assert AuditEvent.objects.filter(type="refusal", agent_id=str(cast[who].pk)).count() == 1
    assert "Telephone" not in words(client.get(PAGE))


def test_a_telephone_number_chooses_nobody(cast, enter):
    """Families share one. It is stored without anything it could be found by."""
    for key in ("ana", "ben"):
        enter(cast[key], fresh="contact").post(PHONE, {"phone": "+1 555 010 0100"})
    assert not {field.name for field in Patient._meta.concrete_fields} & {"phone_digest", "phone_hash"}
    assert not ContactChange.objects.filter(kind="phone").exclude(address_digest="").exists()
    sam = enter(cast.sam)
    answer = sam.post("/desk/lost/", {"record_number": "+1 555 010 0100", "birth_date": "1958-03-14"})
    assert answer.status_code == 422
    assert Client().post("/sign-in/", {"email": "+1 555 010 0100", "password": "x"}).status_code == 422
