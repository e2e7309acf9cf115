// For the tests of sse.js: a site of one origin in front of `cast`, whose proxy cuts, silences, hangs and refuses, and a page
// that logs what it gets. Each scenario has its own site, so that several run at the same time.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { Parser } from '../../include/sse/browser/sse.js';
import { patience, start, stop, until } from './lib_browser.mjs';

const module_text = await readFile(new URL('../../include/sse/browser/sse.min.js', import.meta.url), 'utf8');

/** The page: `log` has a number for each event, {snapshot}, {gap}, {state}. `feed_options` come with the URL, as JSON. */
const page_text = `<!doctype html><title>page</title><link rel="icon" href="data:,">
<script type="module">
  window.ahead = 0; // how much later it is than it seems
  const clock = Date.now;
  Date.now = () => clock() + ahead;
  window.sleep = (ms) => (ahead += ms, new BroadcastChannel('sleep').postMessage(ms)); // the worker of /sleepy.js, too
  window.ports = []; // to the workers
  const Worker = window.SharedWorker;
  window.SharedWorker = function (...args) {
    const worker = new Worker(...args);
    ports.push(worker.port);
    return worker;
  };
  const asked = JSON.parse(decodeURIComponent(location.hash.slice(1)) || '{}');
  const { subscribe } = await import(asked.module ?? '/sse.js');
  window.log = [];
  window.states = [];
  window.asked_headers = [];
  window.questions = []; // answered by the test: questions.shift()()
  window.errors = [];
  window.addEventListener('error', (event) => (event.preventDefault(), errors.push(String(event.message))));
  const options = {
    ...asked,
    on: { line: (message) => {
      log.push(message.data);
      if (asked.throws) throw new Error('a handler that throws');
    } },
    gap: ({ dropped, reset }) => log.push({ gap: dropped, reset }),
    state: (name, why) => states.push([name, why]),
  };
  if (asked.diary) {
    window.addEventListener('pagehide', ({ persisted }) => (sessionStorage.diary = JSON.stringify(log)));
    window.addEventListener('pageshow', ({ persisted }) => (window.was_kept = persisted));
  }
  if (asked.snapshot === 'by hand') options.snapshot = () => new Promise((resolve) => questions.push(resolve));
  else if (asked.snapshot) options.snapshot = async ({ signal }) => {
    const response = await fetch('/snapshot', { signal });
    const { n, id } = await response.json();
    log.push({ snapshot: n });
    return id;
  };
  if (asked.token) options.headers = async ({ refresh }) => {
    asked_headers.push(refresh);
    if (asked.by_hand) await new Promise((resolve) => questions.push(resolve));
    return { Authorization: refresh ? 'Bearer new' : 'Bearer old' };
  };
  if (asked.sw) {
    await navigator.serviceWorker.register(asked.sw);
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => (navigator.serviceWorker.oncontrollerchange = resolve));
  }
  window.feeds = Array.from({ length: asked.twice ? 2 : 1 }, () => subscribe(asked.url ?? '/events', options));
  window.feed = feeds[0];
</script>`;

/** The module as it is, but asleep when the page says so; in a page the page's own clock tells it. */
const sleepy_text = `if (globalThis.SharedWorkerGlobalScope) {
  let ahead = 0;
  const clock = Date.now;
  Date.now = () => clock() + ahead;
  new BroadcastChannel('sleep').onmessage = ({ data }) => (ahead += data);
}
${module_text}`;

const worker_text = (answer) => `self.onactivate = (event) => event.waitUntil(clients.claim());
self.oninstall = () => skipWaiting();
self.onfetch = (event) => event.respondWith(${answer});`;
const workers = {
  '/passes_on.js': worker_text('fetch(event.request)'),
  '/caches_first.js': worker_text(`caches.open('all').then(async (cache) => {
    const known = await cache.match(event.request);
    if (known) return known;
    const response = await fetch(event.request);
    event.waitUntil(cache.put(event.request, response.clone()).catch(() => {}));
    return response;
  })`),
};

export class Site {
  streams = 0; // that are open
  opened = 0;
  requests = []; // heads of requests for /events
  mode = 'pass'; // or 'refuse', 'hang'
  refusal = null; // (head) => text of a response, or null
  snapshots = 0;
  number = 0;
  state = { n: 0, id: undefined };
  #pairs = new Set();
  #timer;

  static async make(options = {}) {
    const site = new Site();
    site.options = { history: 10_000, retry: 100, keep_alive: 1, type: 'line', ...options };
    await site.start_service();
    const server = net.createServer((client) => site.#serve(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.unref();
    site.url = `http://localhost:${server.address().port}`;
    site.server = server;
    return site;
  }

  async start_service() {
    const { history, retry, keep_alive } = this.options;
    const { child, line } = await start('cast', ['--listen', this.address ?? '127.0.0.1:0', '--history', String(history), '--retry',
      String(retry), '--max-queue-size', '100000', '--keep-alive', String(keep_alive), '--type', this.options.type, ...(this.options.args ?? [])], 'stderr');
    this.child = child;
    this.address = line.match(/^cast: http:\/\/(.*)\/events$/)[1];
    // The service's state, for the snapshots: the last number, with its id.
    await new Promise((resolve) => {
      const request = http.get(`http://${this.address}/events`, (response) => {
        const parser = new Parser((type, id, has_id, text) => {
          const { type: name, data } = JSON.parse(text);
          if (has_id) this.state = { n: typeof data === 'number' ? data : this.number, id };
          resolve();
        });
        response.setEncoding('utf8').on('data', (part) => parser.feed(part)).on('error', () => {});
      });
      request.on('error', () => {});
      request.on('socket', (socket) => socket.unref());
    });
  }
  async kill_service() {
    await stop(this.child, 'SIGKILL');
  }

  emit(count = 1) {
    let text = '';
    for (let i = 0; i < count; ++i) text += `${++this.number}\n`;
    this.child.stdin.write(text);
  }
  load(each_second) {
    clearInterval(this.#timer);
    if (each_second) this.#timer = setInterval(() => this.emit(Math.max(1, each_second / 50)), 1000 / Math.min(each_second, 50));
  }

  /** Cuts every connection of a stream. */
  cut() {
    for (const { client, upstream } of this.#pairs) client.resetAndDestroy(), upstream.destroy();
  }
  /** Ends every stream in good order. */
  end() {
    for (const { client, upstream } of this.#pairs) upstream.removeAllListeners('data').destroy(), client.end();
  }
  /** From now on nothing passes through the streams that are open, and nobody is told. */
  silence() {
    for (const { upstream } of this.#pairs) upstream.removeAllListeners('data').resume();
  }

  #serve(client) {
    client.on('error', () => {});
    client.once('data', (bytes) => {
      const head = bytes.toString('latin1');
      const path = head.split(' ')[1].split('?')[0];
      const answer = (type, body, status = '200 OK', more = '') =>
        client.end(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}Connection: close\r\n\r\n${body}`);
      if (path === '/') return answer('text/html', page_text, '200 OK', this.options.page_head ?? '');
      if (path === '/app') return answer('text/html', '<!doctype html><title>app</title><link rel="icon" href="data:,"><body></body><script type="module" src="/app.js"></script>');
      if (this.options.files?.[path]) return answer('text/javascript', this.options.files[path]);
      if (path === '/sse.js') return answer('text/javascript', module_text, '200 OK', 'Access-Control-Allow-Origin: *\r\n');
      if (path === '/elsewhere') return answer('text/html', '<!doctype html><title>elsewhere</title><link rel="icon" href="data:,">');
      if (path === '/sleepy.js') return answer('text/javascript', sleepy_text);
      if (path === '/older.js') return answer('text/javascript', module_text.replace('sse1 ', 'sse0 '));
      if (workers[path]) return answer('text/javascript', workers[path]);
      if (path === '/snapshot') {
        this.snapshots += 1;
        if (this.snapshots === this.hanging_snapshot) return;
        if (this.snapshots === this.failing_snapshot) return answer('text/plain', 'no', '500 No');
        return answer('application/json', JSON.stringify(this.state));
      }
      if (path !== '/events') return answer('text/plain', 'no', '404 Not Found');
      this.requests.push(head);
      if (this.mode === 'hang') return;
      if (this.mode === 'refuse') return client.resetAndDestroy();
      const refusal = this.refusal?.(head);
      if (refusal) return client.end(refusal);
      this.#pass(client, bytes);
    });
  }
  #pass(client, bytes) {
    const upstream = net.connect(Number(this.address.split(':')[1]), '127.0.0.1');
    const pair = { client, upstream };
    this.#pairs.add(pair);
    this.streams += 1;
    this.opened += 1;
    upstream.on('error', () => {}).on('close', () => client.destroy());
    client.on('close', () => {
      upstream.destroy();
      this.streams -= 1;
      this.#pairs.delete(pair);
    });
    client.on('data', (more) => upstream.write(more));
    upstream.on('data', (more) => client.write(more));
    upstream.write(bytes.toString('latin1').replace(/^POST (\S+) /, 'GET $1 ').replace(/\r\nContent-Length: \d+/i, '').replace(/\r\n\r\n[^]*$/, '\r\n\r\n'), 'latin1');
  }

  async open(context, options = {}) {
    const page = await context.newPage();
    page.setDefaultTimeout(patience.timeout);
    await page.goto(`${this.url}/#${encodeURIComponent(JSON.stringify(options))}`);
    await until('the module is loaded', () => page.evaluate(() => !!window.feed));
    return page;
  }
  async close() {
    this.load(0);
    this.server.close();
    this.cut();
    await stop(this.child, 'SIGKILL').catch(() => {});
  }
}

export const has_state = (page, name) =>
  page.waitForFunction((wanted) => window.feed?.state === wanted, name, patience).catch(async () =>
    assert.fail(`not ${name}: ${JSON.stringify(await page.evaluate(() => window.states))}`));

export const has_number = (page, n) =>
  page.waitForFunction((wanted) => {
    const last = window.log.filter((entry) => typeof entry !== 'object' || 'snapshot' in entry).at(-1);
    return (last?.snapshot ?? last) >= wanted;
  }, n, patience).catch(async () =>
    assert.fail(`no ${n}: ${JSON.stringify(await page.evaluate(() => [window.feed.state, window.states.slice(-5), window.log.slice(-5)]))}`));

/** Checks that nothing is lost or doubled but what is told, and returns the numbers of snapshots, gaps and events. */
export function check(log) {
  let last;
  const counts = { snapshots: 0, gaps: 0, events: 0 };
  for (const entry of log) {
    if (typeof entry === 'number') {
      if (last !== undefined) assert.equal(entry, last + 1, `after ${last}`);
      last = entry;
      counts.events += 1;
    } else if ('snapshot' in entry) {
      if (typeof last === 'number') assert.ok(entry.snapshot >= last, 'a snapshot goes back');
      last = entry.snapshot;
      counts.snapshots += 1;
    } else {
      last = entry.gap === null || last === undefined ? undefined : last + entry.gap;
      counts.gaps += 1;
    }
  }
  return counts;
}
export const checked = async (page) => check(await page.evaluate(() => window.log));
