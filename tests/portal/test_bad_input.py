"""Bytes that are no text are answered with a clear page, never with a failure."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory

from portal.wsgi import application

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=True)


@pytest.mark.parametrize(
    "path", ["/%00", "/messages/%00/", "/%ff%fe/", "/messages/%c3%28/", "/%ed%a0%80/", "/healthz%00"]
)
def test_a_path_that_is_no_text_is_a_bad_request(visitor, path):
    answer = visitor.get(path)
    assert answer.status_code == 400
    assert "555 010 0140" in answer.text


@pytest.mark.parametrize("query", ["q=%00", "q=%ff", "%fe=1", "q=a%c3%28", "q=%ed%a0%80"])
def test_a_question_that_is_no_text_is_a_bad_request(visitor, query):
    assert visitor.generic("GET", "/healthz", QUERY_STRING=query).status_code == 400


@pytest.mark.parametrize("query", ["q=%C3%A9", "q=a+b%26", "q=%E2%9C%93&&=", "q=%", "q=%zz"])
def test_a_question_that_is_text_is_answered(visitor, query):
    assert visitor.generic("GET", "/healthz", QUERY_STRING=query).status_code == 200


@pytest.mark.parametrize("body", [b"email=%ff", b"email=\xff\xfe", b"\xc3\x28=1"])
def test_a_form_that_is_no_text_is_a_bad_request(visitor, body):
    assert visitor.post("/sign-in/", data=body, content_type=FORM).status_code == 400


@pytest.mark.parametrize("body", [b"email=%00", b"email=a%00b&password=x", b"email=\x00"])
def test_a_nul_in_a_form_is_the_forms_to_answer(visitor, body):
    assert visitor.post("/sign-in/", data=body, content_type=FORM).status_code == 422
    assert visitor.post("/sign-in/", {"email": "a\0b", "password": "x"}).status_code == 422


def test_a_form_in_parts_that_is_no_text_is_a_bad_request(visitor):
    body = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\xfe\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    assert visitor.post("/sign-in/", data=body, content_type=kind).status_code == 400


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", FORM + "; charset=utf-7"]
)
def test_a_form_that_cannot_be_taken_apart_is_a_bad_request(visitor, kind):
    assert visitor.post("/sign-in/", data=b"email=ana", content_type=kind).status_code == 400


def test_too_many_fields_are_a_bad_request(visitor):
    body = "&".join(f"f{number}=1" for number in range(500))
    assert visitor.post("/sign-in/", data=body, content_type=FORM).status_code == 400


def test_too_much_at_once_says_so(visitor):
    answer = visitor.post("/sign-in/", data=b"email=" + b"a" * 1_100_000, content_type=FORM)
    assert answer.status_code == 413
    assert "too much" in answer.text


def test_accents_and_other_scripts_are_text(visitor):
    body = "email=ana%40riverside.example&password=%E2%9C%93+Z%C3%BCrich+%F0%9F%99%82+%EF%BF%BD"
    assert visitor.post("/sign-in/", data=body, content_type=FORM).status_code not in (400, 500)


def test_a_host_that_is_not_ours_is_a_bad_request(client):
    answer = client.get("/healthz", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.text


def test_an_address_nobody_knows_is_not_found(visitor):
    answer = visitor.get("/no/such/page")
    assert answer.status_code == 404
    assert "/no/such/page" not in answer.text


def test_a_program_is_answered_in_its_own_format(visitor):
    answer = visitor.get("/api/v1/nothing%00")
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert visitor.get("/api/v1/nothing").json()["code"] == "not_found"


def test_error_pages_are_not_kept_and_carry_the_policy(visitor):
    for answer in (visitor.get("/%00"), visitor.get("/no/such/page")):
        assert answer["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Request-ID"]


def asked(method: str, kind: str, body: bytes = b"") -> tuple[str, dict[str, str]]:
    """What the web server gets from the real application, which no test client stands in front of."""
    given: list[Any] = []
    environ = RequestFactory().generic(method, "/sign-in/?next=%5Cud800&n=1", body).environ
    b"".join(application({**environ, "CONTENT_TYPE": kind}, lambda *answer: given.extend(answer)))
    return given[0][:3], dict(given[1])


PARTS = b"--x\r\nContent-Disposition: form-data; %s\r\n\r\n+2AA-\\ud800\r\n--x--\r\n"


@pytest.mark.parametrize("charset", ["hex", "rot13", "utf-7", "unicode_escape", "utf-16", "latin-1", "idna"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", FORM, "application/json", "text/html"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_other_alphabet_is_read(charset, kind, method):
    status, headers = asked(method, f"{kind}; charset={charset}", PARTS % b'name="email"')
    assert status in ("200", "403")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", ["text/html; a*=hex''%41", "multipart/form-data; boundary*=hex''%41"])
def test_a_header_in_no_alphabet_is_answered(kind):
    status, headers = asked("GET", kind)
    assert status == "200"
    assert headers["Cache-Control"] == "no-store"


def test_a_name_in_no_alphabet_is_answered():
    status, _headers = asked("POST", "multipart/form-data; boundary=x", PARTS % b"name*=hex''%41")
    assert status in ("400", "403")


@pytest.mark.parametrize("sent", [r'{"\ud800": 1}', r'{"category": "\ud800", "subject": "a", "body": "b"}'])
def test_half_a_character_sent_by_a_program_is_a_bad_request(cast, enter, sent):
    answer = enter(cast.ana).post("/api/v1/threads/", sent, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
