"""The OpenAPI document says what the API does: every address, and only those."""

from __future__ import annotations

import re

from django.urls import reverse

from accounts.policy import addresses, declared


def document(enter, cast) -> dict:
    answer = enter(cast.ana).get(
        reverse("api-schema"), headers={"Accept": "application/vnd.oai.openapi+json"}
    )
    assert answer.status_code == 200
    return answer.json()


def test_every_address_of_the_api_is_in_the_document_with_its_methods(cast, enter):
    described = {
        (re.sub(r"\{\w+\}", "{}", path), method)
        for path, operations in document(enter, cast)["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    offered = {
        ("/" + re.sub(r"<[^>]+>", "{}", route), method)
        for route, pattern in addresses()
        if route.startswith("api/") and pattern.name != "api-schema"
        for method in declared(pattern.callback) or {}
    }
    assert described == offered


def test_the_document_is_a_valid_openapi_document(cast, enter):
    from drf_spectacular.validation import validate_schema

    validate_schema(document(enter, cast))


def test_making_the_document_leaves_nothing_unclear(cast, enter, capsys):
    """drf-spectacular warns of what it had to guess."""
    from drf_spectacular.drainage import GENERATOR_STATS

    GENERATOR_STATS.reset()
    document(enter, cast)
    guessed = {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache}
    assert dict(guessed) == {}


def test_every_answer_that_is_no_success_has_its_shape_in_the_document(cast, enter):
    paths = document(enter, cast)["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            codes = set(operation["responses"])
            assert {"401", "403", "404"} <= codes, (path, method)
            assert codes & {"200", "201", "204"}, (path, method)


def test_the_document_names_no_field_that_says_who_acts(cast, enter):
    """PT1: nobody says who she is; the session does."""
    shapes = document(enter, cast)["components"]["schemas"]
    inward = {name: shape for name, shape in shapes.items() if name.endswith(("In", "InRequest"))}
    assert inward
    for name, shape in inward.items():
        assert not {"author", "sender", "by", "user", "side"} & set(shape["properties"]), name


def test_the_api_speaks_json_and_nothing_else(work, cast, enter):
    browser, at = enter(cast.ana), reverse("api-threads")
    for kind, sent in (
        ("application/x-www-form-urlencoded", "subject=x&body=y"),
        ("text/plain", "hello"),
        ("application/xml", "<a/>"),
    ):
        answer = browser.post(at, sent, content_type=kind)
        assert answer.status_code == 415, kind
        assert answer.json()["code"]
    assert (
        browser.get(at, headers={"Accept": "text/html"})
        .headers["Content-Type"]
        .startswith("application/json")
    )


def test_what_changes_something_needs_the_token_of_this_site(work, cast, enter):
    """A cookie alone, as another site could make a browser send it, changes nothing."""
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    browser = enter(cast.ana, client=strict)
    sent = {"category": "refill", "subject": "x", "body": "y"}
    answer = browser.post(reverse("api-threads"), sent, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"]
    assert browser.post(reverse("message-new"), sent).status_code == 403


def test_every_refusal_of_the_api_has_a_code_and_words(work, cast, enter):
    thread = work.thread()
    work.item(thread).claim(by=cast.maya)
    at = reverse("api-thread-messages", args=[thread.pk])
    answer = enter(cast.okafor).post(at, {"body": "Mine."}, content_type="application/json")
    assert answer.status_code == 409
    assert answer.json()["code"] == "held_by_another"
    assert answer.json()["detail"] == "A colleague is already working on this."
