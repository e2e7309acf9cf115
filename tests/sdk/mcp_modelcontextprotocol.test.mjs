// The example mcp, seen by the package @modelcontextprotocol/sdk.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { failure_of, start, until, use } from './lib_sdk.mjs';

const { Client } = await use('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = await use('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { LoggingMessageNotificationSchema, LATEST_PROTOCOL_VERSION } = await use('@modelcontextprotocol/sdk/types.js');
const server = await start('mcp');

/** A client that has begun its session, and the texts that the server tells it. */
async function connect(url = server.url) {
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    reconnectionOptions: { initialReconnectionDelay: 5, maxReconnectionDelay: 50, reconnectionDelayGrowFactor: 1, maxRetries: 100 },
  });
  const told = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => told.push(params.data));
  await client.connect(transport);
  return { client, transport, told };
}
/** Counts by the tool, and returns its text and the steps that were told. */
async function count(client, args, options = {}) {
  const steps = [];
  const { content } = await client.callTool({ name: 'count', arguments: args }, undefined, { onprogress: ({ progress }) => steps.push(progress), ...options });
  return { text: content[0].text, steps };
}
const numbers = (size) => Array.from({ length: size }, (_, index) => index + 1);

const { client, transport, told } = await connect();
{ // initialise, list
  assert.equal(transport.protocolVersion, LATEST_PROTOCOL_VERSION);
  assert.equal(client.getServerVersion().name, 'sse-mcp');
  assert.deepEqual((await client.listTools()).tools.map(({ name }) => name), ['count', 'announce']);
  await client.ping();
}

{ // progress, a burst of it, and two calls at once
  assert.deepEqual(await count(client, { steps: 3, pause_ms: 5 }), { text: 'counted to 3', steps: numbers(3) });
  assert.deepEqual((await count(client, { steps: 2000 })).steps, numbers(2000));
  const [a, b] = await Promise.all([count(client, { steps: 20, pause_ms: 2 }), count(client, { steps: 30, pause_ms: 1 })]);
  assert.deepEqual([a.steps, b.steps], [numbers(20), numbers(30)]);
}

{ // errors
  assert.equal((await failure_of(client.callTool({ name: 'nonsense', arguments: {} }))).code, -32602);
  assert.equal((await failure_of(client.callTool({ name: 'count', arguments: {} }))).code, -32602);
  assert.equal((await failure_of(client.listPrompts())).code ?? -32601, -32601);
}

{ // notifications on the GET stream of every client
  const other = await connect();
  await until('a text at both', async () => {
    await client.callTool({ name: 'announce', arguments: { text: 'hello' } }); // the GET may come later than the first
    return told.includes('hello') && other.told.includes('hello');
  });
  await other.transport.terminateSession();
  await other.client.close();
}

{ // a cancelled call ends its tool
  const controller = new AbortController();
  const call = failure_of(count(client, { steps: 1_000_000, pause_ms: 1 }, { signal: controller.signal, onprogress: () => controller.abort('enough') }));
  assert.match(String(await call), /enough/);
  await client.ping();
}

{ // a connection that is reset at any event: the stream goes on after it, none twice, none missing
  for (const cut_after of [0, 1, 2, 5, 9]) {
    let cuts = 0;
    const proxy = net.createServer((socket) => {
      const upstream = net.connect(new URL(server.url).port, '127.0.0.1');
      let seen = '';
      socket.on('error', () => {}).on('close', () => upstream.destroy()).pipe(upstream);
      upstream.on('error', () => {}).on('close', () => socket.destroy()).on('data', (bytes) => {
        socket.write(bytes);
        seen += bytes;
        // Each progress event is a write of its own here. The priming event comes first.
        if (cuts === 0 && seen.includes('text/event-stream') && seen.includes('\nid: ') && seen.split('notifications/progress').length > cut_after) {
          if (cut_after === 0 || seen.includes('notifications/progress')) ++cuts, socket.resetAndDestroy();
        }
      });
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const cut = await connect(`http://127.0.0.1:${proxy.address().port}/mcp`);
    assert.deepEqual(await count(cut.client, { steps: 12, pause_ms: 10 }), { text: 'counted to 12', steps: numbers(12) });
    assert.equal(cuts, 1);
    await cut.client.close();
    proxy.close();
  }
}

{ // sessions, Origin and Host, by hand
  const post = (body, headers = {}) => fetch(server.url, {
    method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
  });
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  assert.equal((await post(list)).status, 400);
  assert.equal((await post(list, { 'Mcp-Session-Id': 'nobody' })).status, 404);
  const session = { 'Mcp-Session-Id': transport.sessionId };
  assert.equal((await post(list, session)).status, 200);
  assert.equal((await post(list, { ...session, 'Mcp-Protocol-Version': '1999-01-01' })).status, 400);
  assert.equal((await post(list, { ...session, Origin: 'https://evil.example' })).status, 403);
  const { origin, port } = new URL(server.url); // a page of the machine itself, as the published conformance suite has it
  for (const own of [origin, `http://localhost:${port}`]) assert.equal((await post(list, { ...session, Origin: own })).status, 200);
  assert.equal((await post([list], session)).status, 400);
  for (const params of [1, [], { protocolVersion: 1 }])
    assert.equal((await (await post({ ...list, method: 'initialize', params })).json()).error.code, -32602);
  const nested = '['.repeat(300_000) + ']'.repeat(300_000); // copying it would overflow the stack
  for (const member of ['id', 'method', 'params']) {
    const body = JSON.stringify({ ...list, [member]: 'nested' }).replace('"nested"', nested);
    assert.equal((await fetch(server.url, { method: 'POST', body, headers: session })).status, 400);
  }
  assert.equal((await fetch(server.url, { headers: { ...session, 'Last-Event-ID': '1-1' } })).status, 404);
  const foreign = http.get(server.url, { headers: { ...session, Host: 'evil.example' } });
  const [refused] = await once(foreign, 'response');
  assert.equal(refused.statusCode, 421);
  refused.destroy();
  await transport.terminateSession(); // DELETE
  assert.equal((await post(list, session)).status, 404);
}
await client.close();
await server.stop();
