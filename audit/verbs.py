"""What a model can do. A verb is one transaction by one named actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

from audit import trail
from audit.context import SystemAgent, acting

__all__ = ["SystemAgent", "verb"]

P = ParamSpec("P")
R = TypeVar("R")


def verb(*, actor: str = "by") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run the method in one transaction, recorded as done by the keyword argument named `actor`.

    Its events are written when it is done, in one statement.

    The actor is never ambient: leaving it out, or passing nobody, is a `TypeError`.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @wraps(method)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            agent = kwargs.get(actor)
            if agent is None:
                raise TypeError(f"{method.__qualname__}() needs to know who acts: pass {actor}=…")
            if not isinstance(agent, SystemAgent) and getattr(agent, "pk", None) is None:
                raise TypeError(f"{method.__qualname__}() needs a known {actor}, not {type(agent).__name__}.")
            with transaction.atomic(), acting(agent), trail.in_one_statement():  # type: ignore[arg-type]
                return method(*args, **kwargs)

        run.acts_as = actor  # type: ignore[attr-defined]
        return run

    return decorate
