'use strict';

startPage({ path: 'dashboard/bell', every: 2000, draw: (view) => { document.querySelector('.rung').textContent = fill(texts.page.rung, { n: view.rung }); } });
