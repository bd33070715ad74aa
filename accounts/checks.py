"""An address without a policy is closed; this says so before anybody wonders why."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from accounts.policy import addresses, declared


@register(Tags.urls)
def every_address_declares_who_may_use_it(**kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The address “{route}” declares no policy and answers 404 to everybody.",
            hint="Put @policy(get=…) on its view.",
            obj=pattern.callback,
            id="accounts.E001",
        )
        for route, pattern in addresses()
        if declared(pattern.callback) is None
    ]
