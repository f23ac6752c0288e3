# SPDX-License-Identifier: Apache-2.0
"""xlsx-read — a workbook of 1,000,000 x 10 with shared strings, parsed to typed rows: ours against openpyxl read-only on 100,000 rows of the same kind.

Both are given the file and must deliver every cell typed (numbers, dates, text); each runs in processes of its own, the best of two (openpyxl) and three (ours). Prints the
memory above the shared strings, then the ratio of rows per second."""
import os, random, subprocess, sys, zipfile

DIR, BUILD = os.environ.get("BENCH_DIR", "build/bench"), os.environ.get("BUILD", "build")
HEAD = ["external_ref", "date", "description", "category", "account", "income", "expense", "counterparty", "evidence", "memo"]


def write(path, rows):
    """Straight XML: a library would take minutes. Strings repeat as in a cash book; references are unique."""
    rng = random.Random(7)
    strings, index = [], {}

    def text(value):
        if value not in index:
            index[value] = len(strings)
            strings.append(value)
        return index[value]

    words = ["사무용품 구입", "점심 식대", "직원 급여", "정기 후원금", "인터넷 요금", "택시비", "상품 판매 대금", "전기 요금", "강사료", "현수막 제작"]
    companies = ["(주)한빛상사", "서울문구", "대한물산", "국민은행", "행복식당", "미래통신(주)", "동네책방", "우리인쇄소"]
    with zipfile.ZipFile(path + ".part", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as book:
        book.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>')
        book.writestr("_rels/.rels", '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        book.writestr("xl/workbook.xml", '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>')
        book.writestr("xl/_rels/workbook.xml.rels", '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>')
        book.writestr("xl/styles.xml", '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font/></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="4" applyNumberFormat="1"/></cellXfs></styleSheet>')
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:J{rows + 1}"/><sheetData>'.encode())
            out = ['<row r="1" spans="1:10">' + "".join(f'<c r="{"ABCDEFGHIJ"[i]}1" t="s"><v>{text(h)}</v></c>' for i, h in enumerate(HEAD)) + "</row>"]
            for n in range(2, rows + 2):
                income = rng.random() < 0.4
                amount = rng.randrange(100, 5000000)
                a, b, c, d = text(f"REF-{n:07d}"), text(rng.choice(words) + f" ({rng.randrange(1, 13)}월)"), text(rng.choice(["매출", "운영비", "인건비", "사업비"])), text(rng.choice(["상품매출", "소모품비", "급여", "여비교통비"]))
                e, f = text(rng.choice(companies)), text(rng.choice(["세금계산서", "카드영수증", "현금영수증"]))
                memo = f'<c r="J{n}" t="s"><v>{text(f"메모 {n}")}</v></c>' if n % 5 == 0 else ""
                out.append(f'<row r="{n}" spans="1:10"><c r="A{n}" t="s"><v>{a}</v></c><c r="B{n}" s="1"><v>{45658 + rng.randrange(365)}</v></c><c r="C{n}" t="s"><v>{b}</v></c><c r="D{n}" t="s"><v>{c}</v></c><c r="E{n}" t="s"><v>{d}</v></c>'
                           f'<c r="F{n}" s="2"><v>{amount if income else 0}</v></c><c r="G{n}" s="2"><v>{0 if income else amount + 0.5}</v></c><c r="H{n}" t="s"><v>{e}</v></c><c r="I{n}" t="s"><v>{f}</v></c>{memo}</row>')
                if len(out) >= 2000:
                    sheet.write("".join(out).encode())
                    out = []
            sheet.write(("".join(out) + "</sheetData></worksheet>").encode())
        with book.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            part.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="{len(strings)}">'.encode())
            for i in range(0, len(strings), 10000):
                part.write("".join(f"<si><t>{s}</t></si>" for s in strings[i:i + 10000]).encode())
            part.write(b"</sst>")
    os.replace(path + ".part", path)


OPENPYXL = """
import sys, time, openpyxl
t = time.monotonic(); n = cells = 0
for row in openpyxl.load_workbook(sys.argv[1], read_only=True).worksheets[0].iter_rows(values_only=True):
    n += 1; cells += sum(v is not None for v in row)
print(n, cells, time.monotonic() - t)
"""


def main():
    paths = {}
    for rows in (100_000, 1_000_000):
        paths[rows] = f"{DIR}/xlsx-read-{rows}.xlsx"
        if not os.path.exists(paths[rows]):
            print(f"writing {paths[rows]}", file=sys.stderr)
            write(paths[rows], rows)
    runs = [subprocess.run([sys.executable, "-c", OPENPYXL, paths[100_000]], check=True, capture_output=True, text=True).stdout.split() for _ in range(2)]
    n, cells, seconds = min(runs, key=lambda run: float(run[2]))
    theirs = int(n) / float(seconds)
    print(f"openpyxl read-only  {int(n):>9,} rows {int(cells):>10,} cells in {float(seconds):6.2f} s = {theirs:>9,.0f} rows/s")
    best = None
    for _ in range(3):
        got = subprocess.run([f"{BUILD}/test/sheet/sheet_rows", paths[1_000_000]], check=True, capture_output=True, text=True).stdout.split()
        best = got if best is None or float(got[2]) < float(best[2]) else best
    n, cells, seconds, rss, strings, base, _ = best
    ours = int(n) / float(seconds)
    above = (int(rss) - int(base) - int(strings)) / 2**20
    print(f"jangbu              {int(n):>9,} rows {int(cells):>10,} cells in {float(seconds):6.2f} s = {ours:>9,.0f} rows/s")
    print(f"memory: {int(rss) / 2**20:.1f} MiB at most, of it shared strings {int(strings) / 2**20:.1f} MiB, above them {above:.1f} MiB (goal 32)")
    print(f"ratio {ours / theirs:.1f} (goal 60)")


main()
