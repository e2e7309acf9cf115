// The peers as servers: `start` gives what with_clients needs of one; `missing` says why there is none.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn, spawnSync } from 'node:child_process';
import { directory, Program, server_core, sleep } from './programs.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const modules = process.env.SSE_BENCHMARK_PEERS ?? join(here, '../../build/peers');

/// CPU seconds and resident bytes of a process, from outside; the clock is the load client's.
export function usage_of(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ').map(Number);
  return { cpu: (fields[11] + fields[12]) / ticks, rss: fields[21] * page_size, now: Number(process.hrtime.bigint()), overflows: 0 };
}
const getconf = (name) => Number(spawnSync('getconf', [name]).stdout);
const ticks = getconf('CLK_TCK') || 100, page_size = getconf('PAGESIZE') || 4096;

/// A program that takes the commands of bare, but does not measure itself.
class Peer extends Program {
  async ask(command) {
    const now = Number(process.hrtime.bigint());
    if (command === 'usage') return usage_of(this.process.pid);
    return { start: now, ...(await super.ask(command)) };
  }
}

/// nginx, and a connection to it that publishes what the commands of bare ask for.
class Nchan {
  constructor(cores) {
    this.directory = mkdtempSync(join(tmpdir(), 'nchan-'));
    this.cores = cores;
  }
  async answer() {
    const port = await new Promise((done) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port } = probe.address();
        probe.close(() => done(port));
      });
    });
    const conf = readFileSync(join(here, 'nchan.conf'), 'utf8').replaceAll('@DIRECTORY@', this.directory).replaceAll('@PORT@', port);
    const path = join(this.directory, 'nginx.conf');
    writeFileSync(path, conf);
    this.process = spawn('taskset', ['-c', this.cores, 'nginx', '-c', path, '-e', join(this.directory, 'error.log')], { stdio: ['ignore', 'inherit', 'inherit'] });
    for (let i = 0; ; ++i) {
      await sleep(100);
      const children = readFileSync(`/proc/${this.process.pid}/task/${this.process.pid}/children`, 'utf8').split(' ').filter(Boolean);
      if (children.length && existsSync(join(this.directory, 'nginx.pid'))) {
        this.worker = Number(children[0]);
        break;
      }
      if (i > 50) throw new Error('nginx does not start');
    }
    this.publisher = connect(port, '127.0.0.1').setNoDelay(true);
    this.publisher.resume();
    return { port };
  }
  publish(n) {
    const text = 'fifty-five bytes of text that fill each frame';
    const data = JSON.stringify({ type: 'tick', data: { n: 1_000_000_000 + n, sent: '0'.repeat(20), text }, timestamp: Date.now() / 1000 });
    return `POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${data.length}\r\n\r\n${data}`;
  }
  async ask(command) {
    if (command === 'usage') return usage_of(this.worker);
    const start = Number(process.hrtime.bigint());
    const [name, ...numbers] = command.split(' ');
    const [first, second] = numbers.map(Number);
    if (name === 'burst') {
      this.publisher.write(Array.from({ length: first }, (_, n) => this.publish(n)).join(''));
    } else {
      for (let n = 0; n < second; ++n) {
        const wait = (1000 * n) / first - (Number(process.hrtime.bigint()) - start) / 1e6;
        if (wait > 0) await sleep(wait);
        this.publisher.write(this.publish(n));
      }
    }
    return { start };
  }
  async stop() {
    this.publisher?.destroy();
    const ended = new Promise((done) => this.process.on('close', done));
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true });
  }
}

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const nchan_is_there = () => spawnSync('nginx', ['-t', '-q', '-g', 'load_module modules/ngx_nchan_module.so;', '-c', '/dev/null']).stderr?.toString().match(/dlopen|not found|No such file/) === null;

export const tokio_program = `${directory}/tokio/release/tokio-peer`;

const tokio_missing = () => !existsSync(tokio_program) && 'cargo or librust-tokio-dev is not installed';
const better_sse_missing = () => !existsSync(join(modules, 'node_modules/better-sse')) && 'the npm package better-sse is not installed';
const better_sse = (file) => new Peer(server_core, process.execPath, [join(here, file)], { env: { ...process.env, PEERS: modules } });

export const answer_peers = [
  { name: 'tokio, by hand', missing: tokio_missing, start: () => new Peer(server_core, tokio_program, ['answers']) },
  { name: 'better-sse', missing: better_sse_missing, start: () => better_sse('better_sse_answers.mjs'), frames_before: 1 },
];

export const peers = [
  { name: 'tokio, by hand', missing: tokio_missing, start: () => new Peer(server_core, tokio_program, ['serve']) },
  {
    name: 'nchan',
    missing: () => (!has('nginx') ? 'nginx is not installed' : !nchan_is_there() && 'libnginx-mod-nchan is not installed'),
    start: () => new Nchan(server_core),
  },
  { name: 'better-sse', missing: better_sse_missing, start: () => better_sse('better_sse.mjs') },
];
