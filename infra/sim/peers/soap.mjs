// Calls the four operations of the partners' SOAP service with npm's soap, and prints what it was answered.
// Arguments: the WSDL's address, name, secret.
import soap from 'soap';

const [address, name, secret] = process.argv.slice(2);
const client = await soap.createClientAsync(address);
client.setSecurity(new soap.BasicAuthSecurity(name, secret));
const call = async (operation, args) => (await client[operation + 'Async'](args))[0] || {};
const day = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : value);
const booking = (b) => [b.cgtId, day(b.startDate), day(b.endDate), b.bookingType];

const answers = {
  added: (await call('addBooking', { cgtId: 'GFLX0001', startDate: '2027-07-03', endDate: '2027-07-09', bookingType: 'booked' })).notificationId,
  'added without a type': (await call('addBooking', { cgtId: 'GFLX0002', startDate: '2027-07-03', endDate: '2027-07-03' })).notificationId,
  cancelled: (await call('cancelBooking', { cgtId: 'GFLX0001', startDate: '2027-07-05', endDate: '2027-07-05' })).notificationId,
  bookings: ((await call('getBookings', { minDate: '2027-07-01', maxDate: '2027-07-31', cgtId: ['GFLX0001', 'GFLX0002'] })).bookings || []).map(booking),
  notifications: ((await call('getNotifications', { minNotificationId: 1, maxNotificationId: 2 })).notifications || []).map((n) => [n.notificationId, ...booking(n)]),
  none: (await call('getNotifications', { minNotificationId: 4 })).notifications || [],
};
try {
  await call('addBooking', { cgtId: 'GFLX0001', startDate: '2027-07-09', endDate: '2027-07-03', bookingType: 'booked' });
} catch (error) {
  const fault = error.root.Envelope.Body.Fault;
  answers.fault = [fault.faultcode.split(':')[1], fault.faultstring];
}
console.log(JSON.stringify(answers));
