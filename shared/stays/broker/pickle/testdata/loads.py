"""Reads pickles with Python 3: takes a JSON list of bodies, a byte a character, and answers with what each holds."""
import datetime
import json
import pickle
import pickletools
import sys

# Left alone, Python 3's dis refuses a STRING that is not ASCII, which dates of protocol 0 are.
pickletools.stringnl.reader = lambda f: pickletools.read_stringnl(f, decode=False)


def value(v):
    if isinstance(v, datetime.datetime):
        assert v.time() == datetime.time() and v.tzinfo is None
        return {"date": v.date().isoformat()}
    if isinstance(v, datetime.date):
        return {"date": v.isoformat()}
    return {type(v).__name__: str(v)}


def read(body):
    pickletools.dis(body, out=open("/dev/null", "w"))
    return {key: value(v) for key, v in pickle.loads(body, encoding="latin1").items()}


json.dump([read(body.encode("latin1")) for body in json.load(sys.stdin)], sys.stdout)
