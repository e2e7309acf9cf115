// A page of another origin, in Chromium: the one that may read sends headers of its own after the browser has asked, and can
// read why it is refused; another one can read nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { kill_all, launch, patience, start } from './lib_browser.mjs';

async function site() {
  const server = http.createServer((request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** In the page: what a fetch with headers of its own has read once `wanted` has come, or the stream has ended. */
async function read({ url, headers, wanted }) {
  const response = await fetch(url, { headers });
  let text = '';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part; !text.includes(wanted) && !(part = await reader.read()).done; ) text += part.value;
  await reader.cancel();
  return { status: response.status, text };
}

let browser;
try {
  const [friend, stranger] = [await site(), await site()];
  const cast = async (...options) => {
    const { child, line } = await start('cast', ['--listen', '127.0.0.1:0', '--allow-origin', friend, ...options], 'stderr');
    return { child, url: line.slice('cast: '.length) };
  };
  const { child, url } = await cast('--history', '10');
  browser = await launch();
  const page_at = async (origin) => {
    const page = await browser.newPage();
    page.setDefaultTimeout(patience.timeout);
    await page.goto(origin);
    return page;
  };

  child.stdin.write('"first"\n"second"\n');
  const page = await page_at(friend);
  const all = await page.evaluate(read, { url: `${url}?since=earliest`, headers: {}, wanted: '"second"' });
  const first = all.text.match(/^id: (.*)\ndata: .*"first"/m)[1];
  const missed = await page.evaluate(read, { url, headers: { Authorization: 'Bearer x', 'Last-Event-ID': first }, wanted: '"second"' });
  assert.equal(missed.status, 200);
  assert.ok(!missed.text.includes('"first"'), missed.text);

  const full = await cast('--max-connections', '1');
  const [held] = await once(http.get(full.url), 'response');
  held.resume();
  const refused = await page.evaluate(read, { url: full.url, headers: { Authorization: 'Bearer x' }, wanted: '\n' });
  assert.deepEqual(refused, { status: 503, text: 'No more connections are accepted at the moment\n' });

  const other = await page_at(stranger);
  for (const headers of [{}, { Authorization: 'Bearer x' }])
    await assert.rejects(other.evaluate(read, { url, headers, wanted: '\n' }), /Failed to fetch/);
  console.log('ok: read, refused, and kept from reading');
} finally {
  await browser?.close();
  kill_all();
}
