// The README's C++ is compiled, all of it, and run. A block is a program where it has a main (the first is the one that a
// newcomer tries, the second is for operating), else functions where it begins with one, else statements of a coroutine;
// `<!-- code: … -->` before it declares what it uses, and `<!-- code, not run: … -->` has it compiled alone.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const top = new URL('../..', import.meta.url).pathname;
const flags = ['-std=c++20', '-O0', '-Wall', '-Wextra', `-I${join(top, 'include')}`, '-pthread', '-Wno-unused-function', '-Wno-unused-variable',
  '-Wno-unused-but-set-variable', '-Wno-mismatched-new-delete', '-Wno-shadow', '-Werror'];
const readme = readFileSync(join(top, 'README.md'), 'utf8');

const blocks = [...readme.matchAll(/(?:<!-- code(, not run)?: ([^]*?) -->\n+)?```cpp\n([^]*?)```\n/g)].map((match) => {
  const at = match.index + match[0].lastIndexOf('```cpp\n') + '```cpp\n'.length;
  return { line: readme.slice(0, at).split('\n').length, runs: !match[1], prelude: match[2] ?? '', code: match[3] };
});
assert.ok(blocks.length > 10, `README.md has only ${blocks.length} blocks of C++`);

let includes = '', functions = '', coroutines = '', calls = '';
const programs = [];
const located = ({ line, code }) => `#line ${line} "README.md"\n${code}`;
for (const block of blocks) {
  if (block.code.includes('int main(')) {
    programs.push(located(block));
    continue;
  }
  includes += block.code.match(/^#include .*\n/gm)?.join('') ?? '';
  block.code = block.code.replace(/^#include .*$/gm, '');
  if (/^asio::awaitable</.test(block.code)) {
    functions += `${block.prelude}\n${located(block)}`;
    continue;
  }
  const name = `block_${block.line}`;
  coroutines += `asio::awaitable<void> ${name}() {\n${block.prelude}\n{\n${located(block)}}\nco_return;\n}\n`;
  if (block.runs) calls += `run("README.md:${block.line}", ${name}());\n`;
}

const source = `${includes}#include <sse/client.hpp>
#include <sse/http.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>
#include <asio/ssl.hpp>
#include <sys/eventfd.h>
#include <cassert>
#include <iostream>
namespace {
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
${functions}
${coroutines}
}
int main() {
${calls}
return failures;
}
`;

const directory = mkdtempSync(join(tmpdir(), 'readme-'));
const compile = (name, text, libraries = []) => {
  const path = join(directory, name);
  writeFileSync(`${path}.cpp`, text);
  execFileSync(process.env.CXX ?? 'g++', [...flags, '-o', path, `${path}.cpp`, ...libraries], { stdio: 'inherit' });
  return path;
};
/** Starts it on a free port, which it says first. */
async function start(program, name) {
  const telling = program.replace('8080}', '0}').replace('asio::co_spawn', `std::printf("%d\\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn`);
  const child = spawn(compile(name, telling), { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, get: async (path) => (await once(http.get(`http://127.0.0.1:${line}${path}`), 'response'))[0] };
}
async function read_till(response, wanted) {
  let text = '';
  for await (const bytes of response) {
    text += bytes;
    if (text.includes(wanted)) return text;
  }
  assert.fail(`no ${wanted} in ${text}`);
}

const children = [];
try {
  execFileSync(compile('blocks', source, ['-lssl', '-lcrypto']), { stdio: ['ignore', 'ignore', 'inherit'] });

  assert.equal(programs.length, 2);
  const first = await start(programs[0], 'first');
  await read_till(await first.get('/events'), '"type":"request_complete","data":{"duration_ms":12.5,"status":200}');

  const operated = await start(programs[1], 'operated');
  const nobody = await operated.get('/events');
  assert.equal(nobody.statusCode, 401);
  nobody.resume();
  const stream = await operated.get('/events?user=ann');
  await read_till(await operated.get('/metrics'), 'sse_connections 1\n');
  const exit = once(operated.child, 'exit');
  operated.child.kill('SIGTERM');
  const text = await read_till(stream, '"type":"disconnect"');
  assert.ok(text.includes('"type":"connection"') && text.includes('retry: '), text);
  assert.deepEqual(await exit, [0, null]);
  console.log(`ok: ${blocks.length} blocks`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
}
