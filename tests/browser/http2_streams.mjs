// Chromium and Firefox over HTTP/2: many EventSources of two tabs, of which HTTP/1.1 admits six. Each stream has every tick
// once and in order, close() ends one stream alone, and a restart of the service brings all of them back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { kill_all, launch, start, stop } from './lib_browser.mjs';

const program = `${process.env.SSE_BIN_DIR}/tls`;
if (!existsSync(program) || !spawnSync(program, ['--help']).stdout.includes('--http2')) {
  console.log('skipped: built without OpenSSL or nghttp2');
  process.exit(77);
}
// A browser of 200 streams at 20 ticks a second needs more than a core for a while: on a busy machine that takes minutes.
const patience = { timeout: 180_000 };
const script = fileURLToPath(new URL('../../examples/tls/run.sh', import.meta.url));
const directory = mkdtempSync(`${tmpdir()}/sse-`);
const { firefox } = createRequire(import.meta.url)('playwright-core');
const firefox_path = [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => path && existsSync(path));

/** Passes connections on to a port of this machine that may change. */
async function start_relay() {
  const relay = { port: 0, to: 0 };
  const server = net.createServer((client) => {
    const upstream = net.connect(relay.to, '127.0.0.1');
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  relay.port = server.address().port;
  return relay;
}
async function serve(relay) {
  const { child, line } = await start(script, ['--directory', directory, '--listen', '127.0.0.1:0', '--interval', '50', '--http2']);
  relay.to = Number(line.match(/:(\d+)\/$/)[1]);
  return child;
}

/** In a page: so many EventSources. `runs` has for each stream, and for each start of the service, what came. */
const open_streams = (count) => {
  window.sources = Array.from({ length: count }, () => new EventSource('/events'));
  window.runs = sources.map(() => []);
  sources.forEach((source, i) => {
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === 'overflow') runs[i].push({ reset: event.reset ?? false, dropped: event.dropped });
      if (event.type !== 'tick') return;
      if (!Array.isArray(runs[i].at(-1))) runs[i].push([]);
      runs[i].at(-1).push(event.data.n);
    };
  });
};
const each_has = (ticks) => runs.every((run, i) => sources[i].readyState === 2 || (run.at(-1)?.length ?? 0) >= ticks);
const first_gap = () =>
  runs.flat().flatMap((run) => (Array.isArray(run) ? run.map((n, k) => (n === run[0] + k ? [] : [[run[k - 1], n]])).flat() : []))[0];

async function check(name, browser, per_tab) {
  const relay = await start_relay();
  const service = await serve(relay);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const tabs = [await context.newPage(), await context.newPage()];
  const all_have = (ticks) => Promise.all(tabs.map((tab) => tab.waitForFunction(each_has, ticks, patience)));
  for (const tab of tabs) {
    await tab.goto(`https://127.0.0.1:${relay.port}/`);
    await tab.evaluate(open_streams, per_tab);
  }
  await all_have(20);
  const protocols = await tabs[0].evaluate(() => performance.getEntriesByType('navigation').map((entry) => entry.nextHopProtocol));
  assert.deepEqual(protocols, ['h2']);

  const count = () => tabs[0].evaluate(() => runs[0].at(-1).length);
  await tabs[0].evaluate(() => sources[0].close());
  const closed = await count();
  await all_have((await tabs[1].evaluate(() => runs[0].at(-1).length)) + 20);
  assert.equal(await count(), closed, `${name}: a closed stream has no more events`);

  assert.deepEqual(await stop(service, 'SIGTERM'), [0, null]);
  const again = await serve(relay);
  for (const tab of tabs) {
    // The history is gone with the service, which each stream is told; then it has all ticks of the new one.
    await tab.waitForFunction(() => runs.every((run, i) => sources[i].readyState === 2 || run.length === 3 && run[2].length >= 20), null, patience);
    const told = await tab.evaluate(() => runs.filter((run, i) => sources[i].readyState !== 2).map((run) => [run[1], run[2][0]]));
    for (const one of told) assert.deepEqual(one, [{ reset: true, dropped: null }, 1], name);
  }
  for (const tab of tabs) assert.equal(await tab.evaluate(first_gap), undefined, `${name}: a tick is missing or doubled`);
  await stop(again, 'SIGTERM');
  console.log(`ok: ${name}, 2 x ${per_tab} streams`);
}

let browser;
try {
  browser = await launch();
  await check('Chromium', browser, 100);
  await browser.close();
  browser = undefined;
  if (firefox_path) {
    browser = await firefox.launch({ channel: 'moz-firefox', executablePath: firefox_path });
    await check('Firefox', browser, 50);
  }
} finally {
  await browser?.close();
  kill_all();
  rmSync(directory, { recursive: true });
}
