// stalled PORT [tls]: opens a stream, says `connected` on standard error at its first bytes and reads no more, until SIGUSR1 comes:
// then it reads on. The stream's bytes, without the response head, go to standard output.
import net from 'node:net';
import tls from 'node:tls';

const [, , port, way] = process.argv;
const to = { port: Number(port), host: '127.0.0.1', rejectUnauthorized: false };
const socket = (way === 'tls' ? tls : net).connect(to, () =>
  socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n'));
let head = '';
const read = (bytes) => {
  if (head.endsWith('\r\n\r\n')) return process.stdout.write(bytes);
  const text = head + bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n') + 4;
  head = text.slice(0, end);
  process.stdout.write(Buffer.from(text.slice(end), 'latin1'));
};
socket.on('data', read);
socket.once('data', () => {
  socket.pause();
  console.error('connected');
});
socket.on('error', () => {});
const stay = setInterval(() => {}, 60_000);
process.on('SIGUSR1', () => {
  clearInterval(stay);
  socket.resume();
});
