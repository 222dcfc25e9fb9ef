"""A spreadsheet as Excel writes it, as small as it can be."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

OFFICE = "http://schemas.openxmlformats.org"
XML = "application/vnd.openxmlformats"
FORMATS = {"General": 0, "h:mm": 20, "h:mm:ss": 21, "[h]:mm:ss": 46, "date": 14}
"""Excel's own formats of numbers -> their ids."""
DAY_S = 86400

Cell = str | float | tuple[float, str] | None
"""A text; a number, perhaps with one of FORMATS, days then; nothing."""


def write(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    sheet = "".join(
        f'<row r="{number}">{"".join(map(_cell, row, (f"{chr(65 + i)}{number}" for i in range(26))))}</row>'
        for number, row in enumerate(rows, 1)
    )
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in FORMATS.values())
    main, document = f"{OFFICE}/spreadsheetml/2006/main", f"{OFFICE}/officeDocument/2006/relationships"
    related = f'<Relationships xmlns="{OFFICE}/package/2006/relationships">'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="{XML}-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="{XML}-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'{related}<Relationship Id="a" Type="{document}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'{related}<Relationship Id="a" Type="{document}/worksheet" '
        f'Target="sheet.xml"/><Relationship Id="b" Type="{document}/styles" Target="styles.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{document}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/sheet.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs>{styles}</cellXfs></styleSheet>',
    }
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return path


def _cell(value: Cell, place: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    number, style = value if isinstance(value, tuple) else (value, "General")
    return f'<c r="{place}" s="{list(FORMATS).index(style)}"><v>{number!r}</v></c>'
