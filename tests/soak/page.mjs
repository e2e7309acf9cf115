// tests/soak/page.mjs [SECONDS]: one page of the dashboard stays open under load for SECONDS (default 300), with 10,000 rows in
// its table. Its heap must stay level; its frames must not be absurdly late. SSE_BIN_DIR and NODE_PATH as in tests/browser.
import assert from 'node:assert/strict';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { kill_all, launch, patience, start, stop } from '../browser/lib_browser.mjs';

const upstream_script = fileURLToPath(new URL('../commands/lib_dashboard_upstream.mjs', import.meta.url));
const rows = 10_000;
const megabyte = 1e6;
// Of the charts, which reach back 15 minutes; a page that kept its rows would grow by 400 bytes for each request.
const growth_allowed = (seconds) => 3 * megabyte + Math.min(seconds, 960) * 8_000;

export async function soak(seconds) {
  assert.ok(seconds > 0, 'SECONDS is a number above 0');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  let browser;
  try {
    const { line: ports } = await start(process.execPath, [upstream_script]);
    const { child, line } = await start('dashboard', ['--listen', '127.0.0.1:0', '--upstream', `http://127.0.0.1:${ports.split(' ')[0]}`]);
    const url = line.match(/(http:\/\/.*)\/_sse\/$/)[1];
    let asked = 0;
    const ask = () =>
      new Promise((resolve) => {
        const path = `/status?code=${++asked % 50 ? 200 : 503}&n=${asked}`;
        http.request(url + path, { agent }, (response) => response.resume().on('close', resolve)).on('error', resolve).end();
      });
    const batch = () => Promise.all(Array.from({ length: 40 }, ask));

    browser = await launch();
    const page = await (await browser.newContext()).newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`${url}/_sse/`);
    await page.waitForFunction(() => document.documentElement.dataset.state === 'live', null, patience);
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable');
    await cdp.send('HeapProfiler.enable');
    const heap = async () => {
      await cdp.send('HeapProfiler.collectGarbage');
      const { metrics } = await cdp.send('Performance.getMetrics');
      const value = (wanted) => metrics.find(({ name }) => name === wanted).value;
      return { bytes: value('JSHeapUsedSize'), nodes: value('Nodes') };
    };
    // Every request has been heard or told as lost: between two such moments, pages are alike.
    const heard = () => page.waitForFunction(() => window.dashboard.stats().running === 0, null, patience);

    const load = async (goes_on) => {
      for (; await goes_on(); await new Promise((resolve) => setTimeout(resolve, 20))) await batch();
      await heard();
    };
    await load(async () => asked < 2 * rows || (await page.evaluate(() => window.dashboard.stats().rows)) < rows);
    const before = await heap();
    const asked_before = asked;
    await page.evaluate(() => {
      window.frames_seen = [];
      let last = performance.now();
      requestAnimationFrame(function next(now) {
        window.frames_seen.push(now - last);
        last = now;
        requestAnimationFrame(next);
      });
    });
    const end = Date.now() + seconds * 1e3;
    await load(() => Date.now() < end);
    const frames = await page.evaluate(() => {
      const seen = window.frames_seen;
      window.frames_seen = [];
      return { count: seen.length, p99: seen.sort((a, b) => a - b)[Math.floor(seen.length * 0.99)], longest: seen.at(-1) };
    });
    const after = await heap();
    const requests = asked - asked_before;
    const shown = await page.evaluate(() => window.dashboard.stats());
    const text = (bytes) => `${(bytes / megabyte).toFixed(2)} MB`;
    console.log(`${requests} requests in ${seconds} s; heap ${text(before.bytes)}, then ${text(after.bytes)}; nodes ${before.nodes}, then ` +
      `${after.nodes}; ${frames.count} frames, p99 ${frames.p99.toFixed(0)} ms, longest ${frames.longest.toFixed(0)} ms; lost ${shown.overflow_dropped}`);
    assert.deepEqual(problems, []);
    assert.equal(shown.rows, rows, 'the table is full, and no fuller');
    assert.ok(after.bytes - before.bytes < growth_allowed(seconds), `the heap grew by ${text(after.bytes - before.bytes)}`);
    assert.ok(after.nodes < before.nodes * 1.5 + 500, 'the document grows');
    // No measure of speed: this machine may do other things. A page that hangs is found.
    assert.ok(frames.count > seconds && frames.longest < 5_000, 'the page hangs');
    await stop(child, 'SIGTERM');
  } finally {
    await browser?.close();
    kill_all();
    agent.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await soak(Number(process.argv[2] ?? 300));
