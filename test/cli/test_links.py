# SPDX-License-Identifier: Apache-2.0
"""Many to many in the admin's form: boxes to tick, lines to type, an order that stays."""
import re

import pytest
import requests

from test_api import form_token, sign_in


@pytest.fixture
def shop(site):
    site.run("migrate")
    site.run("user", "add", "boss", "--staff", "--superuser", "--password-stdin", stdin=b"correct horse\n")
    return site


def add(session, address, model, **values):
    url = f"{address}/admin/shop/{model}/add/"
    values["csrfmiddlewaretoken"] = form_token(session.get(url, timeout=30))
    return session.post(url, data=values, headers={"Referer": url}, timeout=30, allow_redirects=False)


def save(session, url, changes):
    """Sends the form back as a browser would, with changes."""
    page = session.get(url, timeout=30).text
    values = [(name, value) for name, value in re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', re.sub(r'<input[^>]*(checkbox|disabled)[^>]*>', "", page))]
    values = [(name, value) for name, value in values if name not in changes and name not in ("csrfmiddlewaretoken",)]
    for name, value in changes.items():
        values += [(name, each) for each in (value if isinstance(value, list) else [value])]
    values.append(("csrfmiddlewaretoken", form_token(session.get(url, timeout=30))))
    return session.post(url, data=values, headers={"Referer": url}, timeout=30, allow_redirects=False)


def ticked(session, url):
    """The boxes in their order on the page: (label, is ticked)."""
    page = session.get(url, timeout=30).text
    return [(label, "checked" in box) for box, label in re.findall(r'<label><input type="checkbox" name="tags.id"([^>]*)> ([^<]+)</label>', page)]


PRODUCT = {"name": "lamp", "price": "10", "stock": "1", "status": "active", "category_id": "1", "description": ""}


def test_tags_are_ticked_without_a_script_and_keep_their_order(shop):
    address = shop.serve()
    session = sign_in(address, "boss")
    assert add(session, address, "category", name="home").status_code == 303
    for name in ("blue", "old", "sale"):
        assert add(session, address, "tag", name=name).status_code == 303
    assert add(session, address, "product", **PRODUCT, **{"tags": "", "tags.id": ["3", "1"]}).status_code == 303
    url = f"{address}/admin/shop/product/1/"
    assert ticked(session, url) == [("sale", True), ("blue", True), ("old", False)]
    assert save(session, url, {**PRODUCT, "tags.id": ["3", "1", "2"]}).status_code == 303
    assert ticked(session, url) == [("sale", True), ("blue", True), ("old", True)]
    assert save(session, url, {**PRODUCT}).status_code == 303  # nothing ticked
    assert not any(on for _, on in ticked(session, url))


def test_a_form_that_does_not_ask_leaves_the_links_alone(shop):
    address = shop.serve()
    session = sign_in(address, "boss")
    add(session, address, "category", name="home")
    add(session, address, "tag", name="blue")
    add(session, address, "product", **PRODUCT, **{"tags": "", "tags.id": ["1"]})
    url = f"{address}/admin/shop/product/1/"
    values = {**PRODUCT, "csrfmiddlewaretoken": form_token(session.get(url, timeout=30))}
    assert session.post(url, data=values, headers={"Referer": url}, timeout=30, allow_redirects=False).status_code == 303
    assert ticked(session, url) == [("blue", True)]


def test_a_tag_that_is_gone_or_never_was_is_refused_and_nothing_is_saved(shop):
    address = shop.serve()
    session = sign_in(address, "boss")
    add(session, address, "category", name="home")
    answer = add(session, address, "product", **PRODUCT, **{"tags": "", "tags.id": ["99"]})
    assert answer.status_code == 422
    answer = add(session, address, "product", **PRODUCT, **{"tags": "no such tag"})
    assert answer.status_code == 422 and "no such tag" in answer.text
    assert session.get(f"{address}/admin/shop/product/1/", timeout=30).status_code == 404


def test_of_more_tags_than_fit_on_a_page_one_types_a_line_each(shop):
    shop.run("sheet", "generate", "shop.tag", "250", "tags.csv")
    shop.run("import", "shop.tag", "tags.csv")
    names = [line.split(",")[0] for line in open(shop.path("tags.csv"), encoding="utf-8-sig").read().splitlines()[1:]]
    address = shop.serve()
    session = sign_in(address, "boss")
    add(session, address, "category", name="home")
    assert add(session, address, "product", **PRODUCT, **{"tags": f"{names[200]}\r\n\r\n{names[3]}\r\n"}).status_code == 303
    page = session.get(f"{address}/admin/shop/product/1/", timeout=30).text
    assert f"{names[200]}\n{names[3]}\n</textarea>" in page


def test_who_saves_over_somebody_elses_change_is_told_first(shop):
    address = shop.serve()
    session = sign_in(address, "boss")
    assert add(session, address, "tag", name="blue").status_code == 303
    url = f"{address}/admin/shop/tag/1/"

    def version():
        return re.search(r'name="version.shown" value="([^"]+)"', session.get(url, timeout=30).text).group(1)

    def post(name, shown):
        values = {"name": name, "version.shown": shown, "csrfmiddlewaretoken": form_token(session.get(url, timeout=30))}
        return session.post(url, data=values, headers={"Referer": url}, timeout=30, allow_redirects=False)

    shown = version()
    assert post("green", shown).status_code == 303
    late = post("red", shown)
    assert late.status_code == 409 and "Somebody has changed this" in late.text and 'value="red"' in late.text
    assert shop.rows("select name from tags") == [("green",)]
    assert post("red", re.search(r'name="version.shown" value="([^"]+)"', late.text).group(1)).status_code == 303
    assert shop.rows("select name from tags") == [("red",)]
    assert post("grey", "").status_code == 303  # a program that asks for nothing
