// A browser's EventSource that a limit keeps out goes on trying, where a status would have made it give up for good.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { kill_all, launch, patience, start, start_cutter } from './lib_browser.mjs';

const page_text = `<!doctype html><title>refused</title><link rel="icon" href="data:,">
<script>
  window.watch = (path) => new Promise((resolve) => {
    const source = new EventSource(path);
    const told = [];
    source.onmessage = ({ data }) => told.push(JSON.parse(data));
    source.onerror = () => (resolve({ told, state: source.readyState }), source.close());
  });
</script>`;
const reply = (status, type, text) =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`;
const answer = (head) => {
  if (head.startsWith('GET / ')) return reply('200 OK', 'text/html', page_text);
  return head.startsWith('GET /full ') ? reply('503 Service Unavailable', 'text/plain', 'full') : null;
};

let browser;
try {
  const { line } = await start('cast', ['--listen', '127.0.0.1:0', '--max-connections', '1'], 'stderr');
  const url = line.slice('cast: '.length);
  const [first] = await once(http.get(url), 'response');
  first.resume();
  const [refused] = await once(http.get(url, { headers: { Accept: 'text/event-stream' } }), 'response');
  assert.equal(refused.statusCode, 503, 'a client of an API gets the status');
  assert.ok(Number(refused.headers['retry-after']) > 0);
  refused.resume();

  const cutter = await start_cutter(Number(new URL(url).port), answer);
  browser = await launch();
  const page = await browser.newPage();
  page.setDefaultTimeout(patience.timeout);
  await page.goto(`${cutter.url}/`);
  const { told, state } = await page.evaluate(() => window.watch('/events'));
  assert.deepEqual(told.map(({ type }) => type), ['disconnect']);
  assert.match(told[0].message, /No more connections/);
  assert.equal(state, 0, 'the EventSource is connecting');
  assert.equal((await page.evaluate(() => window.watch('/full'))).state, 2, 'a status closes an EventSource');
  console.log('ok: refused, and still connecting');
} finally {
  await browser?.close();
  kill_all();
}
