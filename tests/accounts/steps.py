"""The way in, walked step by step through HTTP as a browser would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.test import Client

if TYPE_CHECKING:
    from tests.cast import Cast


def give_password(cast: Cast, key: str, client: Client | None = None, **more: Any) -> Client:
    client = client or Client()
    response = client.post("/sign-in/", {**cast.login(key), **more})
    assert response.status_code == 302, response.content.decode()
    return client


def sign_in(cast: Cast, key: str, **more: Any) -> Client:
    """Both steps."""
    client = give_password(cast, key, **more)
    response = client.post("/sign-in/code/", {"code": cast.code(key)})
    assert response.status_code == 302, response.content.decode()
    return client


def is_in(client: Client) -> bool:
    """Whether this browser's session opens a page that needs both steps."""
    return client.get("/account/stay/").status_code == 204
