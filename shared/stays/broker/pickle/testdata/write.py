# -*- coding: utf-8 -*-
"""Writes golden.json beside it: what the modules pickle and cPickle of Python 2.7.18 make of these messages.

It was run by that Python on a 64-bit Linux. A character of a body is one byte of it.
"""
import cPickle
import datetime
import json
import os
import pickle

date, datetime = datetime.date, datetime.datetime
day = date(2027, 7, 3)


def site(heb_pk):
    return {
        'hebPk': heb_pk, 'start': datetime(2027, 7, 3), 'end': datetime(2027, 7, 9), 'typeOfSelection': 'loue',
        'cgtId': 'GFLX0001',
    }


messages = {
    'service': {
        'booking_type': 'booked', 'cgt_id': 'GFLX0001', 'start_date': date(2027, 7, 3), 'end_date': date(2027, 7, 9),
        'notf_id': 42,
    },
    'service-quotes': {
        'booking_type': "l'an", 'cgt_id': '\'"\\\t', 'start_date': date(2087, 9, 13), 'end_date': date(8743, 10, 10),
        'notf_id': -1,
    },
    'site-str': site('17'),
    'site-unicode': site(u'17'),
    'site-int': site(17),
    # bytes of a date that repr quotes or escapes
    'dates': {
        'quote': date(2087, 1, 31), 'double': date(2082, 9, 10), 'both': date(8743, 2, 13),
        'backslash': datetime(2140, 12, 30), 'first': date(1, 1, 1), 'last': datetime(9999, 12, 31),
    },
    'shared': {'first': day, 'second': day},
    'text': {
        'utf8': u'gîte\n'.encode('utf-8'), 'latin1': u'gîte\0\t\r'.encode('latin1'),
        'unicode': u'gîte\\u\r\n\u20ac\U0001f600', 'single': "l'an", 'double': '"', 'both': '\'"\\', 'empty': '',
        'none': u'', u'clé': 'x' * 256, 'wide': u'x' * 256,
    },
    'numbers': {
        'zero': 0, 'byte': 255, 'short': 65535, 'int': 65536, 'minus': -1, 'least': -2 ** 31, 'int64': 2 ** 31,
        'most': 10 ** 18 - 1, 'long': 10L, 'long0': 0L, 'long-': -129L, 'long most': 10L ** 18 - 1,
        'long least': 1 - 10L ** 18,
    },
    'empty': {},
    'one': {'notf_id': 1},
}
bodies = [
    {'message': name, 'module': module.__name__, 'protocol': protocol, 'body': module.dumps(message, protocol)}
    for name, message in sorted(messages.items()) for module in (pickle, cPickle) for protocol in range(3)
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden.json'), 'wb') as f:
    json.dump(bodies, f, encoding='latin1', indent=1, separators=(',', ': '), sort_keys=True)
    f.write('\n')
