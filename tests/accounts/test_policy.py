"""Every address is closed until its view says for whom it opens, pages and API alike (C1, SC2, G2, G16)."""

from __future__ import annotations

import re
import uuid

import pytest
from django.core.checks import run_checks
from django.test import Client

from accounts.policy import Proof, addresses, declared, policy, signed_in
from audit.models import AuditEvent

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
# What a visitor may ask for without a name. A new one belongs here only after somebody has thought about it.
PUBLIC = {
    "home",
    "sign-in",
    "sign-out",
    "theme",
    "language",
    "keep",
    "healthz",
    "help",
    "accessibility",
    "sign-in-passkey",
    "passkey-options",
    "password-forgotten",
    "password-by-link",
    "join",
    "join-by-link",
    "join-stop",
}
# What a person may do who has given her password and nothing more.
SECOND_STEP = {
    "sign-in-code",
    "sign-in-recovery",
    "sign-in-set-up",
    "sign-in-codes",
    "sign-in-set-up-passkey",
    "passkey-new-options",
    "sign-in-lost",
}


def every_address() -> list[tuple[str, str, dict]]:
    """Each address with something in the place of what varies, its name, and its rules."""
    return [
        (
            "/" + re.sub(r"<(\w+:)?\w+>", str(uuid.uuid4()), route),
            pattern.name or route,
            declared(pattern.callback) or {},
        )
        for route, pattern in addresses()
    ]


def test_every_address_of_the_portal_declares_its_policy():
    undeclared = [route for route, pattern in addresses() if declared(pattern.callback) is None]
    assert undeclared == []
    assert [problem for problem in run_checks(tags=["urls"]) if problem.id == "accounts.E001"] == []


def test_the_public_addresses_are_these():
    rules = [(name, rule) for _address, name, rules in every_address() for rule in rules.values()]
    assert {name for name, rule in rules if rule.proof is Proof.NOTHING} == PUBLIC
    assert {name for name, rule in rules if rule.proof is Proof.PASSWORD} == SECOND_STEP


@pytest.mark.django_db
def test_a_visitor_reaches_only_what_is_public():
    for address, name, _rules in every_address():
        for method in METHODS:
            answer = getattr(Client(), method)(address)
            if name not in PUBLIC:
                assert_shut(answer, f"{method} {address}", to="/sign-in/")


def test_a_half_signed_in_person_reaches_only_the_second_step(cast, half):
    client = half(cast.okafor)
    for address, name, _rules in every_address():
        if name in PUBLIC | SECOND_STEP:
            continue
        for method in METHODS:
            assert_shut(getattr(client, method)(address), f"{method} {address}", to="/sign-in/code/")


def test_a_person_who_is_setting_up_reaches_only_her_recovery_codes(cast):
    from tests.cast import open_session

    client = open_session(cast.okafor, 2)
    for address, name, _rules in every_address():
        if name not in PUBLIC | SECOND_STEP:
            assert_shut(client.get(address), address, to="/sign-in/set-up/codes/")


def assert_shut(answer, what: str, *, to: str) -> None:
    assert answer.status_code in (302, 401, 405), f"{what} answered {answer.status_code}"
    if answer.status_code == 302:
        assert answer["Location"].split("?")[0] == to, f"{what} led to {answer['Location']}"


@pytest.fixture
def with_test_addresses(settings):
    settings.ROOT_URLCONF = "tests.accounts.urls_for_tests"


@pytest.mark.usefixtures("with_test_addresses")
class TestAnAddress:
    @pytest.mark.parametrize("address", ["/t/forgotten/", "/api/t/forgotten/", "/api/t/child/"])
    @pytest.mark.parametrize("key", ["ana", "okafor", "root"])
    def test_that_declares_nothing_is_not_there(self, cast, enter, address, key):
        assert enter(cast[key]).get(address).status_code == 404
        assert Client().get(address).status_code == 404

    def test_that_declares_nothing_fails_the_check(self):
        problems = [problem.msg for problem in run_checks(tags=["urls"]) if problem.id == "accounts.E001"]
        assert [re.search(r"“(.*)”", text)[1] for text in problems] == [
            "t/forgotten/", "api/t/forgotten/", "api/t/child/"
        ]  # fmt: skip

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
    def test_takes_no_method_it_did_not_declare(self, cast, enter, method):
        for address in ("/t/decision/", "/api/t/declared/"):
            answer = getattr(enter(cast.okafor), method)(address)
            assert (answer.status_code, answer["Allow"]) == (405, "GET, POST")

    def test_is_open_to_the_roles_it_names(self, cast, enter):
        assert enter(cast.okafor).get("/t/decision/").status_code == 200
        assert enter(cast.maya).get("/t/decision/").status_code == 403
        assert enter(cast.root).get("/t/decision/").status_code == 403

    def test_remembers_whom_it_refused(self, cast, enter):
        enter(cast.maya).get("/t/decision/")
        refusal = AuditEvent.objects.get(type="refusal")
        assert (refusal.agent_id, refusal.outcome) == (str(cast.maya.pk), "8")

    def test_asks_for_a_second_step_shown_for_its_purpose(self, cast, enter):
        for fresh, status in (("", 302), ("factors", 302), ("refill-decision", 200)):
            answer = enter(cast.okafor, fresh=fresh).post("/t/decision/", {"note": ""})
            assert answer.status_code == status
            if status == 302:
                assert answer["Location"] == "/sign-in/again/?for=refill-decision&next=%2Ft%2Fdecision%2F"

    def test_of_the_api_answers_programs(self, cast, enter, half):
        answer = Client().get("/api/t/declared/")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        answer = half(cast.ana).get("/api/t/declared/")
        assert (answer.status_code, answer.json()["code"]) == (401, "second_step_missing")
        answer = enter(cast.okafor).get("/api/t/declared/")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_for_this_role")
        assert enter(cast.ana).get("/api/t/declared/").json() == {"you": str(cast.ana.pk)}

    def test_of_the_api_asks_for_a_second_step_too(self, cast, enter):
        answer = enter(cast.okafor).post("/api/t/declared/", {}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
        assert answer.json()["purpose"] == "refill-decision"
        client = enter(cast.okafor, fresh="refill-decision")
        assert client.post("/api/t/declared/", {"a": 1}, content_type="application/json").json() == {
            "got": {"a": 1}
        }

    def test_of_the_api_wants_the_token_of_its_own_pages(self, cast, enter):
        client = enter(cast.okafor, fresh="refill-decision", client=Client(enforce_csrf_checks=True))
        answer = client.post("/api/t/declared/", {}, content_type="application/json")
        assert answer.status_code == 403
        assert answer.json()["code"] == "permission_denied"

    def test_of_the_api_takes_nothing_but_json(self, cast, enter):
        client = enter(cast.okafor, fresh="refill-decision")
        assert client.post("/api/t/declared/", {"a": "1"}).status_code == 415


def test_a_policy_names_methods_and_ways_in_that_exist():
    with pytest.raises(ValueError, match="names the methods"):
        policy()
    with pytest.raises(ValueError, match="names the methods"):
        policy(fetch=signed_in())
    with pytest.raises(ValueError, match="No such way in"):
        signed_in("doctor")  # type: ignore[arg-type]
