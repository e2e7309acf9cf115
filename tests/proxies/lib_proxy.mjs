// For the tests of a proxy in front: the proxy's own program with the configuration in examples/proxies, certificates, and
// clients that read through it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { kill_all, launch, patience, start, stop, until } from '../browser/lib_browser.mjs';

const sources = 20; // more than the six connections of HTTP/1.1 that a browser opens to one host
const read_timeout = 3; // seconds, of the proxy; the keep-alive of `cast` is 1 s, and exact to a second
const reloads = 2;
const retry = 50; // milliseconds, after which a client comes back

/** The program's path and its environment, installed or unpacked by tests/setup.sh; without it, the test is skipped. */
function find_program(name) {
  const find = (directories) =>
    directories.map((directory) => `${directory}/${name}`).find((path) => {
      try {
        return accessSync(path, constants.X_OK), true;
      } catch {
        return false;
      }
    });
  const installed = find([...process.env.PATH.split(':'), '/usr/sbin']);
  if (installed) return { path: installed, env: process.env };
  const usr = `${process.env.SSE_UNPACKED_DIR ?? '/nonexistent'}/usr`, unpacked = find([`${usr}/bin`, `${usr}/sbin`]);
  if (unpacked) {
    const libraries = readdirSync(`${usr}/lib`).filter((entry) => entry.includes('-linux-'));
    return { path: unpacked, env: { ...process.env, LD_LIBRARY_PATH: libraries.map((entry) => `${usr}/lib/${entry}`).join(':') } };
  }
  console.log(`skipped: no ${name}`);
  process.exit(77);
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
  const { child, line } = await start('cast', ['--listen', listen, '--history', '1000000', '--retry', String(retry), '--verbose',
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
  head = '';
  connections = 0;
  told = [];
  #changed = new EventEmitter();
  #last_id = null;
  #child = null;
  #stopped = false;

  constructor(url, certificate, version, { follow = false, compressed = false } = {}) {
    this.arguments = ['-sSN', '-i', `--http${version}`, '--cacert', certificate, ...(compressed ? ['--compressed'] : []), url];
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
          this.head = head.toLowerCase();
        }
        const frames = rest.split('\n\n');
        rest = frames.pop(); // a frame that is cut is none
        for (const frame of frames) this.#take(frame);
        this.#changed.emit('changed');
      });
      const [status] = await once(this.#child, 'close');
      if (head !== '') assert.equal(head.split('\r\n')[0].slice(0, this.expected_head.length), this.expected_head, head);
      else if (!this.#stopped && !follow) assert.fail(`curl: status ${status}, ${errors}`);
      if (follow) await new Promise((resolve) => setTimeout(resolve, retry));
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
    const in_vain = () => assert.fail(`${what} has not come: ${this.lines.length} lines, ${this.told}`);
    while (!holds()) await Promise.race([gone, once(this.#changed, 'changed', { signal }).catch(in_vain)]);
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

/** A page with EventSources, as anyone writes them; `protocols`: what they were carried over. */
async function open_page(browser, url, count) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const protocols = new Set(), requests = { count: 0 };
  const inspector = await page.context().newCDPSession(page);
  await inspector.send('Network.enable');
  inspector.on('Network.requestWillBeSent', ({ type }) => (requests.count += type === 'EventSource' ? 1 : 0));
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
    asked_again: (times) => {
      const before = requests.count;
      return until(`the page asks ${times} times`, () => requests.count >= before + times);
    },
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

/** The configuration in examples/proxies, with the reader's own names replaced by the test's. */
function fill(text, replacements) {
  for (const [from, to] of replacements) {
    assert.ok(text.includes(from), `the configuration has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/**
 * proxy.program, proxy.configuration (the file's name in examples/proxies), proxy.replacements(place): [what the file says, what the test needs]…;
 * proxy.arguments(place); proxy.reload(place, child, run), where run(arguments) is one more run of the program, to its end;
 * proxy.reload_cuts: whether a reload cuts the streams; proxy.times_out: whether a silent stream is cut; proxy.compresses;
 * proxy.waits: whether a request waits while the service restarts; otherwise it is answered, and the page asks again.
 */
export async function test_proxy(proxy) {
  const began = Date.now();
  const done = (what) => console.log(`${String(Date.now() - began).padStart(6)} ms: ${what}`);
  const program = find_program(proxy.program);
  const directory = mkdtempSync(`${tmpdir()}/sse_proxy.`);
  const log = openSync(`${directory}/log`, 'a');
  const groups = []; // so that a proxy's workers end with it
  let browser, passed = false;
  try {
    const port = await free_port(), url = `https://localhost:${port}/events`;
    const tls = make_certificate(directory);
    let cast = await start_cast('127.0.0.1:0', 1);
    const place = { directory, port, ...tls, upstream: cast.address, read_timeout, configuration: `${directory}/${proxy.configuration}` };
    const text = readFileSync(new URL(`../../examples/proxies/${proxy.configuration}`, import.meta.url), 'utf8');
    writeFileSync(place.configuration, fill(text, proxy.replacements(place)));
    const run_program = (args) => {
      const child = spawn(program.path, args, { env: { ...program.env, HOME: directory }, stdio: ['ignore', log, log], detached: true });
      groups.push(child.pid);
      return child;
    };
    const run = async (args) => {
      const [status] = await once(run_program(args), 'exit');
      assert.equal(status, 0, `${proxy.program} ${args.join(' ')}`);
    };
    const start_proxy = async () => {
      const child = run_program(proxy.arguments(place));
      await until(`${proxy.program} listens`, () => (assert.equal(child.exitCode, null, `${proxy.program} has ended`), answers(port)));
      return child;
    };
    let child = await start_proxy();
    browser = await launch();
    done(`${proxy.program} and Chromium run`);

    // Event by event: the next is written only when this one is everywhere.
    const plain = new Curl(url, tls.certificate, '1.1');
    const curl = new Curl(url, tls.certificate, '2', { compressed: true });
    const many = await open_page(browser, url, sources);
    await Promise.all([plain, curl, many].map((client) => client.connected()));
    assert.deepEqual([...many.protocols], ['h2']);
    assert.equal(/^content-encoding: gzip/m.test(curl.head), proxy.compresses, curl.head);
    const rounds = 30;
    for (let n = 1; n <= rounds; ++n) {
      cast.child.stdin.write(`${n}\n`);
      await Promise.all([plain, curl, many].map((client) => client.has_line(n)));
    }
    done(`${rounds} events, one by one, to ${sources} EventSources of a page and to curl`);

    // Silence: the comments come through, and are what keeps the streams.
    const silence = Date.now();
    await Promise.all([plain, curl].map((client) => client.has('comments', () => Date.now() - silence > 1000 * read_timeout)));
    assert.ok(Math.min(plain.comments, curl.comments) >= 2);
    assert.equal(cast.added, 2 + sources, 'nobody had to come back');
    done('silence');

    // A client that goes leaves no connection to the service behind.
    await plain.stop();
    await cast.has_open(1 + sources);
    await curl.stop();
    await cast.has_open(sources);
    await many.page.evaluate(() => window.all[0].source.close());
    await cast.has_open(sources - 1);
    await many.page.close();
    await cast.has_open(0);
    done('who goes is gone');

    // The proxy reloads, and restarts, while events run.
    const page = await open_page(browser, url, 1);
    const followers = ['1.1', '2'].map((version) => new Curl(url, tls.certificate, version, { follow: true, compressed: version === '2' }));
    const clients = [page, ...followers];
    await Promise.all(clients.map((client) => client.connected()));
    const first = rounds + 1, numbers = load(cast.child.stdin, first);
    const everyone_reads_on = () => {
      const reached = numbers.last() + 200;
      return Promise.all(clients.map((client) => client.has_line(reached)));
    };
    let connections = 1;
    for (let n = 1; n <= reloads; ++n) {
      await everyone_reads_on();
      await proxy.reload(place, child, run);
      if (proxy.reload_cuts) connections += 1;
      await Promise.all(clients.map((client) => client.connected(connections)));
    }
    await everyone_reads_on();
    await stop(child, 'SIGTERM');
    child = await start_proxy();
    await Promise.all(clients.map((client) => client.connected(connections + 1)));
    await everyone_reads_on();
    const last = numbers.stop();
    await Promise.all(clients.map((client) => client.has_line(last)));
    const [seen] = await page.state();
    expect_each_once('Chromium', seen.lines, first, last);
    for (const follower of followers) expect_each_once(follower.expected_head, follower.lines, first, last);
    for (const { told } of [seen, ...followers]) assert.deepEqual([...new Set(told)], ['connection'], 'nothing is told as lost');
    await Promise.all(followers.map((follower) => follower.stop()));
    done(`${last - first + 1} events, each once and in order, through ${reloads} reloads and a restart`);

    // The service restarts: the page asks while nobody is there, and comes back all the same. Now there are no comments.
    await stop(cast.child, 'SIGKILL');
    await page.asked_again(proxy.waits ? 1 : 2);
    cast = await start_cast(cast.address, 3600);
    cast.child.stdin.write(`${last + 1}\n`);
    await page.has_line(last + 1);
    const news = (await page.state())[0];
    assert.deepEqual(news.told.slice(seen.told.length), ['connection', 'overflow'], 'the restart is told');
    assert.deepEqual(news.lines.slice(seen.lines.length), [last + 1]);
    assert.deepEqual([...page.protocols], ['h2']);
    done('the service has restarted');

    if (proxy.times_out) {
      const silent = ['1.1', '2'].map((version) => new Curl(url, tls.certificate, version));
      await Promise.all(silent.map((client) => client.connected()));
      await Promise.all(silent.map((client) => client.ended));
      done('silence without comments is cut');
    }
    passed = true;
  } finally {
    if (!passed) console.error(readFileSync(`${directory}/log`, 'utf8').split('\n').slice(-40).join('\n'));
    await browser?.close();
    for (const group of groups)
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        continue; // it has ended
      }
    kill_all();
    closeSync(log);
    rmSync(directory, { recursive: true, force: true });
  }
}
