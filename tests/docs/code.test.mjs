// The C++ of every page is compiled and run, all of it in one translation unit, under AddressSanitizer.
//
// A page with a main.cpp beside it shows regions of that program: each of its blocks stands in main.cpp as it is. The
// programs run here as a user runs them, and with the requests of somebody who means harm. Any other block is compiled:
// as a program where it has a main, as functions where it begins with one, else as statements of a coroutine.
// `<!-- code: … -->` before a block says that it is no region, and declares what it uses; `<!-- code, not run: … -->` has
// it compiled alone; `<!-- prints -->` before a block of text says that main.cpp prints that, where `…` is anything.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const top = new URL('../..', import.meta.url).pathname;
const read_file = (path) => readFileSync(join(top, path), 'utf8');
const chapters = readdirSync(join(top, 'examples')).filter((name) => existsSync(join(top, 'examples', name, 'README.md')));
const pages = ['README.md', 'examples/README.md', ...chapters.map((name) => `examples/${name}/README.md`), 'tests/README.md',
  'include/sse/COMPATIBILITY.md', 'include/sse/CHANGELOG.md', 'include/sse/browser/README.md'];
const line_of = (text, index) => text.slice(0, index).split('\n').length;
/** As GitHub makes them of headings. */
const anchors_of = (text) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
const squeezed = (text) => text.split('\n').map((line) => line.trim().replace(/ +/g, ' ')).filter((line) => line !== '').join('\n');

let includes = '', bodies = '', calls = '';
let blocks = 0;
const programs = new Map(); // the name of each and how its main is called

// The first program has its port in it: it takes a free one instead, and says which.
const free_port = [/8080\}[^]*?(?=\n *asio::co_spawn)/, (text) => `${text.replace('8080}', '0}')}
  std::cout << "http://" << acceptor.local_endpoint() << std::endl;`];

/** A program in a namespace of its own: its main is a function that the harness calls, and returns a value. */
function add_program(name, path, line, text) {
  includes += text.match(/^#include <[^]*?>.*\n/gm)?.join('') ?? '';
  const code = text.replace(/^#include .*$/gm, '').replace(/\bint main\(/, 'int run_main(').replace(...free_port).replace(/\}\n*$/, 'return 0;\n}\n');
  bodies += `namespace ${name} {\n#line ${line} "${path}"\n${code}\n}\n`;
  programs.set(name, { code, call: `${name}::run_main(${/\bint run_main\(\)/.test(code) ? '' : 'argc, argv'})` });
}

function add_block(page, text, match) {
  const [, mark, not_run, prelude = '', code] = match;
  const line = line_of(text, match.index + match[0].indexOf('```cpp\n')) + 1;
  const where = `${page}:${line}`;
  const program = page.replace(/README\.md$/, 'main.cpp');
  ++blocks;
  if (!mark && existsSync(join(top, program))) {
    assert.ok(squeezed(read_file(program)).includes(squeezed(code)), `${where}: this is not what ${program} has`);
    return;
  }
  if (code.includes('int main(')) {
    add_program(`program_${programs.size}`, page, line, code);
    return;
  }
  includes += code.match(/^#include .*\n/gm)?.join('') ?? '';
  const rest = `#line ${line} "${page}"\n${code.replace(/^#include .*$/gm, '')}`;
  const name = `block_${page.replace(/\W/g, '_')}_${line}`;
  if (/^asio::awaitable<|^(struct|class|void|std::string|sse::EventStream) /.test(code)) {
    bodies += `namespace ${name} {\n${prelude}\n${rest}}\n`;
    return;
  }
  bodies += `asio::awaitable<void> ${name}() {\n${prelude}\n{\n${rest}}\nco_return;\n}\n`;
  if (!not_run) calls += `run("${where}", ${name}());\n`;
}

for (const chapter of chapters) {
  const program = `examples/${chapter}/main.cpp`;
  assert.ok(existsSync(join(top, program)), `examples/${chapter}/README.md has no program beside it`);
  add_program(chapter, program, 1, read_file(program));
}
for (const page of pages) {
  const text = read_file(page);
  for (const match of text.matchAll(/(?:(<!-- code(, not run)?(?:: ([^]*?))? -->)\n+)?```cpp\n([^]*?)```\n/g)) add_block(page, text, match);
  for (const [, file] of text.matchAll(/<!-- file: (\S+) -->/g)) {
    const shown = text.match(new RegExp(`<!-- file: ${file.replaceAll('.', '\\.')} -->\\n+\`\`\`\\w+\\n([^]*?)\`\`\`\\n`));
    const path = join(page, '..', file);
    assert.equal(shown?.[1], read_file(path), `${page} does not show ${path} as it is`);
  }
  for (const [, file = '', anchor] of text.replace(/```[^]*?```/g, '').matchAll(/\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)/g)) {
    const target = file === '' ? page : join(page, '..', file);
    assert.ok(existsSync(join(top, target)), `${page}: there is no ${target}`);
    if (anchor) assert.ok(anchors_of(read_file(target)).includes(anchor), `${page}: ${target} has no #${anchor}`);
  }
}
assert.ok(blocks > 30, `the pages have only ${blocks} blocks of C++`);

const source = `${includes}#include <sse/client.hpp>
#include <sse/http.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>
#include <asio/ssl.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cassert>
#include <iostream>
int failures = 0;
void run(const char* where, asio::awaitable<void> work) {
  asio::io_context io;
  bool done = false;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
    done = true;
  });
  io.run_for(std::chrono::seconds(20));
  if (!done) std::cerr << where << " has not ended\\n", ++failures;
}
${bodies}
int main(int argc, char** argv) {
  const std::string name = argv[1];
  ++argv, --argc;
${[...programs].map(([name, { call }]) => `  if (name == "${name}") return ${call};`).join('\n')}
  if (name != "blocks") return 2;
${calls}
  return failures;
}
`;

const directory = mkdtempSync(join(tmpdir(), 'pages-'));
const binary = join(directory, 'pages');
const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1' };
function compile() {
  const flags = ['-std=c++20', '-O0', '-Wall', '-Wextra', '-Wconversion', '-Wno-unused-function', '-Wno-unused-variable',
    '-Wno-unused-but-set-variable', '-Wno-subobject-linkage', '-Wno-mismatched-new-delete', '-Wno-maybe-uninitialized', '-Werror', '-pthread', `-I${join(top, 'include')}`,
    '-fsanitize=address'];
  writeFileSync(`${binary}.cpp`, source);
  const compiler = process.env.CXX ?? 'g++';
  const [program, ...first] = spawnSync('ccache', ['--version']).status === 0 ? ['ccache', compiler] : [compiler];
  const options = { stdio: 'inherit', cwd: directory }; // relative names: ccache finds it again
  execFileSync(program, [...first, ...flags, '-c', '-o', 'pages.o', 'pages.cpp'], options);
  execFileSync(compiler, ['-fsanitize=address', '-pthread', '-o', 'pages', 'pages.o', '-lssl', '-lcrypto', '-lsqlite3', '-lz', '-lnghttp2'], options);
}

const children = [];
/** Starts a program of the pages; each line of its standard output is in `lines`, its standard error in `log()`. */
function start(name, args = [], extra = {}) {
  const child = spawn(binary, [name, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, ...extra } });
  children.push(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const exit = once(child, 'close');
  return { child, exit, log: () => log, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}
const next_line = async (program) => {
  const { value, done } = await program.lines.next();
  assert.ok(!done, `it has ended: ${program.log()}`);
  return value;
};
/** A service on a free port: its address is its first line. */
async function start_service(name, ports = 1) {
  const program = start(name, Array(ports).fill('0'));
  const addresses = [];
  while (addresses.length < ports) addresses.push(await next_line(program));
  const of = (path, address) => new URL(path, address ?? addresses[0]);
  const get = async (path, headers = {}, address = undefined) => {
    try {
      return (await once(http.get(of(path, address), { headers, agent: false }), 'response'))[0];
    } catch (error) {
      throw new Error(`GET ${path}: ${error.message}; ${program.log()}`);
    }
  };
  const stop = async () => {
    program.child.kill('SIGTERM');
    assert.deepEqual(await program.exit, [0, null], program.log());
    return program.log();
  };
  return { ...program, of, addresses, port: Number(of('/').port), get, stop };
}
async function read_till(response, wanted) {
  let text = '';
  for await (const bytes of response) {
    text += bytes;
    if (typeof wanted === 'string' ? text.includes(wanted) : wanted(text)) return text;
  }
  assert.fail(`no ${wanted} in ${text}`);
}
async function status_of(response) {
  response.resume();
  await once(response, 'close');
  return response.statusCode;
}
/** Sends these bytes and returns what comes until the service hangs up. */
async function exchange(port, bytes) {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => (answer += text)).on('error', () => {});
  socket.end(bytes, 'latin1');
  await new Promise((resolve) => socket.on('close', resolve)); // also by a reset
  return answer;
}
/** Heads that somebody sends who means harm: each gets an answer or the end, and the service goes on. */
async function attack(service, path) {
  const long = 'x'.repeat(100_000);
  const line = `GET ${path} HTTP/1.1\r\nHost: x\r\n`;
  const heads = [`${line}\r\n`, `GET ${path}?user=%0d%0aforged%1b%5b2J%00%ff HTTP/1.1\r\nHost: x\r\n\r\n`, `GET ${path}?${long} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `${line}Cookie: session\r\n\r\n`, `${line}Cookie: ; ;=;session=\r\n\r\n`, `${line}Authorization: \r\n\r\n`, `${line}Authorization: Bearer\r\n\r\n`,
    `${line}X-Real-IP: \r\n\r\n`, `${line}X-Real-IP: a\x1b[2J\r\n\r\n`, `${line}Last-Event-ID: ${'9'.repeat(300)}\r\n\r\n`, `${line}Host: y\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, `${line}X: ${long}\r\n\r\n`, `\x16\x03\x01\x00\r\n\r\n`,
    `GET http://x${path} HTTP/1.1\r\nHost: y\r\n\r\n`, `GET ${path}\r\n\r\n`, `${path}\r\n\r\n`, `HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`];
  await Promise.all(heads.map((head) => exchange(service.port, head)));
  assert.equal(service.child.exitCode, null, `${path}: ${service.log()}`);
}
/** A log that an attacker has written into has the service's own lines alone, and nothing that a terminal obeys. */
function expect_clean_log(log, lines) {
  assert.ok(!/[\0-\x09\x0b-\x1f\x7f-\x9f]/.test(log), JSON.stringify(log));
  for (const line of log.split('\n').slice(0, -1)) assert.match(line, lines);
}

/** What a page says that its program prints. */
function expect_printed(chapter) {
  const text = read_file(`examples/${chapter}/README.md`);
  const { stdout, stderr, status } = spawnSync(binary, [chapter], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const shown = text.match(/<!-- prints -->\n+```text\n([^]*?)```\n/);
  assert.ok(shown, `examples/${chapter}/README.md does not show what its program prints`);
  const pattern = shown[1].replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*');
  assert.match(stdout, new RegExp(`^${pattern}$`), `examples/${chapter} prints:\n${stdout}`);
}

const tests = {
  async blocks() {
    execFileSync(binary, ['blocks'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  },
  async emitting() {
    expect_printed('emitting');
  },
  async reading() {
    expect_printed('reading');
  },
  async testing() {
    expect_printed('testing');
  },
  async serving() {
    const service = await start_service('serving', 2);
    const stream = await service.get('/events');
    assert.match(await read_till(stream, '"type":"progress"'), /^: keep-alive 15000\n\nretry: 3000\n/);
    const job = http.request(new URL('/jobs', service.addresses[1]), { method: 'POST', agent: false });
    job.end('{}');
    await read_till((await once(job, 'response'))[0], '"type":"progress"');
    assert.equal(await status_of(await service.get('/jobs', {}, service.addresses[1])), 404);
    await attack(service, '/events');
    await attack({ ...service, port: Number(new URL(service.addresses[1]).port) }, '/jobs');
    const last = await service.get('/events');
    await read_till(last, '"type":"connection"');
    await service.stop();
  },
  async answering() {
    const service = await start_service('answering');
    const answer_of = async (text, method = 'POST') => {
      const request = http.request(service.addresses[0], { method, agent: false });
      request.end(text);
      return (await once(request, 'response'))[0];
    };
    assert.equal(await read_till(await answer_of('one two'), '[DONE]'), 'data: {"delta":"one"}\n\ndata: {"delta":"two"}\n\ndata: [DONE]\n\n');
    assert.equal(await status_of(await answer_of('fail')), 502);
    assert.match(await read_till(await answer_of('one fail'), 'event: error'), /"The model has failed"/);
    assert.equal(await status_of(await answer_of('', 'GET')), 405);
    await attack(service, '/answers');
    await service.stop();
  },
  async answers() {
    const service = await start_service('answers');
    const answer_of = async (path, body) => {
      const request = http.request(`${service.addresses[0]}${path}`, { method: 'POST', agent: false });
      request.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify({ messages: [{ role: 'user', content: 'one two' }], stream: true, ...body }));
      return (await once(request, 'response'))[0];
    };
    assert.match(await read_till(await answer_of('/chat/completions', { model: 'steady' }), '[DONE]'), /"content":"one"[^]*"content":" two"/);
    assert.match(await read_till(await answer_of('/messages', { model: 'failing', max_tokens: 9 }), 'event: error'), /" two"/);
    for (const body of ['', '[]', '7', Buffer.from('{"\xff', 'latin1'), '{"model":7}', '{"model":"burst","messages":[]}', '{"model":"burst","messages":{}}', '{"model":"burst","messages":[7]}',
      '{"model":"burst","stream":7,"messages":[]}', '{"model":"burst","messages":[{"content":[]}]}', '{"model":"burst","messages":[{"content":[7]}]}',
      '{"model":"burst","messages":[{"content":"x"}],"max_tokens":"x"}'])
      for (const path of ['/messages', '/chat/completions']) assert.equal(await status_of(await answer_of(path, body)), 400, body);
    const silent = await answer_of('/messages', { model: 'silent', max_tokens: 5 });
    await read_till(silent, 'event: ping');
    await attack(service, '/v1/messages');
    await service.stop();
  },
  async mcp() { // its behaviour is tested with the SDK
    const service = await start_service('mcp');
    const post = async (body) => {
      const request = http.request(service.addresses[0], { method: 'POST', agent: false });
      request.end(body);
      return (await once(request, 'response'))[0];
    };
    assert.match(await read_till(await post('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}'), 'sse-mcp'), /"2025-11-25"/);
    for (const body of ['', '[]', '7', '{"method":7}', '{"jsonrpc":"2.0","id":1,"method":"ping"}']) assert.equal(await status_of(await post(body)), 400, body);
    assert.equal(await status_of(await post('{"method":"initialize","params":7,"id":1}')), 200);
    await attack(service, '/mcp');
    await service.stop();
  },
  async services() {
    const service = await start_service('services');
    assert.equal(await status_of(await service.get('/events')), 401);
    assert.equal(await status_of(await service.get('/events', { Origin: 'https://example.com', Authorization: 'Bearer ann-secret' })), 403);
    const both = (text) => text.includes('"type":"order"') && text.includes('"type":"news"');
    const ann = await read_till(await service.get('/events?token=ann-secret'), both), orders = ann.match(/"order","data":\{"number":\d+/g);
    assert.ok(orders.every((order) => order.at(-1) % 2 === 0), ann);
    const kept = [await service.get('/events?token=ben-secret'), await service.get('/events', { Authorization: 'Bearer ben-secret' })];
    assert.equal(await status_of(await service.get('/events?token=ben-secret')), 429);
    for (const stream of kept) stream.destroy();
    await attack(service, '/events');
    await service.stop();
  },
  async client() {
    const server = await start_service('services');
    const client = start('client', [`${server.addresses[0]}?token=ann-secret`]);
    assert.match(await next_line(client), /^"message" "\{\\"type\\":\\"connection\\"/);
    client.child.kill('SIGKILL');
    const refused = start('client', [server.addresses[0]]);
    assert.deepEqual(await refused.exit, [1, null]);
    assert.match(refused.log(), /401/);
    await server.stop();

    const hostile = http.createServer((request, response) => {
      if (request.headers['last-event-id'] === '2') return response.writeHead(204).end();
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.end('retry: 10\n\nevent: a\x1b[2J\nid: 1\ndata: x\ndata: \x1b]0;forged\x07\n\nid: 2\ndata: last\n\n');
    }).listen(0, '127.0.0.1');
    await once(hostile, 'listening');
    const victim = start('client', [`http://127.0.0.1:${hostile.address().port}/`]);
    assert.equal(await next_line(victim), '"a\\u001b[2J" "x\\n\\u001b]0;forged\\u0007"');
    assert.equal(await next_line(victim), '"message" "last"');
    assert.deepEqual(await victim.exit, [0, null]);
    expect_clean_log(victim.log(), /; again in /);
    hostile.close();
  },
  async tls() {
    const [name] = [...programs].find(([, { code }]) => code.includes('follow_https')) ?? [];
    assert.ok(name, 'no page shows the client over TLS');
    const [key, certificate] = ['key', 'certificate'].map((file) => join(directory, `${file}.pem`));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    const server = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
      if (request.headers['last-event-id']) return response.writeHead(204).end();
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('retry: 10\nid: 1\ndata: secret\n\n');
    }).listen(0);
    await once(server, 'listening');
    const url = `https://localhost:${server.address().port}/`;
    const trusting = start(name, [url], { SSL_CERT_FILE: certificate });
    assert.equal(await next_line(trusting), 'secret');
    assert.deepEqual(await trusting.exit, [0, null], trusting.log());
    const doubting = start(name, [url]); // nobody whom it trusts has signed that
    assert.notDeepEqual(await doubting.exit, [0, null]);
    assert.match(doubting.log(), /certificate/);
    server.close();
  },
  async surviving() {
    const file = join(directory, 'events.db');
    const run = async (headers, wanted) => {
      const service = start('surviving', ['0', file]);
      const url = await next_line(service);
      const [response] = await once(http.get(url, { headers, agent: false }), 'response');
      const text = await read_till(response, wanted);
      service.child.kill('SIGTERM');
      assert.deepEqual(await service.exit, [0, null], service.log());
      return text;
    };
    const first = await run({}, '"type":"connection"');
    const [id] = first.match(/(?<=^id: ).*$/m);
    const second = await run({ 'Last-Event-ID': id }, (text) => text.split('"type":"started"').length > 1);
    assert.ok(!second.includes('"type":"overflow"'), second);
  },
  async operating() {
    const service = await start_service('operating');
    assert.equal(await status_of(await service.get('/events')), 401);
    const stream = await service.get('/events?user=ann');
    await read_till(await service.get('/metrics'), 'sse_connections 1\n');
    await attack(service, '/events');
    const forged = await service.get('/events?user=ann%0alost%20ben%1b%5b2J');
    await read_till(forged, '"type":"connection"');
    service.child.kill('SIGTERM');
    const text = await read_till(stream, '"type":"disconnect"');
    assert.ok(text.includes('"type":"connection"') && text.includes('retry: '), text);
    assert.deepEqual(await service.exit, [0, null], service.log());
    expect_clean_log(service.log(), /^(added|removed|refused|lost) "/);
    assert.match(service.log(), /^added "ann\\nlost ben\\u001b\[2J"$/m);
  },
  async proxies() {
    const service = await start_service('proxies');
    await read_till(await service.get('/events'), '"type":"connection"'); // no X-Real-IP
    const of = (address) => service.get('/events', { 'X-Real-IP': address });
    const streams = [];
    while (streams.length < 20) streams.push(await of('192.0.2.1'));
    assert.equal(await status_of(await of('192.0.2.1')), 429);
    await read_till(await of('192.0.2.2'), '"type":"connection"');
    for (const stream of streams) stream.destroy();
    await attack(service, '/events');
    await service.stop();
  },
  async security() {
    const service = await start_service('security');
    const ask = async (headers, path = '/events') => status_of(await service.get(path, headers));
    const good = { Cookie: 'theme=dark; session=ann-secret' };
    assert.equal(await ask({}), 401);
    assert.equal(await ask({ Cookie: 'xsession=ann-secret; session=x' }), 401);
    assert.equal(await ask({ ...good, Host: `evil.example:${service.port}` }), 403);
    assert.equal(await ask({ ...good, Origin: 'https://evil.example' }), 403);
    assert.equal(await ask({}, '/events?x=%1b%5b2J'), 401);
    await read_till(await service.get('/events', good), '"type":"connection"');
    await attack(service, '/events');
    expect_clean_log(await service.stop(), /^refused "\/events[ -~]*" from 127\.0\.0\.1$/);
  },
  async live() {
    const service = await start_service('live');
    const token = async () => {
      const request = http.request(service.of('/login'), { method: 'POST', agent: false });
      request.end();
      return JSON.parse(await read_till((await once(request, 'response'))[0], '}')).token;
    };
    assert.equal(await status_of(await service.get('/orders')), 401);
    const good = { Authorization: `Bearer ${await token()}` };
    assert.match(await read_till(await service.get('/sse.js'), 'subscribe'), /SPDX/);
    const stream = await service.get('/events', good);
    const order = http.request(service.of('/orders'), { method: 'POST', headers: good, agent: false });
    order.end('tea\u0000</script>\ud83c\udf75');
    const { id, orders } = JSON.parse(await read_till((await once(order, 'response'))[0], '}]}'));
    assert.deepEqual(orders, [{ number: 1, what: 'tea\u0000</script>\ud83c\udf75' }]);
    assert.match(await read_till(stream, '"type":"order"'), new RegExp(`^id: ${id}$`, 'm'));
    const bad = http.request(service.of('/orders'), { method: 'POST', headers: good, agent: false });
    bad.end(Buffer.from([0x22, 0xff, 0xfe])); // not UTF-8
    await status_of((await once(bad, 'response'))[0]);
    await attack(service, '/events');
    await attack(service, '/orders');
    await read_till(await service.get('/events', good), '"type":"connection"');
    await service.stop();
  },
  async program_readme() {
    const [name] = [...programs.keys()].filter((program) => program.startsWith('program_'));
    const service = await start_service(name);
    await read_till(await service.get('/events'), '"type":"request_complete","data":{"duration_ms":12.5,"status":200}');
    service.child.kill('SIGKILL');
  },
};

try {
  compile();
  for (const chapter of chapters) assert.ok(tests[chapter], `nothing here runs examples/${chapter}`);
  const results = await Promise.allSettled(Object.entries(tests).map(async ([name, test]) => {
    try {
      const limit = new Promise((_, reject) => setTimeout(reject, 60_000, new Error('it has not ended')).unref());
      await Promise.race([test(), limit]);
    } catch (error) {
      console.error(`${name}: ${error.stack}`);
      throw error;
    }
  }));
  assert.ok(results.every(({ status }) => status === 'fulfilled'), 'a page is wrong');
  console.log(`ok: ${blocks} blocks, ${programs.size} programs`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  if (!process.env.SSE_KEEP_PAGES) rmSync(directory, { recursive: true });
  else console.log(directory);
}
