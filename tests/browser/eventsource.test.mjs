// A page with a plain EventSource, as anyone writes it: through 20 cuts of its connection it gets each line once and in order,
// and a restart of the server is told.
import assert from 'node:assert/strict';
import { kill_all, launch, patience, start, start_cutter, stop } from './lib_browser.mjs';

const page_text = `<!doctype html><title>lines</title><link rel="icon" href="data:,">
<script>
  window.lines = [];
  window.told = []; // connection, overflow, disconnect: what, and after how many lines
  new EventSource('/events').onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === 'line') lines.push(event.data);
    else told.push({ ...event, after: lines.length });
  };
</script>`;
const answer = (head) =>
  head.startsWith('GET / ')
    ? `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page_text.length}\r\nConnection: close\r\n\r\n${page_text}`
    : null;

const start_cast = async (listen) => {
  const { child, line } = await start('cast', ['--listen', listen, '--history', '1000000', '--retry', '50',
    '--max-queue-size', '100000'], 'stderr');
  return { child, address: line.match(/^cast: http:\/\/(.*)\/events$/)[1] };
};

/** Writes numbers, one a line, all the time. */
function load(input) {
  let last = 0;
  const timer = setInterval(() => {
    if (input.writableNeedDrain) return;
    input.write(Array.from({ length: 40 }, () => `${++last}\n`).join(''));
  }, 5);
  return { stop: () => (clearInterval(timer), last) };
}

const has_lines = (page, count) =>
  page
    .waitForFunction((n) => window.lines.length >= n, count, patience)
    .catch(async () => assert.fail(`no ${count} lines; ${await page.evaluate(() =>
      `${window.lines.length} have come, and of other events ${JSON.stringify(window.told)}`)}`));

let browser;
try {
  let cast = await start_cast('127.0.0.1:0');
  const cutter = await start_cutter(Number(cast.address.split(':')[1]), answer);
  browser = await launch();
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(`${cutter.url}/`);
  await page.waitForFunction(() => window.told.length > 0, null, patience);

  const numbers = load(cast.child.stdin);
  for (let cut = 0; cut < 20; ++cut) {
    // Some hit the stream while it runs, some what is sent first to a page that comes back.
    if (cut % 3 !== 1) await has_lines(page, (await page.evaluate(() => window.lines.length)) + 400);
    await cutter.cut();
  }
  await has_lines(page, (await page.evaluate(() => window.lines.length)) + 400);
  const last = numbers.stop();
  await has_lines(page, last);
  assert.equal(cutter.cuts, 20);
  const { lines, told } = await page.evaluate(() => ({ lines: window.lines, told: window.told }));
  const wrong = lines.findIndex((line, i) => line !== i + 1);
  assert.equal(wrong, -1, `after line ${wrong} came ${lines[wrong]}`);
  assert.equal(lines.length, last);
  assert.deepEqual([...new Set(told.map(({ type }) => type))], ['connection'], 'nothing is told as lost');
  assert.ok(told.length > 10, `the page was connected ${told.length} times`);

  await stop(cast.child, 'SIGKILL');
  cast = await start_cast(cast.address);
  cast.child.stdin.write('"again 1"\n"again 2"\n');
  await has_lines(page, last + 2);
  cast.child.stdin.write('"again 3"\n');
  await has_lines(page, last + 3);
  const since = await page.evaluate((n) => ({ lines: window.lines.slice(n), told: window.told }), last);
  assert.deepEqual(since.lines, ['again 1', 'again 2', 'again 3']);
  const news = since.told.slice(told.length).map(({ type, dropped, reset, after }) => ({ type, dropped, reset, after }));
  assert.deepEqual(news, [
    { type: 'connection', dropped: undefined, reset: undefined, after: last },
    { type: 'overflow', dropped: null, reset: true, after: last },
  ]);
  assert.deepEqual(problems, []);

  cast.child.stdin.end();
  await page.waitForFunction(() => window.told.at(-1).type === 'disconnect', null, patience);
  console.log(`ok: ${last} lines through ${cutter.cuts} cuts`);
} finally {
  await browser?.close();
  kill_all();
}
