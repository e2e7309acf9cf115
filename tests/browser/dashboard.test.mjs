// The dashboard's page in Chromium, with requests that really pass through the proxy.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const { chromium } = createRequire(import.meta.url)('playwright-core'); // require: it looks at NODE_PATH, too

const binary = `${process.env.SSE_BIN_DIR ?? assert.fail('set SSE_BIN_DIR to the directory of the example binaries')}/dashboard`;
const upstream_script = fileURLToPath(new URL('../commands/lib_dashboard_upstream.mjs', import.meta.url));
const patience = { timeout: 30_000 };

const children = new Set();
/** Starts a program and returns it with the first line that it prints. */
async function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([status]) => assert.fail(`${command} ${args.join(' ')} ended with status ${status}`)),
  ]);
  return { child, line };
}

async function start_dashboard(...args) {
  const { child, line } = await start(binary, ...args);
  return { child, url: line.match(/^dashboard: (http:\/\/.*)\/_sse\/$/)[1] };
}

async function stop(child, signal) {
  const end = once(child, 'exit');
  child.kill(signal);
  return end;
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
async function open(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
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
  expected.failures = false;
  assert.equal(await ask(`${again.url}/status?code=200`), 200);
  await stats_are(page, { completed: before.completed + 1 });
  return again;
}

/** A page that is stopped in the debugger reads nothing; what it loses is told where it was lost, and the numbers add up. */
async function overflow(browser, upstream) {
  const dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream, '--max-queue-size', '5');
  const { page, problems } = await open(browser, dashboard.url);
  await stats_are(page, { watchers: 1 });
  const cdp = await page.context().newCDPSession(page);
  const received = [];
  cdp.on('Network.eventSourceMessageReceived', ({ data }) => received.push(JSON.parse(data)));
  await cdp.send('Network.enable');
  await cdp.send('Debugger.enable');
  assert.equal(await ask(`${dashboard.url}/status?code=200&before`), 200);
  await stats_are(page, { completed: 1 });

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
  const told = received.filter(({ type }) => type === 'overflow').reduce((sum, { dropped }) => sum + dropped, 0);
  const shown = (await stats(page)).overflow_dropped;
  assert.equal(shown, told, 'what the page shows as lost is what it was told');
  const events = received.filter(({ type }) => type.startsWith('request_')).length;
  assert.equal(events + told, 2 * (requests + 2), 'received + dropped = emitted');

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

let browser;
try {
  const { line } = await start(process.execPath, upstream_script);
  const upstream = `http://127.0.0.1:${line.split(' ')[0]}`;
  let dashboard = await start_dashboard('--listen', '127.0.0.1:0', '--upstream', upstream);
  const { host } = new URL(dashboard.url);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  const { page, problems, expected } = await open(browser, dashboard.url);

  await text_is(page, 'upstream', upstream);
  await counts_and_errors_and_filter(page, dashboard.url);
  await several_watch(browser, page, dashboard.url);
  dashboard = await recovers(page, expected, dashboard, () => start_dashboard('--listen', host, '--upstream', upstream));
  assert.deepEqual(problems, []);
  await overflow(browser, upstream);

  const [status] = await stop(dashboard.child, 'SIGINT');
  assert.equal(status, 0, 'the exit status after SIGINT');
  assert.deepEqual(problems.filter((text) => !/Failed to load resource|net::ERR_/.test(text)), []);
  console.log('ok');
} finally {
  await browser?.close();
  for (const child of children) child.kill('SIGKILL');
  agent.destroy();
}
