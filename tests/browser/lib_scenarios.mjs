// The scenarios of sse.js: through everything that happens to a page, no event is lost or doubled untold. Six run at a time,
// because they mostly wait. `node module_firefox.test.mjs cut`: those with the word in their names. With SSE_NIGHTLY=1 it
// takes longer: more of them also for a shared stream, and a minute in the back/forward cache.
import assert from 'node:assert/strict';
import { kill_all, patience, until } from './lib_browser.mjs';
import { Site, check, checked, has_number, has_state } from './lib_module.mjs';

const is_night = !!process.env.SSE_NIGHTLY;
const scenarios = {};
/** For a stream of its own, and for one that tabs share. */
function both(name, run) {
  scenarios[name] = (context) => run(context, {});
  scenarios[name + ', shared'] = (context) => run(context, { shared: true });
}
function alone(name, run) {
  scenarios[name] = run;
}
/** For a stream of its own, and at night for a shared one, which others show to take the same way. */
function mostly_alone(name, run) {
  if (is_night) both(name, run);
  else scenarios[name] = (context) => run(context, {});
}
const respond = (status, ...headers) => `HTTP/1.1 ${status}\r\n${headers.map((header) => header + '\r\n').join('')}Content-Length: 0\r\nConnection: close\r\n\r\n`;
/** A new site with a page that is live. */
const opened = async (context, options, settings) => {
  const site = await Site.make(settings);
  const page = await site.open(context, options);
  await has_state(page, 'live');
  return { site, page };
};
/** Emits events, and waits until the page has them. */
const emitted = async (site, page, count) => {
  site.emit(count);
  await has_number(page, site.number);
};
const more = async (site, page, count = 30) => {
  const target = site.number + count;
  await until('the load goes on', () => site.number >= target);
  await has_number(page, target);
};

// The longest is the first, so that the others run beside it.
alone('a worker that dies is found by its silence', async (context) => {
  const { site, page } = await opened(context, { shared: true });
  await emitted(site, page, 3);
  await page.evaluate(() => ports[0].close());
  site.emit(3);
  await page.waitForFunction(() => log.length === 6, null, { timeout: 60_000 });
  assert.deepEqual(await checked(page), { snapshots: 0, gaps: 0, events: 6 });
  await site.close();
});

both('cut again and again', async (context, how) => {
  const { site, page } = await opened(context, how);
  site.load(200);
  for (let cut = 0; cut < 10; ++cut) await more(site, page), site.cut();
  await more(site, page);
  await site.close();
  assert.equal((await checked(page)).gaps, 0);
});

both('killed and up, cut past an empty history', async (context, how) => {
  const { site, page } = await opened(context, { ...how, snapshot: true });
  site.load(50);
  await more(site, page);
  site.load(0);
  await site.kill_service();
  await has_state(page, 'waiting');
  await site.start_service();
  site.emit(20);
  await until('the state is known', () => site.state.n === site.number);
  await has_number(page, site.number);
  await emitted(site, page, 5);
  const counts = await checked(page);
  assert.deepEqual([counts.snapshots, counts.gaps], [2, 1]);
  await site.close();
});

both('cut past the history', async (context, how) => {
  const { site, page } = await opened(context, how, { history: 10 });
  await emitted(site, page, 20);
  site.mode = 'refuse';
  site.cut();
  site.emit(50);
  await until('the state is known', () => site.state.n === site.number);
  site.mode = 'pass';
  await has_number(page, 70);
  assert.equal((await checked(page)).gaps, 1);
  await site.close();
});

both(`${is_night ? 20 : 10} reloads under load`, async (context, how) => {
  const { site, page } = await opened(context, { ...how, keep: 'place' });
  const log = [];
  site.load(50);
  for (let n = 0; n < (is_night ? 20 : 10); ++n) {
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
  await emitted(site, page, 5);
  site.silence();
  await emitted(site, page, 5);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

both('the next connection is never answered', async (context, how) => {
  const { site, page } = await opened(context, how);
  await emitted(site, page, 5);
  site.mode = 'hang';
  site.cut();
  await until('it asks', () => site.requests.length > 1);
  site.mode = 'pass';
  await emitted(site, page, 5);
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
  await emitted(site, page, 3);
  for (const [status, ...headers] of [['502 Bad Gateway'], ['503 No', 'Retry-After: 1'], ['429 No', 'Retry-After: 1']]) {
    const before = site.requests.length;
    let refused;
    site.refusal = () => ((site.refusal = null), (refused = Date.now()), respond(status, ...headers));
    site.cut();
    await emitted(site, page, 3);
    assert.equal(site.requests.length, before + 2);
    if (headers.length) assert.ok(Date.now() - refused >= 950, 'Retry-After is obeyed');
  }
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

both('204 ends it', async (context, how) => {
  const { site, page } = await opened(context, how);
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
  const asked = (page, count) => page.waitForFunction((n) => questions.length === n, count, patience);
  const answer = async (page, count) => {
    await asked(page, count);
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
  await asked(quick, 1);
  await answer(late, 2); // to the first question; what was answered before it joined is no question for it
  await answer(quick, 1);
  site.emit(3);
  for (const page of [quick, late]) await has_number(page, 3);
  await site.close();
});

both('a handler that throws is reported, and the place has moved', async (context, how) => {
  const { site, page } = await opened(context, { ...how, throws: true });
  await emitted(site, page, 3);
  site.cut();
  await emitted(site, page, 3);
  assert.equal((await checked(page)).events, 6);
  assert.equal(await page.evaluate(() => errors.length), 6);
  await site.close();
});

both('opened twice at once', async (context, how) => {
  const { site, page } = await opened(context, { ...how, twice: true });
  await page.waitForFunction(() => feeds.every((one) => one.state === 'live'), null, patience);
  await page.evaluate(() => feeds[1].close());
  await emitted(site, page, 3);
  assert.equal((await checked(page)).events, 3);
  await site.close();
});

both('hidden and shown, as by the back/forward cache', async (context, how) => {
  const { site, page } = await opened(context, how);
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

mostly_alone('a snapshot that fails is asked for again', async (context, how) => {
  const site = await Site.make();
  site.failing_snapshot = 1;
  const page = await site.open(context, { ...how, snapshot: true });
  await has_state(page, 'live');
  await emitted(site, page, 3);
  assert.equal(site.snapshots, 2);
  await site.close();
});

mostly_alone('POST with a body and Authorization, cut', async (context, how) => {
  const { site, page } = await opened(context, { ...how, method: 'POST', body: '{"a":1}', token: true });
  await emitted(site, page, 3);
  site.cut();
  await emitted(site, page, 3);
  assert.ok(site.requests.every((head) => head.startsWith('POST ') && /bearer old/i.test(head)), site.requests[0]);
  assert.equal((await checked(page)).events, 6);
  await site.close();
});

mostly_alone('behind a service worker that passes on', async (context, how) => {
  const { site, page } = await opened(context, { ...how, sw: '/passes_on.js' });
  site.load(100);
  for (let cut = 0; cut < 3; ++cut) await more(site, page), site.cut();
  await more(site, page);
  assert.equal((await checked(page)).gaps, 0);
  await site.close();
});

alone('a policy without workers: shared falls back to a stream of its own', async (context) => {
  const { site, page } = await opened(context, { shared: true }, {
    page_head: "Content-Security-Policy: worker-src 'none'\r\n" });
  await emitted(site, page, 3);
  await site.close();
});

mostly_alone('behind a service worker that caches first', async (context, how) => {
  const { site, page } = await opened(context, { ...how, sw: '/caches_first.js' });
  for (const count of [3, 3, 0, 0]) {
    if (count) await emitted(site, page, count);
    const before = site.requests.length;
    site.end();
    await until('it connects again', () => site.requests.length > before);
  }
  await emitted(site, page, 3);
  assert.deepEqual(await checked(page), { snapshots: 0, gaps: 0, events: 9 });
  await site.close();
});

alone('the module of another origin has no worker, and a stream of its own', async (context) => {
  const other = await Site.make();
  const { site, page } = await opened(context, { module: `${other.url.replace('localhost', '127.0.0.1')}/sse.js`, shared: true });
  await emitted(site, page, 3);
  await site.close();
  await other.close();
});

mostly_alone('a stream of another origin: its Retry-After is obeyed', async (context, how) => {
  const other = await Site.make({ args: ['--allow-origin', '*'] });
  const { site, page } = await opened(context, { ...how, url: `${other.url.replace('localhost', '127.0.0.1')}/events` });
  await emitted(other, page, 3);
  const allowed = ['Access-Control-Allow-Origin: *', 'Access-Control-Expose-Headers: Retry-After'];
  for (const status of ['503 No', '429 No']) {
    let refused;
    other.refusal = () => ((other.refusal = null), (refused = Date.now()), respond(status, 'Retry-After: 1', ...allowed));
    other.cut();
    await emitted(other, page, 3);
    assert.ok(Date.now() - refused >= 950);
  }
  assert.equal((await checked(page)).events, 9);
  await site.close();
  await other.close();
});

both('asleep for hours: it connects anew before it reads on', async (context, how) => {
  const { site, page } = await opened(context, { ...how, module: '/sleepy.js' }, { keep_alive: 3600 });
  await emitted(site, page, 3);
  await page.evaluate(() => sleep(3 * 3600e3));
  await until('it has connected again', () => site.opened === 2);
  await emitted(site, page, 3);
  assert.deepEqual(await checked(page), { snapshots: 0, gaps: 0, events: 6 });
  await site.close();
});

both('frozen and resumed', async (context, how) => {
  const { site, page } = await opened(context, how);
  await emitted(site, page, 3);
  await page.evaluate(() => document.dispatchEvent(new Event('freeze')));
  await until('it is closed', () => site.streams === 0);
  site.emit(3);
  await page.evaluate(() => document.dispatchEvent(new Event('resume')));
  await has_number(page, 6);
  assert.equal((await checked(page)).events, 6);
  await site.close();
});

mostly_alone('hidden for as long as `hidden` says, then shown', async (context, how) => {
  const { site, page } = await opened(context, { ...how, hidden: 50 });
  await emitted(site, page, 3);
  const become = (state) => page.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { value: now === 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
  await become('hidden');
  await until('it is closed', () => site.streams === 0);
  await become('visible');
  await emitted(site, page, 3);
  assert.equal((await checked(page)).events, 6);
  await site.close();
});

mostly_alone('a snapshot that hangs is given up with the page, and asked for again', async (context, how) => {
  const site = await Site.make();
  site.hanging_snapshot = 1;
  const page = await site.open(context, { ...how, snapshot: true });
  await until('it asks', () => site.snapshots === 1);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await has_state(page, 'paused');
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await has_state(page, 'live');
  await emitted(site, page, 3);
  assert.deepEqual([site.snapshots, site.opened], [2, 1]);
  await site.close();
});

mostly_alone('a snapshot that is overtaken counts no more, whenever it comes', async (context, how) => {
  const site = await Site.make();
  const page = await site.open(context, { ...how, snapshot: 'by hand' });
  await until('it asks', () => page.evaluate(() => questions.length === 1));
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await page.evaluate(() => questions[0]('0-7'));
  assert.deepEqual([await page.evaluate(() => feed.state), site.opened], ['paused', 0]);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await until('it asks again', () => page.evaluate(() => questions.length === 2));
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await until('and again', () => page.evaluate(() => questions.length === 3));
  await page.evaluate((id) => questions[2](id), site.state.id);
  await has_state(page, 'live');
  await page.evaluate(() => questions[1]('0-7'));
  await emitted(site, page, 3);
  assert.deepEqual([site.opened, await checked(page)], [1, { snapshots: 0, gaps: 0, events: 3 }]);
  await site.close();
});

alone('users with different `share`, and an older version of the module, have streams of their own', async (context) => {
  const site = await Site.make();
  const pages = [];
  for (const options of [{ share: 'ann' }, { share: 'ben' }, { share: 'ann' }, { share: 'ann', module: '/older.js' }])
    pages.push(await site.open(context, { shared: true, ...options }));
  for (const page of pages) await has_state(page, 'live');
  assert.equal(site.streams, 3);
  site.emit(3);
  for (const page of pages) await has_number(page, 3);
  await site.close();
});

alone('a busy and a frozen tab hold no other, and lose nothing', async (context) => {
  const site = await Site.make({ history: 50_000 });
  const pages = [];
  for (let n = 0; n < 3; ++n) pages.push(await site.open(context, { shared: true }));
  const [busy, frozen, other] = pages;
  for (const page of pages) await has_state(page, 'live');
  await busy.evaluate(() => {
    setTimeout(() => {
      for (const end = performance.now() + 2000; performance.now() < end; );
    });
  });
  // Without a word: it acknowledges nothing for longer than the worker keeps for it.
  await frozen.evaluate(() => {
    const { onmessage } = ports[0];
    const kept = [];
    ports[0].onmessage = (event) => kept.push(event);
    window.thaw = () => ((ports[0].onmessage = onmessage), kept.forEach((event) => onmessage(event)));
  });
  for (let n = 0; n < 9; ++n) {
    site.emit(2000);
    await has_number(other, site.number);
  }
  site.load(500);
  await more(site, other, 500);
  site.load(0);
  await frozen.evaluate(() => thaw());
  for (const page of pages) {
    await has_number(page, site.number);
    assert.deepEqual(await checked(page), { snapshots: 0, gaps: 0, events: site.number });
  }
  await site.close();
});

// A real visit elsewhere and back. Chromium keeps the page; Firefox does with `shared`. Elsewhere the place is in sessionStorage.
for (const seconds of is_night ? [4, 60] : [0])
  both(`the back/forward cache${seconds ? `, for ${seconds} s` : ''}`, async (context, how) => {
    const { site, page } = await opened(context, { ...how, keep: 'place', diary: true });
    site.load(10);
    await more(site, page, 5);
    const leave = page.waitForURL('**/elsewhere');
    await page.evaluate(() => void (location.href = '/elsewhere'));
    await leave;
    await until('it is closed', () => site.streams === 0);
    const left = site.number, end = Date.now() + seconds * 1000;
    await until('events are missed, and the time is over', () => site.number >= left + 5 && Date.now() >= end, 90_000);
    await page.evaluate(() => void history.back());
    await until('it is back', () => page.evaluate(() => window.log?.length > 0).catch(() => false));
    await more(site, page, 5);
    const { kept, diary } = await page.evaluate(() => ({ kept: window.was_kept, diary: [...JSON.parse(sessionStorage.diary ?? '[]'), ...log] }));
    if (context.is_chromium || how.shared) assert.ok(kept, 'the browser has not kept the page');
    assert.equal(check(kept ? await page.evaluate(() => log) : diary).gaps, 0);
    await site.close();
  });

mostly_alone('50,000 events of replay', async (context, how) => {
  const site = await Site.make({ history: 60_000 });
  for (let n = 0; n < 50; ++n) site.emit(1000);
  await until('they are kept', () => site.state.n === site.number);
  const page = await site.open(context, { ...how, since: 'earliest' });
  await has_number(page, 50_000);
  assert.equal((await checked(page)).events, 50_000);
  await site.close();
});

const stream_text = (...lines) => `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${lines.join('\n')}\n\n`;
const line_event = (n) => `data: {"type":"line","data":${n},"timestamp":1}`;

alone('a retry of 0 and of 2^63', async (context) => {
  const site = await Site.make();
  let streams = 0;
  const begin = Date.now();
  site.refusal = () => (++streams === 6 ? ((site.refusal = null), stream_text('retry: 9223372036854775808')) : stream_text('retry: 0'));
  const page = await site.open(context);
  await until('the last one', () => streams === 6);
  assert.ok(Date.now() - begin >= 500, 'a server cannot ask for more than ten attempts a second');
  await has_state(page, 'waiting');
  await page.evaluate(() => feed.reconnect());
  await has_state(page, 'live');
  await emitted(site, page, 3);
  await site.close();
});

alone('ids of other services', async (context) => {
  const site = await Site.make();
  const answers = [stream_text('retry: 100', '', 'id: x', line_event(1), '', 'id: x', line_event(2), '', line_event(3)),
    stream_text('id: x y', line_event(4), '', 'id: -', line_event(5))];
  site.refusal = () => answers.shift() ?? respond('204 No Content');
  const page = await site.open(context);
  await has_state(page, 'closed');
  assert.equal((await checked(page)).events, 5);
  assert.deepEqual(site.requests.slice(1).map((head) => /lastEventId=([^&]*)/.exec(head)[1]), ['x', '-']);
  await site.close();
});

alone('a type that is named as a member of every object', async (context) => {
  const site = await Site.make({ type: 'constructor' });
  const page = await site.open(context);
  await page.evaluate(() => feed.on('__proto__', () => {}));
  await has_state(page, 'live');
  site.emit(3);
  await until('they have come', () => page.evaluate(() => feed.id?.endsWith('-3')));
  assert.deepEqual(await page.evaluate(() => states.map(([name]) => name)), ['connecting', 'live']);
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
        const [title, run] = next;
        const context = await browser.newContext();
        context.is_chromium = browser.browserType().name() === 'chromium';
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
    await Promise.all(Array.from({ length: 6 }, run_some));
    await browser.close();
  } finally {
    kill_all();
  }
  console.log(`${count - failures.length} of ${count} passed in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  process.exit(failures.length ? 1 : 0);
}
