"""What every page is made of: the strict policy, the colours, the weight, and words that cannot become markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from portal.jinja import environment, paragraphs
from portal.shell import shell_for

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "portal" / "static" / "portal"
TEMPLATES = sorted(ROOT.glob("*/jinja2/**/*.html"))
STYLES = sorted(STATIC.glob("*.css"))
SCRIPTS = sorted(STATIC.glob("*.js"))
ERRORS = sorted(
    path.stem for path in (ROOT / "portal/jinja2/errors").glob("*.html") if path.stem != "problem"
)


# The strict policy


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_template_needs_an_exception_from_the_policy(template):
    text = template.read_text()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:|data:|\sjs:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("style", STYLES, ids=lambda path: path.name)
def test_styles_fetch_nothing_but_our_own_font(style):
    assert set(re.findall(r"url\(([^)]*)\)", style.read_text())) <= {'"fonts/hyperlegible-next-var.woff2"'}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_make_no_markup_and_keep_no_words(script):
    text = script.read_text()
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|sessionStorage", text
    )
    assert set(re.findall(r"localStorage\.setItem\((\w+)", text)) <= {"OFF"}


def test_the_look_stays_light():
    assert sum(path.stat().st_size for path in STYLES) <= 46_000
    # A page has the two that are everywhere, and at most one besides: the inbox's, or that for passkeys.
    sizes = {path.name: path.stat().st_size for path in SCRIPTS}
    everywhere = sizes.pop("portal.js") + sizes.pop("files.js")
    assert everywhere + max(sizes.values()) <= 20_500


def test_every_icon_asked_for_is_drawn():
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    asked = {
        name
        for template in TEMPLATES
        for name in re.findall(r'ui\.icon\("([\w-]+)"|[^.]\bicon\("([\w-]+)"', template.read_text())
        for name in name
        if name and not name.endswith("-")
    }
    assert asked and asked <= drawn


# Colours


def _tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))


def _themes() -> list[dict[str, str]]:
    layer = (STATIC / "portal.css").read_text().split("@layer tokens {")[1].split("@layer reset {")[0]
    light, system_dark, chosen_dark = re.findall(
        r":root(?::not\(.*?\)|\[.*?\])?\s*\{(.*?--shadow.*?)\}", layer, re.S
    )
    assert _tokens(system_dark) == _tokens(chosen_dark), "the two ways into the dark show different colours"
    return [_tokens(light), {**_tokens(light), **_tokens(system_dark)}]


def _ratio(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dim = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(theme):
    colours = _themes()[theme]
    text = [("ink", ground, 7) for ground in ("paper", "surface", "sunken", "brand-tint", "note-tint")]
    text += [
        (ink, ground, 4.5) for ink in ("ink-2", "ink-3", "brand") for ground in ("paper", "surface", "sunken")
    ]
    text += [(tone, f"{tone}-tint", 4.5) for tone in ("urgent", "soon", "ok", "info", "note", "proxy")]
    text += [("brand-strong", "brand-tint", 4.5), ("on-brand", "brand", 4.5), ("on-urgent", "urgent", 4.5)]
    text += [("rail-ink", "rail", 4.5), ("rail-ink-2", "rail", 4.5), ("rail-ink", "rail-active", 4.5)]
    edges = [(edge, ground, 3) for edge in ("line-strong", "focus") for ground in ("paper", "surface")]
    too_weak = {
        (ink, ground): round(_ratio(colours[ink], colours[ground]), 2)
        for ink, ground, least in text + edges
        if _ratio(colours[ink], colours[ground]) < least
    }
    assert not too_weak


# Words of people


def test_what_a_person_typed_is_never_markup():
    assert paragraphs("<script>alert(1)</script> & more") == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; more</p>"
    )


def test_paragraphs_and_line_breaks_are_kept():
    assert paragraphs("Hello\r\nAna\r\n\r\n\r\nSee you") == "<p>Hello<br>Ana</p>\n<p>See you</p>"
    assert paragraphs("") == ""


def test_templates_escape_whatever_the_settings_say():
    made = environment(autoescape=False)
    assert made.from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"


def test_a_name_that_a_view_forgot_is_an_error_and_not_a_gap():
    with pytest.raises(Exception, match="undefined"):
        environment().from_string("{{ forgotten }}").render()


# Pages when nothing works


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_page_needs_neither_person_nor_database(code):
    for request in (None, RequestFactory().get("/messages/")):
        page = render_to_string(f"errors/{code}.html", request=request)
        assert "Riverside Clinic" in page
        assert 'href="tel:+15550100140"' in page
        assert page.count("<h1>") == 1


def test_the_chosen_theme_comes_from_the_cookie_and_nothing_else_does():
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = "dark"
    assert 'data-theme="dark"' in render_to_string("errors/404.html", request=request)
    request.COOKIES["theme"] = '"><script>'
    assert "data-theme" not in render_to_string("errors/404.html", request=request)


def test_nobody_has_a_rail():
    assert shell_for(None).groups == ()
    assert shell_for(RequestFactory().get("/")).base == "base_plain.html"
