# SPDX-License-Identifier: Apache-2.0
"""A value that does not fit meets the same words at every door: the form, the API, a sheet of commas, a workbook.
The list is one for SQLite and PostgreSQL: the test runs on both."""
import html
import io
import re
import zipfile

import openpyxl
import pytest
import requests

from test_api import form_token, sign_in, wait_job

NAMES = ["name", "price", "stock", "status", "category_id", "description"]
GOOD = {"name": b"lamp", "price": b"10.00", "stock": b"1", "status": b"active", "category_id": b"home", "description": b""}
FITS = None
TOO_LONG = "This has 256 characters. Use at most 255."
NO_TEXT = "This text is not valid UTF-8. Type it again."
NO_TEXT_ROW = "a.csv: Row 2: the text is not cp949. Save it as UTF-8 or name its encoding."
NO_TEXT_PART = "a.xlsx: F2: The workbook is damaged. xl/worksheets/sheet1.xml: it has text that is not UTF-8. Open it in Excel and save it again."
CASES = {
    "a text longer than its column": ("name", b"x" * 256, TOO_LONG),
    "as many characters of four bytes as fit": ("name", "😀".encode() * 255, FITS),
    "one character of four bytes too many": ("name", "😀".encode() * 256, TOO_LONG),
    "an emoji": ("description", "축하 🎉".encode(), FITS),
    "more digits than the column": ("price", b"123456789.00", "This amount is too large. Use at most 8 digits before the point."),
    "the largest number of the column": ("price", b"99999999.99", FITS),
    "more decimals than the column": ("price", b"1.234", "This has 3 decimals. Use at most 2."),
    "less than the least": ("stock", b"-1", "This number is too small. Use 0 or more."),
    "a number that no integer column holds": ("stock", b"99999999999", "This number is too large. Use at most 2,147,483,647."),
    "a choice that there is not": ("status", b"gift", "This is not one of the choices. Use one of: Active, Inactive, Pending"),
    # Bytes that are no text: a sheet tells where in itself they are.
    "a NUL byte": ("description", b"a\0b", "This contains a NUL character. Remove it.", "a.csv: Row 2, column 6: it has a NUL character. Check that this is a text file.",
                   "a.xlsx: F2: The workbook is damaged. xl/worksheets/sheet1.xml: it has a NUL character. Open it in Excel and save it again."),
    "a byte that is no UTF-8": ("description", b"a\xffb", NO_TEXT, NO_TEXT_ROW, NO_TEXT_PART),
    "half of a surrogate pair": ("description", b"a\xed\xa0\x80b", NO_TEXT, NO_TEXT_ROW, NO_TEXT_PART),
}


@pytest.fixture
def shop(site):
    site.run("user", "add", "boss", "--staff", "--superuser", "--password-stdin", stdin=b"correct horse\n")
    token, _ = site.run("user", "token", "boss")
    site.headers = {"Authorization": "Bearer " + token.strip()}
    site.address = site.serve("up")
    site.session = sign_in(site.address, "boss")
    url = site.address + "/admin/shop/category/add/"
    values = {"name": "home", "csrfmiddlewaretoken": form_token(site.session.get(url, timeout=30))}
    assert site.session.post(url, data=values, headers={"Referer": url}, timeout=30, allow_redirects=False).status_code == 303
    return site


def commas(values):
    return b",".join(name.encode() for name in NAMES) + b"\n" + b",".join(b'"' + values[name] + b'"' for name in NAMES) + b"\n"


def workbook(values):
    """The bytes as they are: what no library would write is put into the XML afterwards."""
    book, marks = openpyxl.Workbook(), {f"mark-{name}": values[name] for name in NAMES}
    book.active.append(NAMES)
    book.active.append(list(marks))
    made, changed = io.BytesIO(), io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(changed, "w") as after:
        for part in before.namelist():
            text = before.read(part)
            for mark, value in marks.items():
                text = text.replace(mark.encode(), value)
            after.writestr(part, text)
    return changed.getvalue()


def through_form(shop, values, member):
    url = shop.address + "/admin/shop/product/add/"
    token = form_token(shop.session.get(url, timeout=30))
    sent = {**values, "category_id": b"1" if values["category_id"] == b"home" else values["category_id"], "csrfmiddlewaretoken": token}
    answer = shop.session.post(url, data=sent, headers={"Referer": url}, timeout=30, allow_redirects=False)
    if answer.status_code == 303:
        return FITS
    found = re.search(rf'<p class="err" id="e_{member}">(.*?)</p>', answer.text, re.DOTALL)
    return html.unescape(found.group(1)) if found else f"{answer.status_code} {answer.text}"


def of_result(result, member):
    if result["status"] == "done":
        return FITS
    errors = result.get("errors") or []
    assert len(errors) <= 1, result
    if not errors:
        return result["reason"]
    assert (errors[0]["row"], errors[0]["column"]) == (2, member), result
    return errors[0]["reason"]


def through_api(shop, values, member):
    answer = requests.post(shop.address + "/api/shop/product/import?mode=insert&file_name=a.csv", data=commas(values), headers=shop.headers, timeout=60)
    return of_result(wait_job(shop.address, answer.headers["Location"], shop.headers) if answer.status_code == 202 else answer.json(), member)


def through_file(shop, name, content, member):
    with open(shop.path(name), "wb") as file:
        file.write(content)
    return of_result(shop.json("import", "shop.product", name, "--mode", "insert", status=None), member)


def test_one_value_at_every_door(shop):
    for what, (member, value, *sentences) in CASES.items():
        by_form, by_commas, by_workbook = sentences * 3 if len(sentences) == 1 else sentences
        shop.sql("delete from products")
        values = {**GOOD, member: value}
        told = {"form": through_form(shop, values, member), "api": through_api(shop, values, member), "commas": through_file(shop, "a.csv", commas(values), member),
                "workbook": through_file(shop, "a.xlsx", workbook(values), member)}
        assert (what, told) == (what, {"form": by_form, "api": by_commas, "commas": by_commas, "workbook": by_workbook})
        assert shop.number("select count(*) from products") == (4 if by_form is FITS else 0), what
        kept = {row[0] for row in shop.rows(f"select {member} from products")}
        assert len(kept) == (1 if by_form is FITS else 0), what
