"""Reads files as the importer does, by the rules of docs/exports.md, with Python's csv, float and strptime.

Standard input: {"kinds": {COLUMN: kind}, "files": [path]}; kinds are text, integer, amount, moment.
Standard output: one list a file, of one object a row: {COLUMN: value}, or null where the importer cannot read it.
"""
import csv
import datetime
import json
import sys

FORMS = [day + time for day in ("%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y") for time in (" %H:%M:%S", "")]


def value(kind, text):
    text = (text or "").strip()
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1].strip()
    if text == "":
        return ""
    if kind == "amount":
        try:
            return "%.2f" % float(text.replace(",", "."))
        except ValueError:
            return "0.00"
    if kind == "integer":
        try:
            return str(int(float(text)))
        except ValueError:
            return "0"
    if kind == "moment":
        for form in FORMS:
            try:
                at = datetime.datetime.strptime(text, form)
            except ValueError:
                continue
            return "%04d-%02d-%02d %02d:%02d:%02d" % at.timetuple()[:6]
        return ""
    return text


def rows(path, encoding, delimiter=None):
    with open(path, encoding=encoding) as f:
        if delimiter is None:
            delimiter = ";" if ";" in f.read(1024) else ","
            f.seek(0)
        reader = csv.DictReader(f, delimiter=delimiter)
        return reader.fieldnames, list(reader)


def table(path, kinds):
    try:
        columns, found = rows(path, "utf-8-sig")
    except UnicodeDecodeError:
        columns, found = rows(path, "latin-1", ";")
    except csv.Error:
        return None
    names = {c: c.upper().strip() for c in columns or []}
    return [{n: value(kinds[n], row.get(c)) for c, n in names.items() if n in kinds} for row in found]


task = json.load(sys.stdin)
json.dump([table(path, task["kinds"]) for path in task["files"]], sys.stdout)
