'use strict';

const rung = { en: (n) => 'Rung ' + n + ' times', fr: (n) => 'A sonné ' + n + ' fois' }[lang];
startPage({ path: 'dashboard/bell', every: 2000, draw: (view) => { document.querySelector('.rung').textContent = rung(view.rung); } });
