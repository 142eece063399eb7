// Reads the simulated PRONOTE with pawnote and prints what it finds as JSON.
// Arguments: the folder with the npm packages, the simulator's address, the content of a QR code of the account
// `eleve` and its PIN. Run it with TZ=UTC: dates are printed as the wall clock.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, url, code, pin] = process.argv.slice(2);
const p = createRequire(join(packages, 'package.json'))('pawnote');
const { STUDENT, PARENT } = p.AccountKind;
const at = (date) => date?.toISOString().slice(0, 16) ?? null;
const points = (value) => (value === undefined ? null : value.kind === 0 ? value.points : `kind ${value.kind}`);
const login = async (kind, username) => {
  const session = p.createSessionHandle();
  const next = await p.loginCredentials(session, { url, kind, username, password: username, deviceUUID: `device-${username}` });
  return { session, next };
};
const read = async (one) => (await (await fetch(one.url)).text()).slice(0, 5);
const refused = (promise) => promise.then(() => 'accepted', (error) => error.name);

const { session: s, next } = await login(STUDENT, 'eleve');
const tab = (location) => s.userResource.tabs.get(location);
const out = { version: s.instance.version.join('.'), user: s.user.name, class: s.userResource.className };
out.periods = s.instance.periods.map((one) => [one.name, at(one.startDate), at(one.endDate)]);

const account = await p.account(s);
out.account = [account.phone, account.email];

const week = p.translateToWeekNumber(new Date('2026-01-22'), s.instance.firstMonday);
const timetable = await p.timetableFromWeek(s, week);
out.lessons = timetable.classes.map((one) => [
  one.is, at(one.startDate), at(one.endDate), one.subject?.name ?? one.title ?? null, one.canceled ?? null, one.status ?? null, one.test ?? null, one.exempted ?? null,
]);
out.day = (await p.timetableFromIntervals(s, new Date('2026-01-22'), new Date('2026-01-22'))).classes.length;

const homework = await p.assignmentsFromWeek(s, week, week + 1);
out.homework = homework.map((one) => [at(one.deadline), one.subject.name, one.description, one.done, one.attachments.map((file) => file.name)]);
await p.assignmentStatus(s, homework[0].id, true);
out.done = (await p.assignmentsFromWeek(s, week, week + 1)).map((one) => one.done);
const file = homework[0].attachments.find((one) => one.kind === p.AttachmentKind.File);
out.file = await read(file);
out.resources = (await p.resourcesFromWeek(s, week)).length;

const grades = await p.gradesOverview(s, tab(p.TabLocation.Grades).periods[0]);
out.grades = grades.grades.map((one) => [at(one.date), one.subject.name, points(one.value), points(one.outOf), one.comment]);
out.gradeFiles = [await read(grades.grades[0].subjectFile), await read(grades.grades[0].correctionFile)];
out.photo = (await fetch(s.userResource.profilePicture.url)).headers.get('content-type');
out.averages = grades.subjectsAverages.map((one) => [one.subject.name, points(one.student), points(one.class_average)]);
const evaluations = await p.evaluations(s, tab(p.TabLocation.Evaluations).defaultPeriod);
out.evaluations = evaluations.map((one) => [at(one.date), one.name, one.subject.name, one.teacher, one.skills.map((skill) => [skill.order, skill.level, skill.itemName ?? null])]);
const notebook = await p.notebook(s, tab(p.TabLocation.Notebook).periods[0]);
out.notebook = [notebook.absences.length, notebook.delays.length, notebook.punishments.length, notebook.observations.length];

const news = await p.news(s);
out.news = news.items.map((one) => [one.is, one.title ?? null, one.author, one.read, one.category.name]);
await p.newsRead(s, news.items[0], true);

out.recipients = [];
for (const kind of [p.EntityKind.Teacher, p.EntityKind.Personal]) {
  out.recipients.push(...(await p.newDiscussionRecipients(s, kind)).map((one) => [one.name, one.kind]));
}
const { items } = await p.discussions(s);
out.discussions = items.map((one) => [one.subject, one.creator ?? null, one.numberOfMessages, one.numberOfMessagesUnread, one.closed]);
const { sents } = await p.discussionMessages(s, items[0]);
out.messages = sents.map((one) => [one.content, one.author?.name ?? null, at(one.creationDate)]);
await p.discussionSendMessage(s, items[0], 'Réponse de pawnote');
await p.discussionRead(s, items[0]);
await p.discussionTrash(s, items[1]);
await p.newDiscussion(s, 'Objet', 'Texte de pawnote', [(await p.newDiscussionRecipients(s, p.EntityKind.Teacher))[0]]);

const menus = await p.menus(s, new Date('2026-01-22'));
out.menus = menus.days.map((one) => [at(one.date), one.lunch?.main?.[0]?.name ?? null, one.dinner?.main?.[0]?.name ?? null]);
await p.presence(s);

const token = { url, kind: STUDENT, username: next.username, token: next.token, deviceUUID: 'device-eleve' };
const second = p.createSessionHandle();
const rotated = await p.loginToken(second, token);
out.token = [second.user.name, rotated.token !== next.token, await refused(p.loginToken(p.createSessionHandle(), token))];
out.replaced = await refused(p.account(s));
const third = p.createSessionHandle();
await p.loginQrCode(third, { deviceUUID: 'device-qr', pin, qr: JSON.parse(code) });
out.qr = third.user.name;

const parent = (await login(PARENT, 'parent')).session;
out.children = parent.user.resources.map((one) => [one.name, one.className]);
const few = (await login(STUDENT, 'vide')).session;
out.few = await refused(p.discussions(few));
out.blocked = await refused(login(STUDENT, 'bloque'));
out.wrong = await refused(p.loginCredentials(p.createSessionHandle(), { url, kind: STUDENT, username: 'eleve', password: 'faux', deviceUUID: 'x' }));

const double = p.createSessionHandle();
const { handle } = await p.loginCredentials(double, { url, kind: STUDENT, username: 'double', password: 'double', deviceUUID: 'd' }).catch((error) => error);
out.pins = [await p.securityCheckPIN(double, '0000'), await p.securityCheckPIN(double, '1234'), await p.securitySource(double, 'Essai')];
await p.securitySave(double, handle, { pin: '1234', deviceName: 'Essai' });
const { context } = handle;
const saved = await p.finishLoginManually(double, context.authentication, context.identity, context.initialUsername);
const known = p.createSessionHandle();
await p.loginToken(known, { url, kind: STUDENT, username: saved.username, token: saved.token, deviceUUID: 'd', navigatorIdentifier: saved.navigatorIdentifier });
out.double = known.user.name;

console.log(JSON.stringify(out));
process.exit(0); // pawnote's keep-alives would hold the process
