"""The OpenAPI document: what the API offers, for anybody signed in."""

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView

from accounts.policy import policy, signed_in


@policy(get=signed_in())
class Schema(SpectacularAPIView):
    pass
