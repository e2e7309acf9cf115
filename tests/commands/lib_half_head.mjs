// half_head PORT: begins a request head, in three ways, and waits for the server to end each connection.
import { connect } from 'node:net';

const port = Number(process.argv[2]);
const starts = ['', 'GET /ev', 'GET /events HTTP/1.1\r\nHost: x\r\nX-Half'];
const limit = setTimeout(() => {
  console.error('the server has not ended a connection with half a request head within 20 s');
  process.exit(1);
}, 20_000);

await Promise.all(starts.map((start) => new Promise((resolve, reject) => {
  const socket = connect(port, '127.0.0.1', () => socket.write(start));
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes));
  socket.on('error', reject);
  socket.on('close', () => {
    if (answer === '' || /^HTTP\/1\.1 408 /.test(answer)) resolve();
    else reject(new Error(`half a head was answered with ${JSON.stringify(answer.slice(0, 100))}`));
  });
})));

// Clients that leave in the middle of a head, by FIN and by RST.
await Promise.all(starts.flatMap((start) => ['end', 'resetAndDestroy'].map((leave) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => socket.write(start || 'G', () => socket[leave]()));
  socket.resume();
  socket.on('error', () => {});
  socket.on('close', resolve);
}))));
clearTimeout(limit);
