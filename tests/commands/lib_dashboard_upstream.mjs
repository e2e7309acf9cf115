// The service behind the proxy in the dashboard's tests. Prints its port; each path shows one thing that HTTP services do.
import { createHash } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';

// The same bytes for the same name, and none that compress or repeat.
function* blocks(name, size) {
  for (let i = 0; size > 0; ++i) {
    const seed = createHash('sha512').update(`${name}/${i}`).digest();
    const block = Buffer.concat(Array(64).fill(0).map((_, k) => createHash('sha512').update(seed).update(String(k)).digest()));
    yield size < block.length ? block.subarray(0, size) : block;
    size -= block.length;
  }
}

async function write(response, chunk) {
  if (!response.write(chunk) && !response.destroyed)
    await new Promise((resolve) => {
      const done = () => resolve(response.off('drain', done).off('close', done));
      response.on('drain', done).on('close', done);
    });
  return !response.destroyed;
}

let ticks = [];
const seen = { aborted: 0, requests: 0, connections: 0, blocks_written: 0 };

const paths = {
  '/bytes': async (request, response, query) => {
    const size = Number(query.get('size'));
    const head = { 'Content-Type': 'application/octet-stream' };
    if (query.get('framing') === 'length') head['Content-Length'] = size;
    if (query.get('framing') === 'close') {
      head.Connection = 'close';
      response.useChunkedEncodingByDefault = false;
    }
    response.writeHead(200, head);
    if (request.method !== 'HEAD')
      for (const block of blocks(query.get('name') ?? '', size)) {
        ++seen.blocks_written;
        if (!(await write(response, block))) return;
      }
    response.end();
  },
  '/echo': async (request, response) => {
    const head = { 'Content-Type': 'application/octet-stream' };
    if (request.headers['content-length']) head['Content-Length'] = request.headers['content-length'];
    response.writeHead(200, head);
    response.flushHeaders();
    for await (const chunk of request) if (!(await write(response, chunk))) return;
    response.end();
  },
  '/sum': async (request, response) => {
    const hash = createHash('sha256');
    for await (const chunk of request) hash.update(chunk);
    response.end(hash.digest('hex') + '\n');
  },
  '/head': (request, response) => {
    const raw = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) raw.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    response.setHeader('Set-Cookie', ['a=1', 'b=2']);
    response.setHeader('Connection', 'x-hop');
    response.setHeader('X-Hop', 'secret');
    response.setHeader('Keep-Alive', 'timeout=7');
    response.end(`${request.method} ${request.url} HTTP/${request.httpVersion}\n${raw.join('\n')}\n`);
  },
  '/status': (request, response, query) => {
    response.writeHead(Number(query.get('code')), { 'X-Told': 'yes' });
    response.end(['204', '304'].includes(query.get('code')) ? undefined : `status ${query.get('code')}\n`);
  },
  '/refuse': (request, response) => {  // without reading the body
    response.writeHead(413, { Connection: 'close' });
    response.end('too large\n');
  },
  '/hints': (request, response) => response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('hinted\n')),
  '/events': (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: first\n\n');
    ticks.push(response);
  },
  '/tick': (request, response, query) => {
    for (const stream of ticks) query.get('end') ? stream.end('data: last\n\n') : stream.write('data: next\n\n');
    if (query.get('end')) ticks = [];
    response.end('ticked\n');
  },
  '/hang': () => {},
  '/drop': (request) => request.socket.destroy(),
  '/half': (request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('half', () => request.socket.destroy());
  },
  '/half-chunked': (request, response) => {
    response.writeHead(200);
    response.write('half', () => request.socket.destroy());
  },
  '/seen': (request, response) => response.end(JSON.stringify(seen) + '\n'),
};

const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 5000 }, (request, response) => {
  ++seen.requests;
  response.on('close', () => {
    if (!response.writableFinished) ++seen.aborted;
  });
  const url = new URL(request.url, 'http://upstream');
  const answer = paths[url.pathname];
  if (answer) return void Promise.resolve(answer(request, response, url.searchParams)).catch(() => response.destroy());
  response.writeHead(404);
  response.end('no such path\n');
});
server.on('connection', () => ++seen.connections);
server.on('checkContinue', (request, response) => {
  if (request.url.startsWith('/refuse')) return void server.emit('request', request, response);
  response.writeContinue();
  server.emit('request', request, response);
});
server.on('upgrade', (request, socket, head) => {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
  socket.write(head);
  socket.on('error', () => {});
  socket.pipe(socket);
});

// Answers that node's server would not give, as they stand, one a connection.
const raw_answers = {
  bad: 'HTTP/1.1 200 OK\r\nno colon here\r\n\r\n',
  both: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  coding: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  large: `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(80_000)}\r\n\r\n`,
  switch: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  http10: 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold\n',
};
const raw = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (head) => {
    const name = /^GET \/(\w+)/.exec(head.toString('latin1'))?.[1];
    socket.end(raw_answers[name] ?? '');
  });
});

server.listen(0, '127.0.0.1', () =>
  raw.listen(0, '127.0.0.1', () => console.log(`${server.address().port} ${raw.address().port}`)),
);
