// The example `live` in Chromium: two tabs show one list, through log-ins that expire and a restart.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { kill_all, launch, patience, start, stop } from './lib_browser.mjs';

process.chdir(fileURLToPath(new URL('../..', import.meta.url))); // where its page is
const log_in_lasts = 1;
const start_live = async (port) => {
  const { child, line } = await start('live', [String(port), String(log_in_lasts)]);
  return { child, url: line };
};
const orders_are = (page, wanted) =>
  page.waitForFunction((w) => JSON.stringify([...document.querySelectorAll('#orders li')].map(({ textContent }) => textContent)) === w,
    JSON.stringify(wanted), patience).catch(async () => assert.deepEqual(await page.locator('#orders li').allTextContents(), wanted));
const is_live = (page) => page.waitForFunction(() => document.querySelector('#state').textContent === 'live', null, patience);

let browser;
try {
  let live = await start_live(0);
  const { url } = live;
  browser = await launch();
  const context = await browser.newContext({ viewport: { width: 480, height: 420 } });
  const tabs = [await context.newPage(), await context.newPage()];
  let log_ins = 0;
  const problems = [];
  for (const tab of tabs) {
    tab.on('request', (request) => (log_ins += request.url().endsWith('/login') ? 1 : 0));
    tab.on('pageerror', (error) => problems.push(String(error)));
    await tab.goto(url);
    await is_live(tab);
  }
  const order = async (tab, what) => {
    await tab.fill('#what', what);
    await Promise.all([tab.waitForResponse((response) => response.url().endsWith('/orders') && response.request().method() === 'POST' && response.ok()),
      tab.press('#what', 'Enter')]);
  };

  // An order a moment, while the log-ins expire.
  const wanted = [];
  for (const before = log_ins; log_ins < before + 2 || wanted.length < 10; ) {
    const what = `<b>tea</b> ${wanted.length}`;
    await order(tabs[wanted.length % 2], what);
    wanted.unshift(what);
  }
  for (const tab of tabs) await orders_are(tab, wanted);
  if (process.env.SCREENSHOT) await tabs[0].screenshot({ path: process.env.SCREENSHOT });

  // The restarted service has no orders: the pages learn that from its snapshot.
  await stop(live.child, 'SIGKILL');
  live = await start_live(new URL(url).port);
  for (const tab of tabs) await orders_are(tab, []);
  await order(tabs[0], 'again');
  for (const tab of tabs) await orders_are(tab, ['again']);

  // Without a log-in there is nothing, and a page of elsewhere gets nothing.
  for (const path of ['orders', 'events']) assert.equal((await fetch(url + path)).status, 401);
  assert.equal((await fetch(url + 'login', { method: 'POST', headers: { Origin: 'https://example.org' } })).status, 403);
  assert.equal((await fetch(url + 'nothing')).status, 404);
  assert.deepEqual(problems, []);
  const [status] = await stop(live.child, 'SIGTERM');
  assert.equal(status, 0);
  console.log('ok');
} finally {
  await browser?.close();
  kill_all();
}
