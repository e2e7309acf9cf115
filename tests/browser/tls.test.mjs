// Chromium over https: the example's page shows the ticks as they come, and through cuts of its connection each once and in order.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { kill_all, launch, patience, start, start_cutter, stop } from './lib_browser.mjs';

if (!existsSync(`${process.env.SSE_BIN_DIR}/tls`)) {
  console.log('skipped: built without OpenSSL');
  process.exit(77);
}
const script = fileURLToPath(new URL('../../examples/tls/run.sh', import.meta.url));
const directory = mkdtempSync(`${tmpdir()}/sse-`);

let browser;
try {
  const { child, line } = await start(script, ['--directory', directory, '--listen', '127.0.0.1:0', '--interval', '20']);
  const port = Number(line.match(/^tls: https:\/\/127\.0\.0\.1:(\d+)\/$/)[1]);
  // Of what is encrypted any piece is an event's, or a handshake's.
  const cutter = await start_cutter(port, () => null, () => 0);
  browser = await launch();
  const strict = await browser.newPage();
  await assert.rejects(strict.goto(`https://127.0.0.1:${port}/`), /ERR_CERT_AUTHORITY_INVALID/);
  await strict.close();

  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(cutter.url.replace('http:', 'https:'));
  assert.equal(await page.evaluate(() => window.isSecureContext && location.protocol), 'https:');

  const events = async () => (await page.locator('#events li').allTextContents()).map((text) => JSON.parse(text)).reverse();
  const has_events = (count) => page.waitForFunction((n) => document.querySelectorAll('#events li').length >= n, count, patience);
  for (let cut = 0; cut < 4; ++cut) {
    await has_events((await events()).length + 20);
    await cutter.cut();
  }
  await has_events((await events()).length + 20);
  assert.equal(cutter.cuts, 4);

  assert.deepEqual(await stop(child, 'SIGTERM'), [0, null]);
  await page.waitForFunction(() => document.querySelector('#events li').textContent.includes('"disconnect"'), null, patience);
  const all = await events();
  const ticks = all.filter(({ type }) => type === 'tick').map(({ data }) => data.n);
  const wrong = ticks.findIndex((n, i) => n !== ticks[0] + i);
  assert.equal(wrong, -1, `after ${ticks[wrong - 1]} came ${ticks[wrong]}`);
  const told = all.map(({ type }) => type).filter((type) => type !== 'tick');
  assert.ok(told.filter((type) => type === 'connection').length > 2, `the page was connected again: ${told}`);
  assert.deepEqual([...new Set(told)], ['connection', 'disconnect'], 'nothing is told as lost');
  assert.deepEqual(problems, []);
  console.log(`ok: ${ticks.length} ticks through ${cutter.cuts} cuts`);
} finally {
  await browser?.close();
  kill_all();
  rmSync(directory, { recursive: true });
}
