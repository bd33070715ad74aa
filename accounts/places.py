"""From where somebody is signed in, as she can know it again, and no finer: a network, and a country if a proxy knows.

The whole address stands in the trail and nowhere else. Nothing is looked up elsewhere.
"""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.utils.translation import gettext as _

from audit.context import current

CLINIC = "clinic"


def here() -> tuple[str, str]:
    """Network and country of the present request. Both empty where there is none."""
    now = current()
    return network_of(now.address) if now.address else "", now.country


def network_of(address: str) -> str:
    """`203.0.113.x`, `2001:db8:1:x`, or that it is one of the clinic's own."""
    parsed = ipaddress.ip_address(address)
    if any(parsed in network for network in settings.CLINIC_NETWORKS):
        return CLINIC
    if parsed.version == 4:
        return f"{str(parsed).rpartition('.')[0]}.x"
    first = parsed.exploded.split(":")[:3]
    return ":".join(part.lstrip("0") or "0" for part in first) + ":x"


def words(network: str, country: str) -> str:
    if network == CLINIC:
        return _("From the clinic’s network.")
    if not network:
        return _("From a place we do not know.")
    if country:
        return _("From network %(network)s, country %(country)s.") % {"network": network, "country": country}
    return _("From network %(network)s.") % {"network": network}
