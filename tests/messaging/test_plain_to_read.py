"""Small things on the patient's pages that are read, or pressed, by whoever has no patience left."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.work import words


def test_every_number_on_the_page_of_a_sent_message_is_one_touch_away(work, cast, enter):
    thread = work.thread()
    cast.ana.prefer_language("es", by=cast.ana)
    page = enter(cast.ana).get(reverse("message-sent", args=[thread.pk])).content.decode()
    said = page.split('aria-labelledby="next-title"')[1].split("</section>")[0]
    assert re.findall(r'href="(tel:[^"]+)"', said) == ["tel:+15550100140", "tel:911"]
    assert re.search(r"<p><time[^>]*>[A-Z]", page), "a line of its own begins with a capital"


def test_two_sentences_about_a_file_have_a_stop_between_them(work, cast, enter):
    thread = work.thread()
    file = work.file(thread)
    file.taken_out = True
    file.save(update_fields=["taken_out"])
    page = words(enter(cast.ana).get(reverse("thread", args=[thread.pk])))
    assert "Not checked for viruses. We took out parts that run by themselves." in page
    assert "10 MB each, 25 MB together" in page


def test_to_share_no_more_and_to_take_off_ones_list_sound_apart(work, cast, enter):
    thread = work.thread()
    cast.ana.prefer_language("es", by=cast.ana)
    page = words(enter(cast.ana).get(reverse("thread", args=[thread.pk])))
    assert "Dejar de compartirla con ellas" in page and "Quitar esta conversación de mi lista" in page


@pytest.mark.parametrize("page", ["help", "accessibility"])
def test_the_pages_of_the_footer_are_open_to_everybody_in_both_languages(cast, enter, page):
    visitor, ana = Client(), enter(cast.ana)
    for browser, address in ((visitor, reverse("sign-in")), (ana, reverse("messages"))):
        assert f'href="{reverse(page)}"' in browser.get(address).content.decode()
        assert browser.get(reverse(page)).status_code == 200
    english = words(visitor.get(reverse(page)))
    visitor.post(reverse("language"), {"language": "es", "next": reverse(page)})
    spanish = words(visitor.get(reverse(page)))
    assert "call us: +1 555 010 0140" in english or "Call us: +1 555 010 0140" in english
    assert "lámenos: +1 555 010 0140" in spanish
    assert 'class="wrap tabs"' in ana.get(reverse(page)).content.decode(), "she stays where she was"
