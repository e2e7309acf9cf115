// The peer better-sse, on node's own http server; obeys as bare does. npm has put it into $PEERS.
import { createRequire } from 'node:module';
import http from 'node:http';
import { createInterface } from 'node:readline';

const { createChannel, createSession } = createRequire(`${process.env.PEERS}/`)('better-sse');

const channel = createChannel();
const server = http.createServer(async (request, response) => {
  request.socket.setNoDelay(true);
  channel.register(await createSession(request, response, { keepAlive: null }));
});
server.keepAliveTimeout = server.requestTimeout = server.timeout = 0;
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => reply({ port: server.address().port }));

const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const text = 'fifty-five bytes of text that fill each frame';
const emit = (n) => channel.broadcast({ n: 1_000_000_000 + n, sent: '0'.repeat(20), text, timestamp: Date.now() / 1000 }, 'tick');

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...numbers] = line.split(' ');
  const [first, second] = numbers.map(Number);
  if (command === 'pace') {
    const start = performance.now();
    for (let n = 0; n < second; ++n) {
      const wait = start + (1000 * n) / first - performance.now();
      await new Promise((done) => (wait > 0 ? setTimeout(done, wait) : setImmediate(done)));
      emit(n);
    }
  } else if (command === 'burst') {
    for (let n = 0; n < first; ++n) emit(n);
  } else {
    break;
  }
  reply({});
}
process.exit(0);
