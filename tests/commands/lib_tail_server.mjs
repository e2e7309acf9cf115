// lib_tail_server.mjs REQUESTS FILE...: answers the nth connection with the bytes of the nth file once it has asked, and
// closes it, unless the file is named *.open. The heads of the requests are appended to REQUESTS.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [requests, ...files] = process.argv.slice(2);
const server = createServer((socket) => {
  const file = files.shift();
  if (files.length === 0) server.close();
  let head = '';
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    const complete = head.includes('\r\n\r\n');
    head += bytes.toString('latin1');
    if (complete || !head.includes('\r\n\r\n')) return;
    appendFileSync(requests, head);
    socket.write(readFileSync(file));
    if (!file.endsWith('.open')) socket.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/events`));
