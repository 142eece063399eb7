'use strict';

const RUNG = { en: (n) => 'Rung ' + n + ' times', fr: (n) => 'A sonné ' + n + ' fois' };
const rung = RUNG[lang] || RUNG.en;
startPage({ path: 'dashboard/bell', every: 2000, draw: (view) => { document.querySelector('.rung').textContent = rung(view.rung); } });
