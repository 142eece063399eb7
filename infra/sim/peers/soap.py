# Calls the four operations of the partners' SOAP service with Debian's python3-zeep, and prints what it was answered.
# Arguments: the WSDL's address, name, secret.
import datetime
import json
import sys

import requests
import zeep
import zeep.exceptions
import zeep.transports

address, name, secret = sys.argv[1:4]
session = requests.Session()
session.auth = (name, secret)
service = zeep.Client(address, transport=zeep.transports.Transport(session=session, timeout=20)).service


def day(text):
    return datetime.date.fromisoformat(text)


def booking(b):
    return [b.cgtId, b.startDate.isoformat(), b.endDate.isoformat(), b.bookingType]


answers = {
    "added": service.addBooking(cgtId="GFLX0001", startDate=day("2027-07-03"), endDate=day("2027-07-09"), bookingType="booked"),
    "added without a type": service.addBooking(cgtId="GFLX0002", startDate=day("2027-07-03"), endDate=day("2027-07-03")),
    "cancelled": service.cancelBooking(cgtId="GFLX0001", startDate=day("2027-07-05"), endDate=day("2027-07-05")),
    "bookings": [booking(b) for b in service.getBookings(minDate=day("2027-07-01"), maxDate=day("2027-07-31"), cgtId=["GFLX0001", "GFLX0002"])],
    "notifications": [[n.notificationId] + booking(n) for n in service.getNotifications(minNotificationId=1, maxNotificationId=2)],
    "none": service.getNotifications(minNotificationId=4) or [],
}
try:
    service.addBooking(cgtId="GFLX0001", startDate=day("2027-07-09"), endDate=day("2027-07-03"), bookingType="booked")
except zeep.exceptions.Fault as fault:
    answers["fault"] = [fault.code.rpartition(":")[2], fault.message]
print(json.dumps(answers))
