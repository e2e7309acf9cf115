// The scenarios of sse.js: through everything that happens to a page, no event is lost or doubled untold. Four run at a time,
// because they mostly wait. `node module_firefox.test.mjs cut`: those with the word in their names.
import assert from 'node:assert/strict';
import { kill_all, patience, until } from './lib_browser.mjs';
import { Site, check, checked, has_number, has_state } from './lib_module.mjs';

const scenarios = {};
/** For a stream of its own, and for one that tabs share. */
function both(name, run, site) {
  scenarios[name] = { run: (context) => run(context, {}), ...site };
  scenarios[name + ', shared'] = { run: (context) => run(context, { shared: true }), ...site };
}
function alone(name, run) {
  scenarios[name] = { run };
}
const respond = (status, ...headers) => `HTTP/1.1 ${status}\r\n${headers.map((header) => header + '\r\n').join('')}Content-Length: 0\r\nConnection: close\r\n\r\n`;
const opened = async (context, options, settings) => {
  const site = await Site.make(settings);
  const page = await site.open(context, options);
  return { site, page };
};
const more = async (site, page, count = 30) => {
  const target = site.number + count;
  await until('the load goes on', () => site.number >= target);
  await has_number(page, target);
};

both('cut again and again', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.load(200);
  for (let cut = 0; cut < 10; ++cut) await more(site, page), site.cut();
  await more(site, page);
  await site.close();
  assert.equal((await checked(page)).gaps, 0);
});

both('killed and up, cut past an empty history', async (context, how) => {
  const { site, page } = await opened(context, { ...how, snapshot: true });
  await has_state(page, 'live');
  site.load(50);
  await more(site, page);
  site.load(0);
  await site.kill_service();
  await has_state(page, 'waiting');
  await site.start_service();
  site.emit(20);
  await until('the state is known', () => site.state.n === site.number);
  await has_number(page, site.number);
  site.emit(5);
  await has_number(page, site.number);
  const counts = await checked(page);
  assert.deepEqual([counts.snapshots, counts.gaps], [2, 1]);
  await site.close();
});

both('cut past the history', async (context, how) => {
  const { site, page } = await opened(context, how, { history: 10 });
  await has_state(page, 'live');
  site.emit(20);
  await has_number(page, 20);
  site.mode = 'refuse';
  site.cut();
  site.emit(50);
  await until('the state is known', () => site.state.n === site.number);
  site.mode = 'pass';
  await has_number(page, 70);
  assert.equal((await checked(page)).gaps, 1);
  await site.close();
});

both('20 reloads under load', async (context, how) => {
  const { site, page } = await opened(context, { ...how, keep: 'place' });
  await has_state(page, 'live');
  const log = [];
  site.load(50);
  for (let n = 0; n < 20; ++n) {
    await page.waitForFunction(() => window.log?.length > 0, null, patience);
    // In one step, so that no event comes between the look and the reload.
    log.push(...(await page.evaluate(() => (dispatchEvent(new Event('pagehide')), window.log))));
    await page.reload();
  }
  await page.waitForFunction(() => window.log?.length > 0, null, patience);
  log.push(...(await page.evaluate(() => window.log)));
  assert.equal(check(log).gaps, 0);
  await site.close();
});

both('snapshot, then live, under load', async (context, how) => {
  const site = await Site.make();
  site.load(300);
  await until('it runs', () => site.state.n > 50);
  const page = await site.open(context, { ...how, snapshot: true });
  await more(site, page, 300);
  const counts = await checked(page);
  assert.equal(counts.snapshots, 1);
  assert.ok(counts.events > 100);
  await site.close();
});

both('the network vanishes', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.emit(5);
  await has_number(page, 5);
  site.silence();
  site.emit(5);
  await has_number(page, 10);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

both('the next connection is never answered', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.emit(5);
  await has_number(page, 5);
  site.mode = 'hang';
  site.cut();
  await until('it asks', () => site.requests.length > 1);
  site.mode = 'pass';
  site.emit(5);
  await has_number(page, 10);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

alone('8 tabs share a stream; two close, then a cut; all close', async (context) => {
  const site = await Site.make();
  const pages = [];
  for (let n = 0; n < 8; ++n) pages.push(await site.open(context, { shared: true, snapshot: true }));
  for (const page of pages) await has_state(page, 'live');
  assert.equal(site.streams, 1);
  site.load(100);
  await more(site, pages[7]);
  await pages[0].close();
  await pages[3].close();
  const left = pages.filter((page) => !page.isClosed());
  site.cut();
  for (const page of left) await more(site, page);
  assert.equal(site.streams, 1);
  for (const page of left) assert.equal((await checked(page)).gaps, 0);
  for (const page of left) await page.close();
  await until('the stream is closed', () => site.streams === 0);
  await site.close();
});

both('502, 503 and 429 with Retry-After, then back', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.emit(3);
  await has_number(page, 3);
  for (const [status, ...headers] of [['502 Bad Gateway'], ['503 No', 'Retry-After: 1'], ['429 No', 'Retry-After: 1']]) {
    const before = site.requests.length;
    let refused;
    site.refusal = () => ((site.refusal = null), (refused = Date.now()), respond(status, ...headers));
    site.cut();
    site.emit(3);
    await has_number(page, site.number);
    assert.equal(site.requests.length, before + 2);
    if (headers.length) assert.ok(Date.now() - refused >= 950, 'Retry-After is obeyed');
  }
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

both('204 ends it', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.refusal = () => respond('204 No Content');
  site.cut();
  await has_state(page, 'closed');
  site.refusal = null;
  await page.evaluate(() => feed.reconnect());
  await has_state(page, 'live');
  await site.close();
});

both('401 once: other headers; 401 for good: the end', async (context, how) => {
  const site = await Site.make();
  site.refusal = (head) => (/authorization: bearer new/i.test(head) ? null : respond('401 Unauthorized'));
  const page = await site.open(context, { ...how, token: true });
  await has_state(page, 'live');
  site.emit(3);
  await page.waitForFunction(() => log.length > 0 || states.length > 0, null, patience);
  assert.deepEqual(await page.evaluate(() => asked_headers), [false, true]);
  site.refusal = () => respond('401 Unauthorized');
  site.cut();
  await has_state(page, 'closed');
  assert.equal(site.requests.length, 4);
  await site.close();
});

alone('two tabs share a log-in that expires, and one answers late', async (context) => {
  const site = await Site.make();
  site.refusal = (head) => (/bearer new/i.test(head) ? null : respond('401 No'));
  const answer = async (page, count) => {
    await page.waitForFunction((n) => questions.length === n, count, patience);
    await page.evaluate(() => questions.shift()());
  };
  const options = { shared: true, token: true, by_hand: true };
  const quick = await site.open(context, options);
  await answer(quick, 1);
  await answer(quick, 1);
  const late = await site.open(context, options);
  for (const page of [quick, late]) await has_state(page, 'live');
  site.cut();
  await answer(quick, 1); // the old log-in: it is refused, and both are asked for another
  await answer(late, 2); // to the first question
  await answer(quick, 1);
  site.emit(3);
  for (const page of [quick, late]) await has_number(page, 3);
  await site.close();
});

both('a handler that throws is reported, and the place has moved', async (context, how) => {
  const { site, page } = await opened(context, { ...how, throws: true });
  await has_state(page, 'live');
  site.emit(3);
  await has_number(page, 3);
  site.cut();
  site.emit(3);
  await has_number(page, 6);
  assert.equal((await checked(page)).events, 6);
  assert.equal(await page.evaluate(() => errors.length), 6);
  await site.close();
});

both('opened twice at once', async (context, how) => {
  const { site, page } = await opened(context, { ...how, twice: true });
  await page.waitForFunction(() => feeds.every((one) => one.state === 'live'), null, patience);
  await page.evaluate(() => feeds[1].close());
  site.emit(3);
  await has_number(page, 3);
  assert.equal((await checked(page)).events, 3);
  await site.close();
});

both('hidden and shown, as by the back/forward cache', async (context, how) => {
  const { site, page } = await opened(context, how);
  await has_state(page, 'live');
  site.load(50);
  for (let n = 0; n < 3; ++n) {
    await more(site, page, 10);
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    await until('it is closed', () => site.streams === 0);
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  }
  await more(site, page, 10);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

alone('a snapshot that fails is asked for again', async (context) => {
  const site = await Site.make();
  site.failing_snapshot = 1;
  const page = await site.open(context, { snapshot: true });
  await has_state(page, 'live');
  site.emit(3);
  await has_number(page, 3);
  assert.equal(site.snapshots, 2);
  await site.close();
});

alone('POST with a body and Authorization, cut', async (context) => {
  const { site, page } = await opened(context, { method: 'POST', body: '{"a":1}', token: true });
  await has_state(page, 'live');
  site.emit(3);
  await has_number(page, 3);
  site.cut();
  site.emit(3);
  await has_number(page, 6);
  assert.ok(site.requests.every((head) => head.startsWith('POST ') && /bearer old/i.test(head)), site.requests[0]);
  assert.equal((await checked(page)).events, 6);
  await site.close();
});

alone('behind a service worker that passes on', async (context) => {
  const { site, page } = await opened(context, { sw: true });
  await has_state(page, 'live');
  site.load(100);
  for (let cut = 0; cut < 5; ++cut) await more(site, page), site.cut();
  await more(site, page);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

alone('a policy without workers: shared falls back to a stream of its own', async (context) => {
  const { site, page } = await opened(context, { shared: true }, {
    page_head: "Content-Security-Policy: worker-src 'none'\r\n" });
  await has_state(page, 'live');
  site.emit(3);
  await has_number(page, 3);
  await site.close();
});

export async function run_scenarios(launch, wanted = process.argv[2] ?? '') {
  const begin = Date.now();
  const failures = [];
  const queue = Object.entries(scenarios).filter(([title]) => title.includes(wanted));
  const count = queue.length;
  try {
    const browser = await launch();
    const run_some = async () => {
      for (let next; (next = queue.shift()); ) {
        const [title, { run }] = next;
        const context = await browser.newContext();
        const started = Date.now();
        try {
          await run(context);
          console.log(`ok: ${title} (${Date.now() - started} ms)`);
        } catch (error) {
          failures.push(title);
          console.log(`FAILED: ${title}: ${error.stack}`);
        }
        await context.close();
      }
    };
    await Promise.all(Array.from({ length: 4 }, run_some));
    await browser.close();
  } finally {
    kill_all();
  }
  console.log(`${count - failures.length} of ${count} passed in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  process.exit(failures.length ? 1 : 0);
}
