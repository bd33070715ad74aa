"""An address without a policy is closed; this says so before anybody wonders why."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from accounts.ages import jurisdictions
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


@register()
def the_jurisdiction_has_a_table_of_ages(**kwargs: Any) -> list[CheckMessage]:
    if settings.CLINIC_JURISDICTION in jurisdictions():
        return []
    return [
        Error(
            f"CLINIC_JURISDICTION is {settings.CLINIC_JURISDICTION!r}: no such table in accounts/age_tiers.toml.",
            hint=f"There are {', '.join(jurisdictions())}.",
            id="accounts.E002",
        )
    ]
