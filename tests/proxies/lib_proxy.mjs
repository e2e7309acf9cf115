// For the tests of a proxy in front: the proxy's own program with the configuration that the README shows, certificates, and
// clients that read through it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { kill_all, launch, patience, start, stop } from '../browser/lib_browser.mjs';

const sources = 20; // more than the six connections of HTTP/1.1 that a browser opens to one host
const read_timeout = 3; // seconds, of the proxy; the keep-alive of `cast` is 1 s, and exact to a second
const reloads = 3;

/** The program's path and its environment; without it, the test is skipped. */
function find_program(name) {
  const unpacked = `${process.env.SSE_PROXIES_DIR ?? ''}/usr`;
  for (const directory of [...process.env.PATH.split(':'), '/usr/sbin', `${unpacked}/bin`, `${unpacked}/sbin`])
    try {
      accessSync(`${directory}/${name}`, constants.X_OK);
      if (!directory.startsWith(unpacked)) return { path: `${directory}/${name}`, env: process.env };
      const libraries = readdirSync(`${unpacked}/lib`).filter((entry) => entry.includes('-linux-'));
      return { path: `${directory}/${name}`, env: { ...process.env, LD_LIBRARY_PATH: libraries.map((entry) => `${unpacked}/lib/${entry}`).join(':') } };
    } catch {
      continue;
    }
  console.log(`skipped: no ${name}`);
  process.exit(77);
}

/** Asks again and again, till it holds. */
async function until(what, holds) {
  for (const end = Date.now() + patience.timeout; !(await holds()); ) {
    if (Date.now() > end) assert.fail(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function free_port() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

function make_certificate(directory) {
  const [certificate, key, both] = ['crt', 'key', 'pem'].map((end) => `${directory}/localhost.${end}`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
  return { certificate, key, both };
}

/** The service: numbers in, events out. `open`: the connections that it has; `added`: that it ever had. */
async function start_cast(listen, keep_alive) {
  const { child, line } = await start('cast', ['--listen', listen, '--history', '1000000', '--retry', '50', '--verbose',
    '--max-queue-size', '100000', '--keep-alive', String(keep_alive)], 'stderr');
  const cast = { child, address: line.match(/^cast: http:\/\/(.*)\/events$/)[1], open: 0, added: 0 };
  createInterface({ input: child.stderr }).on('line', (text) => {
    if (/ added$/.test(text)) cast.open += 1, cast.added += 1;
    if (/ removed: /.test(text)) cast.open -= 1;
  });
  cast.has_open = (count) => until(`the service has ${count} connections`, () => cast.open === count);
  return cast;
}

/** curl, which reads the stream over one version of HTTP; with `follow` it comes back after each cut, as a browser does. */
class Curl {
  lines = [];
  comments = 0;
  connections = 0;
  told = [];
  #changed = new EventEmitter();
  #last_id = null;
  #child = null;
  #stopped = false;

  constructor(url, certificate, version, { follow = false, more = [] } = {}) {
    this.arguments = ['-sSN', '-i', `--http${version}`, '--cacert', certificate, ...more, url];
    this.expected_head = `HTTP/${version} 200`;
    this.ended = this.#run(follow);
    this.ended.catch(() => {});
  }

  async #run(follow) {
    do {
      const id = this.#last_id === null ? [] : ['-H', `Last-Event-ID: ${this.#last_id}`];
      this.#child = spawn('curl', [...id, ...this.arguments], { stdio: ['ignore', 'pipe', 'pipe'] });
      let rest = '', head = '', errors = '';
      this.#child.stderr.on('data', (bytes) => (errors += bytes));
      this.#child.stdout.setEncoding('utf8').on('data', (text) => {
        rest += text;
        if (head === '') {
          const end = rest.indexOf('\r\n\r\n');
          if (end < 0) return;
          head = rest.slice(0, end);
          rest = rest.slice(end + 4);
        }
        const frames = rest.split('\n\n');
        rest = frames.pop(); // a frame that is cut is none
        for (const frame of frames) this.#take(frame);
        this.#changed.emit('changed');
      });
      const [status] = await once(this.#child, 'close');
      if (head !== '') assert.equal(head.split('\r\n')[0].slice(0, this.expected_head.length), this.expected_head, head);
      else if (!this.#stopped && !follow) assert.fail(`curl: status ${status}, ${errors}`);
    } while (follow && !this.#stopped);
  }

  #take(frame) {
    const line = (name) => frame.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
    if (frame.startsWith(':')) this.comments += 1;
    this.#last_id = line('id') ?? this.#last_id;
    const event = line('data') && JSON.parse(line('data'));
    if (event?.type === 'line') this.lines.push(event.data);
    else if (event) this.told.push(event.type);
    if (event?.type === 'connection') this.connections += 1;
  }

  /** Until `holds()`, asked whenever something has come. */
  async has(what, holds) {
    const gone = this.ended.then(() => assert.fail(`the stream has ended before ${what}`));
    gone.catch(() => {});
    const signal = AbortSignal.timeout(patience.timeout);
    while (!holds())
      await Promise.race([gone, once(this.#changed, 'changed', { signal }).catch(() => assert.fail(`${what} has not come: ${this.lines.length} lines, ${this.told}`))]);
  }

  connected(count = 1) {
    return this.has(`connection ${count}`, () => this.connections >= count);
  }
  has_line(number) {
    return this.has(`line ${number}`, () => this.lines.at(-1) >= number);
  }
  async stop() {
    this.#stopped = true;
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** A page with EventSources, as anyone writes them; `protocols`: what they are carried over. */
async function open_page(browser, url, count) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const protocols = new Set();
  const inspector = await page.context().newCDPSession(page);
  await inspector.send('Network.enable');
  inspector.on('Network.responseReceived', ({ type, response }) => {
    if (type === 'EventSource') protocols.add(response.protocol);
  });
  await page.goto(new URL('/', url).href);
  await page.evaluate(({ url, count }) => {
    window.all = Array.from({ length: count }, () => {
      const one = { lines: [], told: [], source: new EventSource(url) };
      one.source.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === 'line') one.lines.push(event.data);
        else one.told.push(event.type);
      };
      return one;
    });
  }, { url, count });
  const wait = (what, holds, argument) =>
    page.waitForFunction(holds, argument, patience).catch(async (error) => assert.fail(`${what}: ${error.message}; ${await page.evaluate(() =>
      JSON.stringify(window.all.map(({ lines, told, source }) => ({ lines: lines.length, told, state: source.readyState }))))}`));
  return {
    page,
    protocols,
    connected: (times = 1) => wait(`connection ${times}`, (n) => window.all.every(({ told }) => told.length >= n), times),
    has_line: (number) => wait(`line ${number}`, (n) => window.all.every(({ lines }) => lines.at(-1) >= n), number),
    state: () => page.evaluate(() => window.all.map(({ lines, told, source }) => ({ lines, told, state: source.readyState }))),
  };
}

/** Writes numbers, one a line, all the time. */
function load(input, first) {
  let next = first;
  const timer = setInterval(() => {
    if (!input.writableNeedDrain) input.write(Array.from({ length: 10 }, () => `${next++}\n`).join(''));
  }, 5);
  return { last: () => next - 1, stop: () => (clearInterval(timer), next - 1) };
}

function expect_each_once(who, lines, first, last) {
  const wrong = lines.findIndex((line, i) => line !== first + i);
  assert.equal(wrong, -1, `${who}: after ${lines[wrong - 1]} came ${lines[wrong]}`);
  assert.equal(lines.length, last - first + 1, who);
}

/** What the README shows, with the names that are the reader's own replaced by the test's. */
export function fill(text, replacements) {
  for (const [from, to] of replacements) {
    assert.ok(text.includes(from), `the configuration has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/**
 * proxy.program, proxy.configuration: the file's name here; proxy.replacements(place): what to fill in; proxy.arguments(place);
 * proxy.reload(place, child, run): run is (arguments) => a command of the program, awaited; proxy.cuts: whether a reload cuts the streams;
 * proxy.times_out: whether the proxy has a time-out of its own for a silent stream.
 */
export async function test_proxy(proxy) {
  const began = Date.now();
  const program = find_program(proxy.program);
  const directory = mkdtempSync(`${tmpdir()}/sse_proxy.`);
  const port = await free_port();
  const url = `https://localhost:${port}/events`;
  let browser, child, passed = false;
  try {
    const tls = make_certificate(directory);
    let cast = await start_cast('127.0.0.1:0', 1);
    const place = { directory, port, ...tls, upstream: cast.address, read_timeout, configuration: `${directory}/${proxy.configuration}` };
    const text = readFileSync(new URL(proxy.configuration, import.meta.url), 'utf8');
    writeFileSync(place.configuration, fill(text, proxy.replacements(place)));
    const log = openSync(`${directory}/log`, 'w');
    const run_program = (args) => spawn(program.path, args, { env: { ...program.env, HOME: directory }, stdio: ['ignore', log, log], detached: true });
    child = run_program(proxy.arguments(place)); // a group of its own, so that its workers end with it
    const run = async (args) => {
      const [status] = await once(run_program(args), 'exit');
      assert.equal(status, 0, `${proxy.program} ${args.join(' ')}`);
    };
    await until(`${proxy.program} listens`, () => (assert.equal(child.exitCode, null, `${proxy.program} has ended`), answers(port)));
    browser = await launch();

    // Event by event: the next is written only when this one is everywhere.
    const old = new Curl(url, tls.certificate, '1.1');
    const curl = new Curl(url, tls.certificate, '2');
    const many = await open_page(browser, url, sources);
    await Promise.all([old.connected(), curl.connected(), many.connected()]);
    assert.deepEqual([...many.protocols], ['h2']);
    const rounds = 30, ping = Date.now();
    for (let n = 1; n <= rounds; ++n) {
      cast.child.stdin.write(`${n}\n`);
      await Promise.all([old.has_line(n), curl.has_line(n), many.has_line(n)]);
    }
    const round = (Date.now() - ping) / rounds;

    // Silence: comments come through, and are what keeps the streams.
    const silence = Date.now();
    const comments = [old, curl].map((client) => client.comments);
    await Promise.all([old, curl].map((client, i) => client.has('comments', () => client.comments >= comments[i] + 4)));
    assert.ok(Date.now() - silence > 1000 * read_timeout, 'longer than the time-out');
    await many.has_line(rounds);
    assert.equal(cast.added, 2 + sources, 'nobody had to come back');

    // A client that goes leaves no connection to the service behind.
    await old.stop();
    await cast.has_open(1 + sources);
    await curl.stop();
    await cast.has_open(sources);
    await many.page.evaluate(() => window.all[0].source.close());
    await cast.has_open(sources - 1);
    await many.page.close();
    await cast.has_open(0);
    console.log(`${proxy.program}: a round takes ${round.toFixed(1)} ms; ${Date.now() - began} ms so far`);

    // Reloads while events run.
    const one = await open_page(browser, url, 1);
    const followers = ['1.1', '2'].map((version) => new Curl(url, tls.certificate, version, { follow: true }));
    const clients = [one, ...followers];
    await Promise.all(clients.map((client) => client.connected()));
    const first = rounds + 1, numbers = load(cast.child.stdin, first);
    for (let n = 1; n <= reloads; ++n) {
      const reached = numbers.last() + 200;
      await Promise.all(clients.map((client) => client.has_line(reached)));
      await proxy.reload(place, child, run);
      if (proxy.cuts) await Promise.all(clients.map((client) => client.connected(n + 1)));
    }
    const reached = numbers.last() + 200;
    await Promise.all(clients.map((client) => client.has_line(reached)));
    const last = numbers.stop();
    await Promise.all(clients.map((client) => client.has_line(last)));
    const [seen] = await one.state();
    expect_each_once('Chromium', seen.lines, first, last);
    for (const follower of followers) expect_each_once(follower.expected_head, follower.lines, first, last);
    for (const { told } of [seen, ...followers]) assert.deepEqual([...new Set(told)], ['connection'], 'nothing is told as lost');
    assert.deepEqual([...one.protocols], ['h2']);
    console.log(`${proxy.program}: ${last - first + 1} events through ${reloads} reloads, connections: ${[seen, ...followers].map(({ told }) => told.length)}; ${Date.now() - began} ms so far`);
    await Promise.all(followers.map((follower) => follower.stop()));
    await one.page.close();

    // The same silence without comments is what the proxy does not bear.
    if (proxy.times_out) {
      await stop(cast.child, 'SIGKILL');
      cast = await start_cast(cast.address, 3600);
      const silent = ['1.1', '2'].map((version) => new Curl(url, tls.certificate, version));
      await Promise.all(silent.map((client) => client.connected()));
      await Promise.all(silent.map((client) => client.ended));
      await cast.has_open(0);
    }
    console.log(`ok: ${proxy.program}, ${Date.now() - began} ms`);
    passed = true;
    closeSync(log);
  } finally {
    if (!passed) try { console.error(readFileSync(`${directory}/log`, 'utf8').split('\n').slice(-40).join('\n')); } catch {}
    await browser?.close();
    if (child?.pid) try { process.kill(-child.pid, 'SIGKILL'); } catch {}
    kill_all();
    rmSync(directory, { recursive: true, force: true });
  }
}
