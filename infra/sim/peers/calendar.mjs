// Holds the simulated Google Calendar against Google's own Node client.
// Arguments: the simulator's root URL, ending in /, a calendar, and the address of a receiver of push messages.
import assert from 'node:assert/strict';
import { calendar as library, auth as googleAuth } from '@googleapis/calendar';

const [rootUrl, calendarId, address] = process.argv.slice(2);
const auth = new googleAuth.OAuth2();
auth.setCredentials({ access_token: 'any' });
const calendar = library({ version: 'v3', auth, rootUrl, retry: false });
const { events, channels, freebusy } = calendar;

const at = (dateTime, timeZone) => ({ dateTime, timeZone });
const insert = async (id, start, end, more) => (await events.insert({ calendarId, requestBody: { id, summary: id, start: at(start), end: at(end), ...more } })).data;
const list = async (params) => (await events.list({ calendarId, ...params })).data;
const ids = (data) => data.items.map((e) => e.id);
const refused = async (promise, status, reason) => {
  const error = await promise.then(() => assert.fail(`not refused with ${status} ${reason}`), (e) => e);
  assert.equal(Number(error.status ?? error.code), status, error.message);
  assert.equal(error.errors?.[0]?.reason ?? error.response?.data?.error?.errors?.[0]?.reason, reason);
};

// insert with an own id, and 409
const a = await insert('aaaaa', '2026-03-02T10:00:00Z', '2026-03-02T11:00:00Z', { attendees: [{ email: calendarId, self: true }, { email: 'x@example.com' }, { email: 'y@example.com' }] });
await insert('bbbbb', '2026-03-02T12:00:00Z', '2026-03-02T13:00:00Z');
await insert('ccccc', '2026-03-03T12:00:00Z', '2026-03-03T13:00:00Z');
assert.equal(a.status, 'confirmed');
assert.ok(a.etag && a.iCalUID && a.created && a.updated && a.htmlLink);
await refused(insert('aaaaa', '2026-03-02T10:00:00Z', '2026-03-02T11:00:00Z'), 409, 'duplicate');
await refused(insert('UPPER', '2026-03-02T10:00:00Z', '2026-03-02T11:00:00Z'), 400, 'invalid');

// windows, order, zone, attendees, fields
assert.deepEqual(ids(await list({ timeMin: '2026-03-02T11:00:00Z', timeMax: '2026-03-03T12:00:00Z' })), ['bbbbb']);
assert.deepEqual(ids(await list({ orderBy: 'startTime', singleEvents: true })), ['aaaaa', 'bbbbb', 'ccccc']);
assert.equal((await list({ orderBy: 'startTime', singleEvents: true })).nextSyncToken, undefined);
await refused(list({ orderBy: 'startTime' }), 400, 'invalid');
await refused(list({ timeMin: '2026-03-03T00:00:00Z', timeMax: '2026-03-02T00:00:00Z' }), 400, 'timeRangeEmpty');
assert.equal((await list({ timeZone: 'Asia/Tokyo' })).items[0].start.dateTime, '2026-03-02T19:00:00+09:00');
assert.equal((await list({})).items[0].start.dateTime, '2026-03-02T11:00:00+01:00');
const trimmed = (await list({ maxAttendees: 1 })).items[0];
assert.equal(trimmed.attendeesOmitted, true);
assert.deepEqual(trimmed.attendees.map((p) => p.email), [calendarId]);
assert.deepEqual(await list({ fields: 'items(id,start/dateTime)', timeMin: '2026-03-03T00:00:00Z' }), { items: [{ id: 'ccccc', start: { dateTime: '2026-03-03T13:00:00+01:00' } }] });

// sync tokens
const first = await list({});
assert.ok(first.nextSyncToken);
const syncToken = first.nextSyncToken;
assert.deepEqual((await list({ syncToken })).items, []);

// patch and delete with If-Match
const headers = { 'If-Match': a.etag };
const patched = (await events.patch({ calendarId, eventId: 'aaaaa', requestBody: { summary: 'new' } }, { headers })).data;
assert.equal(patched.summary, 'new');
assert.equal(patched.attendees.length, 3);
await refused(events.patch({ calendarId, eventId: 'aaaaa', requestBody: { summary: 'newer' } }, { headers }), 412, 'conditionNotMet');
await refused(events.delete({ calendarId, eventId: 'aaaaa' }, { headers }), 412, 'conditionNotMet');
assert.equal((await events.delete({ calendarId, eventId: 'bbbbb' })).status, 204);
await refused(events.delete({ calendarId, eventId: 'bbbbb' }), 410, 'deleted');
assert.equal((await events.get({ calendarId, eventId: 'bbbbb' })).data.status, 'cancelled');
await refused(events.get({ calendarId, eventId: 'nothere' }), 404, 'notFound');
await refused(events.list({ calendarId: 'nobody@example.com' }), 404, 'notFound');

assert.deepEqual(ids(await list({ syncToken })), ['aaaaa', 'bbbbb']);
for (const more of [{ orderBy: 'updated' }, { timeMin: '2026-03-02T00:00:00Z' }, { q: 'x' }, { updatedMin: '2026-03-02T00:00:00Z' }, { showDeleted: false }, { singleEvents: true }]) {
  await refused(list({ syncToken, ...more }), 400, 'invalid');
}
await refused(list({ syncToken: 'nonsense' }), 410, 'fullSyncRequired');

// pages, an empty one among them
await insert('ddddd', '2026-03-04T12:00:00Z', '2026-03-04T13:00:00Z');
const sizes = [];
for (let pageToken; ;) {
  const page = await list({ maxResults: 1, pageToken });
  sizes.push(page.items.length);
  pageToken = page.nextPageToken;
  assert.equal(Boolean(page.nextSyncToken), !pageToken);
  if (!pageToken) break;
}
assert.deepEqual(sizes, [1, 0, 1, 1]);

// a series with a moved, a deleted and a cut-off instance
await insert('eeeee', '2026-03-27T10:00:00+01:00', '2026-03-27T11:00:00+01:00', {
  start: at('2026-03-27T10:00:00', 'Europe/Paris'), end: at('2026-03-27T11:00:00', 'Europe/Paris'), recurrence: ['RRULE:FREQ=DAILY;COUNT=5', 'EXDATE;TZID=Europe/Paris:20260330T100000'],
});
const instances = async () => (await events.instances({ calendarId, eventId: 'eeeee' })).data.items;
const starts = async () => (await instances()).map((i) => i.start.dateTime).sort();
assert.deepEqual(await starts(), ['2026-03-27T10:00:00+01:00', '2026-03-28T10:00:00+01:00', '2026-03-29T10:00:00+02:00', '2026-03-31T10:00:00+02:00']);
const [, second, third] = await instances();
assert.equal(second.recurringEventId, 'eeeee');
await events.patch({ calendarId, eventId: second.id, requestBody: { start: at('2026-03-28T18:00:00+01:00'), end: at('2026-03-28T19:00:00+01:00') } });
await events.delete({ calendarId, eventId: third.id });
assert.deepEqual(await starts(), ['2026-03-27T10:00:00+01:00', '2026-03-28T18:00:00+01:00', '2026-03-31T10:00:00+02:00']);
assert.equal((await events.get({ calendarId, eventId: second.id })).data.originalStartTime.dateTime, '2026-03-28T10:00:00+01:00');
await events.patch({ calendarId, eventId: 'eeeee', requestBody: { recurrence: ['RRULE:FREQ=DAILY;UNTIL=20260329T235959Z', 'EXDATE;TZID=Europe/Paris:20260330T100000'] } });
assert.deepEqual(await starts(), ['2026-03-27T10:00:00+01:00', '2026-03-28T18:00:00+01:00']);

// freeBusy
const busy = (await freebusy.query({ requestBody: { timeMin: '2026-03-02T00:00:00Z', timeMax: '2026-03-03T00:00:00Z', items: [{ id: calendarId }, { id: 'nobody@example.com' }] } })).data.calendars;
assert.deepEqual(busy[calendarId].busy, [{ start: '2026-03-02T10:00:00Z', end: '2026-03-02T11:00:00Z' }]);
assert.equal(busy['nobody@example.com'].errors[0].reason, 'notFound');

// watch and stop
const requestBody = { id: 'c-1', type: 'web_hook', address, token: 'room=x' };
const channel = (await events.watch({ calendarId, requestBody })).data;
assert.equal(channel.kind, 'api#channel');
assert.match(channel.expiration, /^\d{13}$/);
await refused(events.watch({ calendarId, requestBody }), 400, 'channelIdNotUnique');
await refused(events.watch({ calendarId, requestBody: { ...requestBody, id: 'c-2', address: 'http://example.com/' } }), 400, 'push.webhookUrlNotHttps');
await insert('fffff', '2026-03-05T12:00:00Z', '2026-03-05T13:00:00Z');
assert.equal((await channels.stop({ requestBody: { id: channel.id, resourceId: channel.resourceId } })).status, 204);
await refused(channels.stop({ requestBody: { id: channel.id, resourceId: channel.resourceId } }), 404, 'notFound');
console.log('all agreed');
