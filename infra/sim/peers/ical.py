# Reads an iCalendar file with Debian's python3-icalendar and prints its events as JSON.
import datetime
import json
import sys

import icalendar

with open(sys.argv[1], "rb") as file:
    calendar = icalendar.Calendar.from_ical(file.read())


def time(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat()


print(json.dumps([
    {
        "uid": str(e["UID"]), "summary": str(e["SUMMARY"]), "start": time(e["DTSTART"].dt), "end": time(e["DTEND"].dt),
        "location": str(e.get("LOCATION", "")), "description": str(e.get("DESCRIPTION", "")), "sequence": int(e["SEQUENCE"]),
    }
    for e in calendar.walk("VEVENT")
]))
