// A front-end developer's proxies: express with `compression` (as webpack-dev-server, Next and Nest have it), and Vite's. Each must
// pass on an event at once, although the client asks for gzip.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { kill_all, patience, start } from '../browser/lib_browser.mjs';

const require = createRequire(import.meta.url); // it looks at NODE_PATH, too
const express = require('express');
const compression = require('compression');
const { createProxyMiddleware } = require('http-proxy-middleware');

async function start_express(upstream) {
  const app = express().use(compression()).use(createProxyMiddleware({ target: upstream }));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: server.address().port, close: () => (server.closeAllConnections?.(), server.close()) };
}

async function start_vite(upstream) {
  const { createServer } = await import(require.resolve('vite').replace('index.cjs', 'dist/node/index.js'));
  const server = await createServer({
    configFile: false, logLevel: 'error', root: import.meta.dirname ?? new URL('.', import.meta.url).pathname, appType: 'custom',
    optimizeDeps: { noDiscovery: true }, server: { host: '127.0.0.1', port: 0, proxy: { '/events': upstream }, watch: null, hmr: false },
  });
  await server.listen();
  return { port: server.httpServer.address().port, close: () => server.close() };
}

/** Reads the stream through a proxy until `text` has come. */
async function read_until(port, text) {
  const request = http.get({ host: '127.0.0.1', port, path: '/events', headers: { Accept: 'text/event-stream', 'Accept-Encoding': 'gzip, deflate, br' } });
  const [response] = await once(request, 'response', { signal: AbortSignal.timeout(patience.timeout) });
  let read = '';
  response.setEncoding('utf8').on('data', (part) => (read += part));
  for (const signal = AbortSignal.timeout(patience.timeout); !read.includes(text); )
    await once(response, 'data', { signal }).catch(() => assert.fail(`in vain: "${text}" in ${JSON.stringify(read)}`));
  return { response, end: () => request.destroy() };
}

const { child: cast, line } = await start('cast', ['--listen', '127.0.0.1:0', '--keep-alive', '3600'], 'stderr');
const upstream = line.match(/http:\/\/[^/]*/)[0];
for (const [name, start_proxy] of [['express', start_express], ['vite', start_vite]]) {
  const proxy = await start_proxy(upstream);
  const first = await read_until(proxy.port, '"type":"connection"');
  assert.equal(first.response.headers['content-encoding'], undefined, `${name} compresses`);
  assert.match(first.response.headers['cache-control'], /no-transform/);
  const event = read_until(proxy.port, `through ${name}`);
  // The second client's `connection` event tells nothing here: lines go in until it has read one.
  const lines = setInterval(() => cast.stdin.write(`through ${name}\n`), 20);
  const second = await event.finally(() => clearInterval(lines));
  first.end(), second.end();
  await proxy.close();
  console.log(`${name}: an event came at once`);
}
kill_all();
process.exit(0);
