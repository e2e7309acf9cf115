// The README's C++ is compiled, all of it, and run. A block is a program where it has a main, else functions where it begins
// with one, else statements of a coroutine; `<!-- code: … -->` before it declares what it uses, and `<!-- code, not run: … -->`
// has it compiled alone.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const top = new URL('../..', import.meta.url).pathname;
const flags = ['-std=c++20', '-O0', '-Wall', '-Wextra', `-I${join(top, 'include')}`, '-pthread', '-Wno-unused-function', '-Wno-unused-variable',
  '-Wno-unused-but-set-variable', '-Wno-mismatched-new-delete', '-Wno-shadow', '-Werror'];
const readme = readFileSync(join(top, 'README.md'), 'utf8');

const blocks = [...readme.matchAll(/(?:<!-- code(, not run)?: ([^]*?) -->\n+)?```cpp\n([^]*?)```\n/g)].map((match) => {
  const at = match.index + match[0].lastIndexOf('```cpp\n') + '```cpp\n'.length;
  return { line: readme.slice(0, at).split('\n').length, runs: !match[1], prelude: match[2] ?? '', code: match[3] };
});
assert.ok(blocks.length > 10, `README.md has only ${blocks.length} blocks of C++`);

let includes = '', functions = '', coroutines = '', calls = '', program = null;
const located = ({ line, code }) => `#line ${line} "README.md"\n${code}`;
for (const block of blocks) {
  if (block.code.includes('int main(')) {
    assert.equal(program, null, 'there are two programs');
    program = located(block);
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
let running;
try {
  execFileSync(compile('blocks', source, ['-lssl', '-lcrypto']), { stdio: ['ignore', 'ignore', 'inherit'] });

  // The first program: it is the one that a newcomer tries.
  running = spawn(compile('program', program.replace('8080}', '0}').replace('asio::co_spawn', `{
    std::FILE* const port = std::fopen("${join(directory, 'port')}", "w");
    std::fprintf(port, "%d", acceptor.local_endpoint().port());
    std::fclose(port);
    std::puts("listening");
    std::fflush(stdout);
  }
  asio::co_spawn`)), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(running.stdout, 'data');
  const [response] = await once(http.get(`http://127.0.0.1:${readFileSync(join(directory, 'port'), 'utf8')}/events`), 'response');
  let text = '';
  for await (const bytes of response) {
    text += bytes;
    if (text.includes('"type":"request_complete","data":{"duration_ms":12.5,"status":200}')) break;
  }
  assert.ok(text.includes('"type":"request_complete"'), text);
  console.log(`ok: ${blocks.length} blocks`);
} finally {
  running?.kill('SIGKILL');
  rmSync(directory, { recursive: true });
}
