// The rows of the module for pages: its parser, and the CPU time of Chromium's renderer, each beside what a page would use
// without it. A server of Node's own gives both the same bytes. Chromium runs without a debugger, which would make native
// EventSource five times as dear: the page itself says when it has all, and /proc what its process has used.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Parser } from '../../include/sse/browser/sse.js';
import { alternately, median, ratios, sleep } from './programs.mjs';

const module_text = readFileSync(new URL('../../include/sse/browser/sse.min.js', import.meta.url));
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** 126 bytes, as `serve` writes them. */
const frame = (n) => {
  const number = String(n).padStart(7, '0');
  return `id: 1732800000000-${n}\ndata: {"type":"tick","data":{"n":"${number}"},"timestamp":1732800000.123456}\n\n`.padEnd(126, ' ').replace(
    /\n\n( *)$/, (_, spaces) => `${spaces}\n\n`);
};
const connection = ': keep-alive 15000\nretry: 1000\nid: 1732800000000-0\ndata: {"type":"connection","message":"Connected","connection_id":"a","timestamp":1732800000.123456}\n\n';
const frames = (first, count) => Array.from({ length: count }, (_, i) => frame(first + i)).join('');

// Parser

async function parser_rows(quick) {
  let create_parser;
  try {
    ({ createParser: create_parser } = createRequire(new URL('../browser/', import.meta.url))('eventsource-parser'));
  } catch {
    return { skipped: 'eventsource-parser is not installed' };
  }
  const text = frames(1, 100_000);
  const pieces = (size) => Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    Buffer.from(text.slice(i * size, (i + 1) * size)).toString());
  const read = {
    sse: (all) => {
      let bytes = 0;
      const parser = new Parser((type, id, has_id, data) => (bytes += data.length), () => {});
      for (const piece of all) parser.feed(piece);
      return bytes;
    },
    theirs: (all) => {
      let bytes = 0;
      const parser = create_parser({ onEvent: ({ data }) => (bytes += data.length), onComment: () => {} });
      for (const piece of all) parser.feed(piece);
      return bytes;
    },
  };
  const time = (name, all) => {
    const begin = process.cpuUsage();
    const bytes = read[name](all);
    const { user, system } = process.cpuUsage(begin);
    return { us: user + system, bytes };
  };
  const rows = [];
  for (const [words, size] of [['64 KiB', 65_536], ['one event', frame(1).length]]) {
    const all = pieces(size);
    const { a, b } = await alternately(quick ? 15 : 45, () => time('sse', all), () => time('theirs', all));
    const us = (runs) => runs.map((run) => run.us).slice(5); // the first ones compile
    const wrong = new Set([...a, ...b].map((run) => run.bytes)).size === 1 ? undefined : 'they read different texts';
    rows.push({ figure: `parser in Node, pieces of ${words} / eventsource-parser`, most: 1.1, values: ratios(us(a), us(b)), wrong,
      note: `${(median(us(a)) / 100).toFixed(0)} ns an event, ${(median(us(b)) / 100).toFixed(0)} ns` });
  }
  return rows;
}

// Chromium

/** CPU time of the renderers that descend from a process, in ms. */
function renderers_ms(root) {
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), Number(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')[1]));
    } catch {} // it has ended
  }
  const is_ours = (pid) => pid === root || (parents.has(pid) && is_ours(parents.get(pid)));
  let ns = 0;
  for (const pid of parents.keys()) {
    try {
      if (!is_ours(pid) || !readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=renderer')) continue;
      for (const task of readdirSync(`/proc/${pid}/task`)) ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
    } catch {}
  }
  return ns / 1e6;
}

/** The page: reads each event's JSON, and asks for /begin and /end when it is connected and when it has all. */
const page = (how, goal) => `<!doctype html><link rel="icon" href="data:,"><script type="module">
  let count = 0, sum = 0;
  const take = ({ n }) => {
    sum += +n;
    if (++count === ${goal}) fetch('/end?sum=' + sum);
  };
  const begin = () => fetch('/begin');
  ${how === 'native'
    ? `const source = new EventSource('/events');
       source.onmessage = ({ data }) => { const event = JSON.parse(data); if (event.type === 'tick') take(event.data); else begin(); };`
    : `import { subscribe } from '/sse.js';
       subscribe('/events', { on: { tick: ({ data }) => take(data), connection: begin } });`}
</script>`;

/** One run: the CPU time of the renderer between /begin and /end. `send(response, goal)` writes the events. */
async function in_chromium(how, goal, send) {
  const profile = mkdtempSync(join(tmpdir(), 'sse-chromium-'));
  let response, child;
  const server = http.createServer((request, answer) => {
    const path = request.url.split('?')[0];
    if (path === '/') return answer.setHeader('Content-Type', 'text/html').end(page(how, goal));
    if (path === '/sse.js') return answer.setHeader('Content-Type', 'text/javascript').end(module_text);
    if (path === '/events') {
      response = answer;
      answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      return answer.write(connection);
    }
    answer.end();
    server.emit(path, request.url);
  });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const begin = once(server, '/begin'), end = once(server, '/end');
    child = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-extensions', `--user-data-dir=${profile}`,
      `http://127.0.0.1:${server.address().port}/`], { stdio: 'ignore', detached: true });
    const gone = once(child, 'exit').then(() => { throw new Error('Chromium has ended'); });
    gone.catch(() => {});
    await Promise.race([begin, gone]);
    await sleep(1000); // for what the start leaves to do
    const before = renderers_ms(child.pid);
    await send(response, goal);
    const [url] = await Promise.race([end, gone]);
    const ms = renderers_ms(child.pid) - before;
    return { ms, wrong: url === `/end?sum=${(goal * (goal + 1)) / 2}` ? undefined : `another sum: ${url}` };
  } finally {
    response?.destroy();
    server.closeAllConnections();
    server.close();
    if (child) {
      const exit = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      try {
        process.kill(-child.pid, 'SIGKILL'); // its own group
      } catch {}
      await exit;
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

const bursts = async (response, goal) => {
  for (let n = 1; n <= goal; n += 1000) {
    if (!response.write(frames(n, 1000))) await once(response, 'drain');
    await sleep(20);
  }
};
/** 1,150 a second. */
const singly = async (response, goal) => {
  for (let n = 1, begin = performance.now(); n <= goal; await sleep(1)) {
    const due = Math.min(goal, Math.floor((performance.now() - begin) * 1.15));
    for (; n <= due; ++n) response.write(frame(n));
  }
};

async function chromium_rows(quick) {
  if (!existsSync(chromium)) return { skipped: 'there is no Chromium' };
  const row = async (figure, most, goal, send) => {
    const { a, b } = await alternately(quick ? 1 : 5, () => in_chromium('sse', goal, send), () => in_chromium('native', goal, send));
    const ms = (runs) => runs.map((run) => run.ms);
    return { figure, most, values: ratios(ms(a), ms(b)), wrong: [...a, ...b].find((run) => run.wrong)?.wrong,
      note: `${goal} events of 126 bytes, JSON read: ${median(ms(a)).toFixed(0)} ms, ${median(ms(b)).toFixed(0)} ms` };
  };
  return [
    await row("Chromium's CPU time, bursts of 1,000 / native EventSource", 0.4, 100_000, bursts),
    await row("Chromium's CPU time, one or two at a time / native EventSource", 1.3, quick ? 5000 : 20_000, singly),
  ];
}

export const browser = [
  { name: 'page-parser', figure: 'the parser for pages, in Node', measure: parser_rows },
  { name: 'page-cpu', figure: 'a page: CPU time of Chromium', measure: chromium_rows },
];
