// The peer better-sse for the answers: a session for each request, on node's own http server. npm has put it into $PEERS.
import { createRequire } from 'node:module';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const { createSession } = createRequire(`${process.env.PEERS}/`)('better-sse');

const tokens = 200, pause = 20;
const server = http.createServer(async (request, response) => {
  request.socket.setNoDelay(true);
  response.setHeader('Connection', 'close');
  const session = await createSession(request, response, { keepAlive: null });
  const start = performance.now();
  for (let n = 1; n <= tokens && session.isConnected; ++n) {
    const wait = start + n * pause - performance.now();
    if (wait > 0) await sleep(wait);
    session.push({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: ` token ${n}` } }] }, 'message');
  }
  response.end();
});
server.keepAliveTimeout = server.requestTimeout = server.headersTimeout = server.timeout = 0;
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => reply({ port: server.address().port }));

const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break;
  reply({});
}
process.exit(0);
