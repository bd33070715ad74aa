"""The picture a phone scans to set up an app."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """An SVG to stand inside a page: no style, no script, no address to fetch, so the strict policy lets it be."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=True,
        nl=False,
        omitsize=True,
        border=4,
        dark="#000",
        light="#fff",
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704  (segno draws shapes; no text of ours is in it)
