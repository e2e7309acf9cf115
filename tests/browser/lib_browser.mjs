// For the tests in Chromium: programs, the browser, and a proxy that cuts connections.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(import.meta.url)('playwright-core'); // require: it looks at NODE_PATH, too

const directory = process.env.SSE_BIN_DIR ?? assert.fail('set SSE_BIN_DIR to the directory of the example binaries');
export const patience = { timeout: 30_000 };

/** Asks again and again, till it holds. */
export async function until(what, holds, timeout = patience.timeout) {
  for (const end = Date.now() + timeout; !(await holds()); ) {
    if (Date.now() > end) assert.fail(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const children = new Set();
/** Starts a program (one of the examples by its name) and returns it with the first line that it prints, on `from`. */
export async function start(command, args = [], from = 'stdout') {
  const path = command.includes('/') ? command : `${directory}/${command}`;
  const child = spawn(path, args, { stdio: ['pipe', from === 'stdout' ? 'pipe' : 'ignore', from === 'stderr' ? 'pipe' : 'inherit'] });
  child.stdin.on('error', () => {}); // it has ended
  children.add(child);
  child.once('exit', () => children.delete(child));
  const [line] = await Promise.race([
    once(createInterface({ input: child[from] }), 'line'),
    once(child, 'exit').then(([status]) => assert.fail(`${command} ${args.join(' ')} ended with status ${status}`)),
  ]);
  return { child, line };
}

export async function stop(child, signal) {
  const end = once(child, 'exit');
  child.kill(signal);
  return end;
}

export function kill_all() {
  for (const child of children) child.kill('SIGKILL');
}

export const launch = (options) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
    ...options,
  });

/**
 * A TCP proxy to a port of this machine. `answer` (optional) may answer a request head itself, with the bytes that it returns.
 * `cut()` resolves once a connection that carries events is cut, in the middle of one: where `find` sees it among bytes (or -1);
 * while `closed`, nobody gets through.
 */
export async function start_cutter(port, answer = () => null, find = (bytes) => bytes.lastIndexOf('data: {')) {
  const cutter = { url: '', cuts: 0, closed: false, cut: () => new Promise((resolve) => (cutting = resolve)) };
  let cutting = null;
  const server = net.createServer((client) => {
    client.on('error', () => {});
    client.once('data', (head) => {
      const reply = answer(head.toString('latin1'));
      if (reply !== null) return client.end(reply);
      if (cutter.closed) return client.destroy();
      const upstream = net.connect(port, '127.0.0.1');
      upstream.on('error', () => {});
      upstream.on('end', () => client.end());
      upstream.on('close', () => client.end());
      client.on('close', () => upstream.destroy());
      client.on('drain', () => upstream.resume());
      upstream.write(head);
      client.on('data', (bytes) => upstream.write(bytes));
      upstream.on('data', (bytes) => {
        const frame = cutting ? find(bytes) : -1;
        if (frame < 0) {
          if (!client.write(bytes)) upstream.pause();
          return;
        }
        const done = cutting;
        cutting = null;
        cutter.cuts += 1;
        upstream.destroy();
        client.write(bytes.subarray(0, frame + 20), () => {
          client.destroy();
          done();
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  cutter.url = `http://127.0.0.1:${server.address().port}`;
  return cutter;
}
