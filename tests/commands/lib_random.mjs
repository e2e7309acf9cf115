// random PORT COUNT SEED: COUNT connections that send random bytes and end in one of five ways; 20 at a time.
import { connect } from 'node:net';

const [port, count, seed] = process.argv.slice(2).map(Number);
let state = seed;
const random = (below) => { // xorshift32: the same bytes for the same seed
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};

function request(number) {
  const bytes = Buffer.alloc(random(4000) + 1);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = random(256);
  const begin = ['', 'GET ', 'GET /events HTTP/1.1\r\n', 'GET /events HTTP/1.1\r\nHost: x\r\n'][random(4)];
  const end = number % 2 ? '\r\n\r\n' : '';
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(begin, 'latin1');
      socket.write(bytes);
      socket.write(end, 'latin1', () => {
        if (number % 5 === 0) socket.resetAndDestroy();
        else if (number % 5 === 1) socket.destroy();
        else if (number % 5 === 2 && number % 2) socket.setTimeout(20_000, () => socket.destroy()); // the server must end it
        else socket.end();
      });
    });
    socket.on('timeout', () => {
      console.error(`FAIL: the server has not ended a connection with ${bytes.length} random bytes`);
      process.exitCode = 1;
    });
    socket.resume();
    socket.on('error', () => {});
    socket.on('close', resolve);
  });
}

let next = 0;
const worker = async () => {
  while (next < count) await request(next++);
};
await Promise.all(Array.from({ length: 20 }, worker));
