// The dashboard's page in Chromium, with requests that really pass through the proxy.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kill_all, launch, patience, start, start_cutter, stop } from './lib_browser.mjs';

const upstream_script = fileURLToPath(new URL('../commands/lib_dashboard_upstream.mjs', import.meta.url));

async function start_dashboard(...args) {
  const { child, line } = await start('dashboard', args);
  return { child, url: line.match(/^dashboard: (http:\/\/.*)\/_sse\/$/)[1] };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
/** One request to its end; resolves to the status, or to 0 if there is none. */
function ask(url, options = {}) {
  return new Promise((resolve) => {
    http
      .request(url, { agent, ...options }, (response) =>
        response.resume().on('close', () => resolve(response.statusCode)).on('error', () => {}))
      .on('error', () => resolve(0))
      .end();
  });
}

/** A page of its own browser context, and what went wrong in it. */
async function open(browser, url, before = null) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  const problems = [];
  const expected = { failures: false }; // while the proxy is down the browser itself complains
  page.on('console', (message) => {
    const failed_load = /Failed to load resource|net::ERR_/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !(expected.failures && failed_load)) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== url && !request.url().startsWith('data:')) problems.push(`a request to ${request.url()}`);
  });
  await page.goto(`${url}/_sse/`);
  await live(page);
  return { page, problems, expected, close: () => context.close() };
}

const state_is = (page, state) => page.waitForFunction((s) => document.documentElement.dataset.state === s, state, patience);
const live = (page) => state_is(page, 'live');
const stats = (page) => page.evaluate(() => window.dashboard.stats());
const stats_are = (page, wanted) =>
  page
    .waitForFunction(
      (w) => Object.entries(w).every(([name, value]) => window.dashboard.stats()[name] === value),
      wanted,
      patience,
    )
    .catch(async () => assert.deepEqual(await stats(page), wanted));
const text_is = (page, id, pattern) =>
  page
    .waitForFunction(([i, p]) => new RegExp(p).test(document.querySelector(`[data-testid="${i}"]`).textContent), [id, pattern], patience)
    .catch(async () => assert.match(await page.getByTestId(id).textContent(), new RegExp(pattern)));
const targets = (page) => page.locator('[data-testid="row"]:visible .target').allTextContents();

async function counts_and_errors_and_filter(page, url) {
  const wanted = { completed: 0, errors: 0 };
  for (let i = 0; i < 30; ++i) {
    assert.equal(await ask(`${url}/status?code=200&n=${i}`), 200);
    wanted.completed += 1;
  }
  await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`${url}/bytes?size=${i * 1000}`)));
  wanted.completed += 30;
  assert.equal(await ask(`${url}/status?code=404`), 404);
  assert.equal(await ask(`${url}/status?code=503`), 503);
  wanted.completed += 2;
  wanted.errors += 1;
  assert.equal(await ask(`${url}/drop`), 502);
  wanted.errors += 1;
  await stats_are(page, { ...wanted, running: 0, rows: 63, overflow_dropped: 0, watchers: 1 });
  await text_is(page, 'watchers', '^1$');
  await text_is(page, 'running', '^0$');
  await text_is(page, 'rate', '[1-9]');
  await text_is(page, 'p99', '[0-9]');

  await page.waitForSelector('[data-testid="row"][data-state="error"]', patience);
  const failed = page.locator('[data-testid="row"]', { hasText: '/drop' });
  assert.match(await failed.textContent(), /502.*closed the connection without an answer/);

  // A request that runs is shown before it ends, and is the newest.
  const hung = new AbortController();
  const gone = ask(`${url}/hang`, { signal: hung.signal, agent: false });
  await stats_are(page, { running: 1 });
  await page.waitForSelector('[data-testid="row"][data-state="running"]', patience);
  assert.match((await targets(page))[0], /\/hang/);
  hung.abort();
  await gone;
  wanted.errors += 1;
  await stats_are(page, { ...wanted, running: 0 });

  // What a stranger asks for is text.
  await ask(url, { path: '/<img/src=x/onerror=alert(1)>' });
  await page.waitForFunction(() => document.querySelector('[data-testid="row"] .target').textContent.includes('<img'), null, patience);
  assert.equal(await page.locator('[data-testid="row"] img').count(), 0);

  // The filter, by text, by status, by key.
  await page.getByTestId('filter').fill('drop');
  await page.waitForFunction(
    () => [...document.querySelectorAll('[data-testid="row"]')].filter((row) => row.checkVisibility()).length === 1,
    null,
    patience,
  );
  assert.match((await targets(page)).join(), /^\/drop/);
  await page.getByTestId('filter').fill('');
  await page.getByTestId('filter-status').selectOption('4');
  await page.waitForFunction(
    () => {
      const rows = [...document.querySelectorAll('[data-testid="row"]')].filter((row) => row.checkVisibility());
      return rows.length === 2 && rows.every((row) => row.querySelector('.status').textContent.includes('404'));
    },
    null,
    patience,
  );
  await page.getByTestId('filter-status').selectOption('');
  await page.locator('#table').focus();
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'filter');
  await page.keyboard.press('Escape');
}

async function several_watch(browser, page, url) {
  const second = await open(browser, url);
  await text_is(page, 'watchers', '^2$');
  await text_is(second.page, 'watchers', '^2$');
  await second.close();
  await text_is(page, 'watchers', '^1$');
}

/** The panel tells what the proxy's manager counts, and goes on doing so. */
async function shows_the_stream(browser, page, url) {
  const entry = (name) => page.locator('#stream-list > div', { has: page.locator(`dt:text-is("${name}")`) });
  const entry_is = (name, pattern) =>
    page.waitForFunction(
      ([n, p]) => [...document.querySelectorAll('#stream-list > div')].some(({ children: [term, ...texts] }) =>
        term.textContent === n && new RegExp(p).test(texts.map(({ textContent }) => textContent).join(' | '))),
      [name, pattern], patience,
    ).catch(async () => assert.match(await entry(name).textContent(), new RegExp(pattern)));
  const panel = page.getByTestId('stream');
  assert.equal(await panel.getAttribute('open'), '', 'there is room for it');
  const before = (await (await fetch(`${url}/_sse/state`)).json()).stats;
  const second = await open(browser, url);
  await entry_is('Connections', `^2 \\| ${before.opened + 1} opened, [1-9]`);
  await second.close();
  const ended = Object.values(before.ended).reduce((sum, n) => sum + n, 0) + 1;
  await entry_is('Connections', '^1 \\|');
  await entry_is('Ended', `^${ended} \\| .*peer gone ${before.ended.peer_gone + 1}`);
  await entry_is('Delivered', '^[0-9.]+ /s \\| [0-9,]+ events in all');
  await entry_is('Written', '^[0-9.]+ k?B/s \\| [0-9.]+ k?B in all');
  await entry_is('Lost', '^0 \\| $');
  await entry_is('Waiting', '^0 \\| ');
  await text_is(page, 'stream-line', '^1 connected .* 0 lost$');
  // Of its own accord: nobody asks for anything meanwhile.
  const delivered = () => entry('Delivered').textContent();
  const first = await delivered();
  await page.waitForFunction(
    (was) => [...document.querySelectorAll('#stream-list > div')].some((div) => div.textContent.startsWith('Delivered') && div.textContent !== was),
    first, patience);
  // By key, and the choice outlives a reload.
  await panel.locator('summary').focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('#stream').open, null, patience);
  await page.reload();
  await live(page);
  assert.equal(await panel.getAttribute('open'), null, 'the choice is kept');
  await text_is(page, 'stream-line', '^1 connected');
  await panel.locator('summary').click();
}

/** On a phone nothing is wider than the screen, no title is cut off, and what is to be touched is large enough. */
async function fits_a_phone(browser, url) {
  const { page, problems, close } = await open(browser, url);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForFunction(() => document.documentElement.scrollWidth <= 360, null, patience);
  const found = await page.evaluate(() => {
    const visible = (selector) => [...document.querySelectorAll(selector)].filter((part) => part.checkVisibility());
    const height = (part) => part.getBoundingClientRect().height;
    return {
      cut: visible('th, dt, dd, button').filter((part) => part.scrollWidth > part.clientWidth).map(({ textContent }) => textContent),
      small: visible('button, select, summary, .segments span, input:not([type=checkbox], [type=radio])')
        .filter((part) => height(part) < 38).map((part) => `${part.id || part.textContent} ${height(part)}`),
    };
  });
  assert.deepEqual(found, { cut: [], small: [] });
  assert.deepEqual(problems, []);
  await close();
}

async function recovers(page, expected, dashboard, restart) {
  const before = await stats(page);
  expected.failures = true;
  const running = ask(`${dashboard.url}/hang`, { agent: false });
  await stats_are(page, { running: 1 });
  await stop(dashboard.child, 'SIGKILL');
  await running;
  await state_is(page, 'lost');
  const again = await restart();
  await live(page);
  await stats_are(page, { running: 0 }); // the one that ran is known to be over
  await page.waitForSelector('[data-testid="row"][data-state="overflow"]', patience);
  assert.match(await page.locator('[data-state="overflow"]').textContent(), /unknown number of events lost here.*restarted/);
  expected.failures = false;
  assert.equal(await ask(`${again.url}/status?code=200`), 200);
  await stats_are(page, { completed: before.completed + 1 });
  return again;
}

/** In a page, before its scripts: `window.received` gets each event that comes, as the network gives it. */
const watch_events = `{
  window.received = [];
  const plain_fetch = fetch;
  window.fetch = async (...asked) => {
    const response = await plain_fetch(...asked);
    if (!/event-stream/.test(response.headers.get('Content-Type'))) return response;
    const decoder = new TextDecoder();
    let rest = '';
    const watched = response.body.pipeThrough(new TransformStream({
      transform(bytes, controller) {
        const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\\n\\n');
        rest = blocks.pop();
        for (const block of blocks) {
          const data = /^data: (.*)$/m.exec(block);
          if (data) received.push(JSON.parse(data[1]));
        }
        controller.enqueue(bytes);
      },
    }));
    return new Response(watched, response);
  };
}`;

/** A page that is stopped in the debugger reads nothing; what it loses is told where it was lost, and the numbers add up. */
async function overflow(browser, upstream) {
  const dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream, '--max-queue-size', '5');
  const { page, problems } = await open(browser, dashboard.url, watch_events);
  await stats_are(page, { watchers: 1 });
  const cdp = await page.context().newCDPSession(page);
  const stats_come = (after) => page.waitForFunction((n) => received.slice(n).some(({ type }) => type === 'stats'), after, patience);
  await cdp.send('Debugger.enable');
  assert.equal(await ask(`${dashboard.url}/status?code=200&before`), 200);
  await stats_are(page, { completed: 1 });
  await stats_come(0);

  const paused = once(cdp, 'Debugger.paused');
  await cdp.send('Debugger.pause');
  await paused;
  const requests = 2000;
  const long = 'x'.repeat(1500);
  for (let sent = 0; sent < requests; sent += 50) // at most 20 at a time: the agent's limit
    await Promise.all(Array.from({ length: 50 }, () => ask(`${dashboard.url}/status?code=200&${long}`)));
  await cdp.send('Debugger.resume');

  await page.waitForFunction(() => window.dashboard.stats().overflow_dropped > 0, null, patience);
  assert.equal(await ask(`${dashboard.url}/status?code=200&after`), 200);
  await page.waitForFunction(() => window.dashboard.stats().running === 0, null, patience);
  await page.waitForFunction(
    () => document.querySelector('[data-testid="row"] .target').textContent.includes('after'), null, patience);
  const seen = await page.evaluate(() => received.length);
  await stats_come(seen);
  const received = await page.evaluate(() => window.received);
  const told = received.filter(({ type }) => type === 'overflow').reduce((sum, { dropped }) => sum + dropped, 0);
  const shown = (await stats(page)).overflow_dropped;
  assert.equal(shown, told, 'what the page shows as lost is what it was told');
  // The stats come too, one a second, and say how many events there have been before them.
  const stats_from = (at) => received.findIndex(({ type }, i) => i >= at && type === 'stats');
  const [first, last] = [stats_from(0), stats_from(seen)];
  const between = received.slice(first, last);
  const emitted = between.filter(({ type }) => /^(request_|stats$|watchers$)/.test(type)).length;
  const dropped = between.reduce((sum, { type, dropped }) => sum + (type === 'overflow' ? dropped : 0), 0);
  assert.ok(emitted + dropped > 2 * requests);
  assert.equal(emitted + dropped, received[last].data.emitted - received[first].data.emitted, 'received + dropped = emitted');

  // The notice stands in the table between what came before and what came after.
  await page.waitForSelector('[data-testid="row"][data-state="overflow"]', patience);
  const order = await page.locator('[data-testid="row"]:visible').evaluateAll((rows) =>
    rows.map((row) => (row.dataset.state === 'overflow' ? 'overflow' : /after/.test(row.textContent) ? 'after' : 'row')));
  assert.ok(order.indexOf('after') < order.indexOf('overflow'), `the newest first: ${order}`);
  await text_is(page, 'overflow', '[1-9]');
  assert.deepEqual(problems, []);
  const [status] = await stop(dashboard.child, 'SIGTERM');
  assert.equal(status, 0);
  await state_is(page, 'lost');
}

/** Waits until the charts, whose last step takes a second, have that many requests without and with an error. */
async function charts_are(page, { completed, errors }) {
  const wanted = JSON.stringify([completed - errors, errors]);
  const shown = (wanted) => {
    const { ok, errors } = window.dashboard.series(900, 1);
    const counts = JSON.stringify([ok, errors].map((column) => column.reduce((total, n) => total + n, 0)));
    return wanted ? counts === wanted : counts;
  };
  await page.waitForFunction(shown, wanted, patience).catch(async () => assert.equal(await page.evaluate(shown), wanted));
}

/** The seconds of which the charts say that they know nothing, from `since` on. */
const blind = (page, since) =>
  page.evaluate((since) => {
    const columns = window.dashboard.series(900, 1);
    return columns.times.filter((time, i) => columns.blind[i] && time >= since);
  }, since);

/** Requests, of which every tenth is an error; resolves to how many of both there have been. */
function requests_to(url) {
  const sum = { completed: 0, errors: 0 };
  return async (count) => {
    const codes = Array.from({ length: count }, (_, i) => (i % 10 === 9 ? 503 : 200));
    await Promise.all(codes.map((code) => ask(`${url}/status?code=${code}`)));
    sum.completed += count;
    sum.errors += codes.filter((code) => code === 503).length;
    return { ...sum };
  };
}

/** Through cuts, a reload, and in a second tab, the page shows every request, once, and in the second in which it ended. */
async function keeps_what_happened(browser, upstream) {
  const dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream);
  const { started } = await (await fetch(`${dashboard.url}/_sse/state`)).json();
  const cutter = await start_cutter(Number(new URL(dashboard.url).port));
  const requests = requests_to(dashboard.url);
  await requests(40);
  const { page, problems, expected } = await open(browser, cutter.url);
  let wanted = await requests(10);
  await stats_are(page, { ...wanted, rows: 50 });

  expected.failures = true;
  for (let i = 0; i < 3; ++i) {
    const cut = cutter.cut();
    await requests(50);
    await cut;
    wanted = await requests(50);
    await stats_are(page, { ...wanted, rows: wanted.completed, overflow_dropped: 0 });
  }
  expected.failures = false;
  await charts_are(page, wanted);
  const panel = await page.$eval('[data-testid="chart-errors"]', (canvas) => canvas.getAttribute('aria-label'));
  assert.match(panel, /^Errors per second, .*5xx: .*failed: /);
  assert.doesNotMatch(panel, /4xx/, 'the panel and the tile count the same errors');

  const hung = new AbortController();
  const gone = ask(`${dashboard.url}/hang`, { signal: hung.signal, agent: false });
  await stats_are(page, { running: 1 });
  const resumed = page.waitForRequest(/_sse\/events\?lastEventId=\d+-\d+&/, patience);
  [wanted] = await Promise.all([requests(50), page.reload(), resumed]);
  await stats_are(page, { ...wanted, running: 1, rows: wanted.completed + 1, overflow_dropped: 0 });
  await charts_are(page, wanted);
  assert.deepEqual(await blind(page, started), [], 'what happened while nobody listened is known');
  await page.getByTestId('filter').fill('hang');
  await page.waitForFunction(() => document.querySelector('[data-state="running"] .target')?.textContent === '/hang', null, patience);
  hung.abort();
  await gone;
  await stats_are(page, { completed: wanted.completed, errors: wanted.errors + 1, running: 0, rows: wanted.completed + 1 });

  // A new tab knows what the proxy keeps, whatever is in its storage.
  const time = Date.now();
  for (const kept of [null, '{', 'null', '{"version":1}', JSON.stringify({ version: 0, at: time, known: { last_id: '1-1' } }),
    JSON.stringify({ version: 1, at: time - 3600e3, known: { last_id: '1-1', metrics: { buckets: [], blind: [] }, requests: { rows: [] } } }),
    JSON.stringify({ version: 1, at: time, known: { last_id: '1-1', metrics: { buckets: [null], blind: [] }, requests: { rows: [] } } })]) {
    const tab = await open(browser, dashboard.url, `sessionStorage.setItem('sse-dashboard-kept', ${JSON.stringify(kept)})`);
    await stats_are(tab.page, { completed: wanted.completed, errors: wanted.errors + 1, rows: wanted.completed + 1, overflow_dropped: 0 });
    if (kept === null) assert.deepEqual(await blind(tab.page, started), []);
    assert.deepEqual(tab.problems, []);
    await tab.close();
  }
  assert.deepEqual(problems, []);
  await stop(dashboard.child, 'SIGTERM');
}

/** What the proxy keeps no more is told, exactly and once, and is unknown in the charts. */
async function misses_what_is_not_kept(browser, upstream) {
  const dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream, '--history', '10');
  const cutter = await start_cutter(Number(new URL(dashboard.url).port));
  const one_request = () => ask(`${dashboard.url}/status?code=200`);
  const { page, problems, expected } = await open(browser, cutter.url);
  for (let i = 0; i < 5; ++i) await one_request();
  await stats_are(page, { completed: 5 });

  expected.failures = true;
  cutter.closed = true;
  const cut = cutter.cut();
  await one_request();
  await cut;
  await state_is(page, 'lost');
  for (let i = 0; i < 20; ++i) await one_request();
  cutter.closed = false;
  await stats_are(page, { completed: 10, running: 0 });
  const after = await stats(page);
  const heard = 32 - after.overflow_dropped; // 21 requests are 42 events, 10 are kept; the cut may have come after the first
  assert.ok(heard === 0 || heard === 1, `${after.overflow_dropped} events are told as lost`);
  assert.equal(after.rows, 5 + heard + 1 + 5);
  await page.waitForFunction((n) => window.dashboard.series(60, 1).lost.includes(n), after.overflow_dropped, patience);
  const shown = await page.evaluate((n) => {
    const { lost, blind } = window.dashboard.series(60, 1);
    return { known: !blind[lost.indexOf(n)], all: lost.reduce((sum, m) => sum + m, 0) };
  }, after.overflow_dropped);
  assert.deepEqual(shown, { known: false, all: after.overflow_dropped });

  await page.reload();
  await live(page);
  await one_request();
  await stats_are(page, { ...after, completed: 11, rows: after.rows + 1 });
  assert.deepEqual(problems, []);
  await stop(dashboard.child, 'SIGTERM');
}

/** Without a history, a reload keeps what the page has seen. */
async function keeps_what_it_saw(browser, upstream) {
  const dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream, '--history', '0');
  const requests = requests_to(dashboard.url);
  const { page, problems } = await open(browser, dashboard.url);
  await charts_are(page, await requests(20)); // and so the second in which the page connected is over
  const hung = new AbortController();
  const gone = ask(`${dashboard.url}/hang`, { signal: hung.signal, agent: false });
  await stats_are(page, { completed: 20, errors: 2, running: 1 });
  const since = Math.floor(Date.now() / 1e3);
  await page.reload();
  await live(page);
  const wanted = await requests(10);
  await stats_are(page, { ...wanted, running: 1, rows: 31 });
  await charts_are(page, wanted);
  assert.notDeepEqual(await blind(page, since), [], 'nobody knows what happened during the reload');
  hung.abort();
  await gone;
  await stats_are(page, { errors: wanted.errors + 1, running: 0, rows: 31 });
  assert.deepEqual(problems, []);
  await stop(dashboard.child, 'SIGTERM');
}

/** With a log the charts and the table of a page, and those of a new one, go on over restarts of the proxy. */
async function survives_restarts(browser, upstream) {
  const folder = mkdtempSync(join(tmpdir(), 'sse-dashboard-'));
  const run = (listen) => start_dashboard('--listen', listen, '--upstream', upstream, '--log', join(folder, 'events.db'));
  let dashboard = await run('127.0.0.1:0');
  const { url } = dashboard;
  const requests = requests_to(url);
  const { page, problems, expected, close } = await open(browser, url);
  await charts_are(page, await requests(20));
  expected.failures = true;
  let wanted;
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const gone = signal === 'SIGKILL' ? ask(`${url}/hang`, { agent: false }) : null;
    if (gone) await stats_are(page, { running: 1 });
    await stop(dashboard.child, signal);
    await gone;
    await state_is(page, 'lost');
    dashboard = await run(new URL(url).host);
    await live(page);
    wanted = await requests(10);
    await stats_are(page, { ...wanted, running: 0, overflow_dropped: 0 });
  }
  const tab = await open(browser, url);
  for (const each of [page, tab.page]) {
    // The request that ran is a row, whose end nobody knows.
    await stats_are(each, { ...wanted, running: 0, overflow_dropped: 0, rows: wanted.completed + 1 });
    await charts_are(each, wanted);
    assert.equal(await each.locator('[data-state="overflow"]').count(), 0, 'no loss is told');
  }
  assert.deepEqual(tab.problems, []);
  await tab.close();
  assert.deepEqual(problems, []);
  await close();
  await stop(dashboard.child, 'SIGTERM');
  rmSync(folder, { recursive: true });
}

let browser;
try {
  const { line } = await start(process.execPath, [upstream_script]);
  const upstream = `http://127.0.0.1:${line.split(' ')[0]}`;
  let dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream);
  const { host } = new URL(dashboard.url);
  browser = await launch();
  const { page, problems, expected } = await open(browser, dashboard.url);

  await text_is(page, 'upstream', upstream);
  await counts_and_errors_and_filter(page, dashboard.url);
  await several_watch(browser, page, dashboard.url);
  await shows_the_stream(browser, page, dashboard.url);
  await fits_a_phone(browser, dashboard.url);
  dashboard = await recovers(page, expected, dashboard, () => start_dashboard('--listen', host, '--upstream', upstream));
  assert.deepEqual(problems, []);
  await overflow(browser, upstream);
  await keeps_what_happened(browser, upstream);
  await misses_what_is_not_kept(browser, upstream);
  await keeps_what_it_saw(browser, upstream);
  await survives_restarts(browser, upstream);

  const [status] = await stop(dashboard.child, 'SIGINT');
  assert.equal(status, 0, 'the exit status after SIGINT');
  assert.deepEqual(problems.filter((text) => !/Failed to load resource|net::ERR_/.test(text)), []);
  console.log('ok');
} finally {
  await browser?.close();
  kill_all();
  agent.destroy();
}
