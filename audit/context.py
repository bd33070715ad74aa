"""Who is acting, from where, and in which request: filled once, read by everything that is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SystemAgent:
    """A part of the portal that acts by itself, always under its own name."""

    name: str

    def __post_init__(self) -> None:
        if not self.name.startswith("system:") or len(self.name) > 60:
            raise ValueError("A system agent is named 'system:<what it is>'.")

    def __str__(self) -> str:
        return self.name


class Person(Protocol):
    """A user, as far as the trail needs to know one."""

    @property
    def pk(self) -> Any: ...


Agent = Person | SystemAgent


@dataclass(frozen=True, slots=True)
class Context:
    agent_id: str = "system:shell"
    agent_pk: UUID | None = None
    agent_role: str = "system"
    on_behalf_of: UUID | None = None
    auth_method: str = ""
    session_digest: str = ""
    device_id: str = ""
    address: str | None = None
    country: str = ""
    user_agent_digest: str = ""
    request_id: UUID | None = None
    source: str = "shell"
    app_version: str = ""


_current: ContextVar[Context | None] = ContextVar("audit_context", default=None)
_NOBODY = Context()


def current() -> Context:
    return _current.get() or _NOBODY


@contextmanager
def bind(**changes: Any) -> Iterator[Context]:
    """Change what is known about the one acting, until the block ends."""
    bound = replace(current(), **changes)
    token = _current.set(bound)
    try:
        yield bound
    finally:
        _current.reset(token)


def as_agent(agent: Agent) -> Context:
    """The present context, if it is this agent's. Otherwise one that names the agent and claims no session.

    The request, its address and the version stay: they are true whoever acts.
    """
    now = current()
    if isinstance(agent, SystemAgent):
        if now.agent_id == agent.name:
            return now
        return _without_session(now, agent_id=agent.name, agent_pk=None, agent_role="system")
    if agent.pk is None:
        return _without_session(now, agent_id="anonymous", agent_pk=None, agent_role="none")
    if now.agent_pk == agent.pk:
        return now
    return _without_session(now, agent_id=str(agent.pk), agent_pk=agent.pk, agent_role=role_of(agent))


def role_of(agent: Agent) -> str:
    if isinstance(agent, SystemAgent):
        return "system"
    role = getattr(agent, "agent_role", None)
    if role is None:
        role = "+".join(sorted(getattr(agent, "roles", ())))
    return str(role)


def request_id() -> str | None:
    """The correlation id of this request. It is made here and never taken from a client."""
    known = current().request_id
    return str(known) if known else None


def _without_session(now: Context, *, agent_id: str, agent_pk: UUID | None, agent_role: str) -> Context:
    return replace(
        now,
        agent_id=agent_id,
        agent_pk=agent_pk,
        agent_role=agent_role,
        on_behalf_of=None,
        auth_method="",
        session_digest="",
        device_id="",
    )


@contextmanager
def acting(agent: Agent) -> Iterator[Context]:
    """Everything recorded in this block is recorded as done by `agent`."""
    bound = as_agent(agent)
    token = _current.set(bound)
    try:
        yield bound
    finally:
        _current.reset(token)
