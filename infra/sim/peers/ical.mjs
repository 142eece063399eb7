// Reads an iCalendar file with npm's ical.js and prints its events as JSON; the zone's offsets come from the file's own VTIMEZONE.
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';

const calendar = new ICAL.Component(ICAL.parse(readFileSync(process.argv[2], 'utf8')));
for (const zone of calendar.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
const time = (t) => (t.isDate ? t.toString() : t.toJSDate().toISOString().replace('.000Z', 'Z'));
const events = calendar.getAllSubcomponents('vevent').map((component) => {
  const e = new ICAL.Event(component);
  return { uid: e.uid, summary: e.summary, start: time(e.startDate), end: time(e.endDate), location: e.location || '', description: e.description || '', sequence: e.sequence };
});
console.log(JSON.stringify(events));
