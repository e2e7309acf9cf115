// Every line of shell on the pages is covered: it runs here, in a copy of the tree in which only the lines above it on its
// page were run before, or it is checked against the script that it calls and the test that runs the same program.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const top = new URL('../..', import.meta.url).pathname;
const read_file = (path) => readFileSync(join(top, path), 'utf8');
const chapters = readdirSync(join(top, 'examples')).filter((name) => existsSync(join(top, 'examples', name, 'README.md')));
const pages = ['README.md', 'examples/README.md', ...chapters.map((name) => `examples/${name}/README.md`), 'tests/README.md',
  'tests/benchmarks/README.md', 'include/sse/COMPATIBILITY.md', 'include/sse/CHANGELOG.md'];

const scratch = mkdtempSync(join(tmpdir(), 'shell-'));
const ran = new Set(); // the same line on another page finds the same tree, and is not run again
const help = new Map();

/** Of a script of this tree: it can be run, and its help names every option that the line uses. */
function check_script(words) {
  accessSync(join(top, words[0]), constants.X_OK);
  if (!help.has(words[0])) {
    const { status, stdout } = spawnSync(join(top, words[0]), ['--help'], { encoding: 'utf8' });
    help.set(words[0], status === 0 ? stdout : '');
  }
  const options = words.filter((word) => /^--?[a-zA-Z]/.test(word));
  if (options.length > 0) assert.notEqual(help.get(words[0]), '', `${words[0]} --help tells nothing`);
  for (const option of options) assert.ok(help.get(words[0]).includes(option), `${words[0]} --help does not name ${option}`);
}
/** Of a built program: a line above builds it, and a test runs it. */
function check_program(path, page) {
  const name = basename(path);
  assert.ok(page.built.has(name), `no line above builds ${name}`);
  const tested = chapters.includes(name) || readdirSync(join(top, 'tests/commands')).some((file) => file.startsWith(name));
  assert.ok(tested || read_file('tests/CMakeLists.txt').includes(name), `no test runs ${name}`);
}
// CMake's own default needs make, which the set-up does not install beside Ninja.
const generator = spawnSync('make', ['--version']).status === 0 ? {} : { CMAKE_GENERATOR: 'Ninja' };
/** Runs the line as it stands, or another one that does less for the same reason. */
function run(line, page) {
  page.script += `${line}\n`;
  if (/^export /.test(line) || ran.has(line)) return;
  ran.add(line);
  const exports = page.script.split('\n').filter((text) => /^export /.test(text)).join('\n');
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', `${exports}\n${line}`],
    { cwd: scratch, env: { ...generator, ...process.env, HOME: join(scratch, 'home') }, encoding: 'utf8' });
  assert.equal(status, 0, `${line}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
}

// The first of these that fits a command decides.
const rules = [
  [/^cmake --build --preset (\w+)( --target (.*))?$/, ([, preset, , targets = ''], page) => {
    assert.ok(JSON.parse(read_file('CMakePresets.json')).buildPresets.some(({ name }) => name === preset), `no preset ${preset}`);
    const lists = read_file('examples/CMakeLists.txt') + read_file('tests/CMakeLists.txt');
    for (const target of targets.split(' ').filter((name) => name !== '')) {
      assert.match(lists, new RegExp(`(add_executable\\(|sse_add_tests\\(|foreach\\(chapter[^)]* )${target}\\b`), `no target ${target}`);
      page.built.add(target);
    }
    // In a tree that was configured: by the script above, or by tests/run.sh
    assert.ok(page.configured, 'no line above configures the tree');
  }],
  [/^cmake --preset (\w+)$/, ([, preset], page) => {
    page.configured = read_file('CMakePresets.json').includes(`"name": "${preset}"`); // tests/run.sh configures so
  }],
  [/^cmake |^export /, ([], page, line) => run(line, page)],
  [/^c\+\+ .*\bmain\.cpp/, ([], page, line) => {
    const source = line.match(/examples\/(\w+)\/main\.cpp/);
    if (!source) {
      writeFileSync(join(scratch, 'main.cpp'), '#include <sse/sse.hpp>\nint main() {\n  sse::EventManager events;\n}\n');
      return run(`${line} -o main && ./main`, page);
    }
    // docs: code compiles it with these flags; all one by one is for the night.
    assert.match(line, /^c\+\+ -std=c\+\+20 -Iinclude -pthread examples\/\w+\/main\.cpp -o \w+( -lsqlite3)?$/);
    assert.ok(chapters.includes(source[1]), `no chapter ${source[1]}`);
    page.built.add(line.match(/-o (\w+)/)[1]);
    if (process.env.SSE_NIGHTLY || source[1] === chapters[0]) run(line.replace(/-o \w+.*$/, '-fsyntax-only'), page);
  }],
  [/^\.\/(\w+)(?![\w./])/, ([, name], page) => assert.ok(page.built.has(name), `no line above builds ${name}`)],
  [/^build\/\w+\/examples\/\w+/, ([path], page) => check_program(path, page)],
  [/^build\/\w+\/tests\/\w+/, () => {}], // built by tests/run.sh; the names of its tests and variables are below
  [/^curl /, ([], page) => assert.ok(page.built.size > 0, 'nothing above serves')], // docs: code sends it
  [/^(tail -F|jq) /, () => {}],
  [/^doxygen (\S+)$/, ([, file]) => accessSync(join(top, file))],
  [/^(node) (\S+)/, ([, , file]) => accessSync(join(top, file))],
  [/^\.\/\S+\/\S+/, ([], page, line) => {
    check_script(line.split(/\s+/));
    if (/examples\/tls\/run\.sh/.test(line)) assert.ok(page.built.has('tls'), 'no line above builds tls');
    if (/examples\/demo\.sh|tests\/run\.sh/.test(line)) page.configured = true;
  }],
  [/^vcpkg install .*--overlay-ports=third_party\/sse\/(\S+)$/, ([, port]) => accessSync(join(top, port, 'portfile.cmake'))], // consumer: vcpkg port
  [/^conan create third_party\/sse\/(\S+)$/, ([, recipe]) => accessSync(join(top, recipe, 'conanfile.py'))], // consumer: Conan recipe
];

try {
  cpSync(top, scratch, { recursive: true, filter: (path) => !/\/(build|\.git|node_modules)$/.test(path) });
  let lines = 0;
  for (const name of pages) {
    const page = { built: new Set(), script: '', configured: false }, text = read_file(name);
    for (const block of text.matchAll(/```sh\n([^]*?)```\n/g)) {
      let number = text.slice(0, block.index).split('\n').length;
      for (const whole of block[1].split('\n').slice(0, -1)) {
        ++number;
        const line = whole.replace(/\s+#.*$|^#.*$/, '').trim();
        if (line === '') continue;
        ++lines;
        for (const command of line.split(/ \| | && /)) {
          const plain = command.replace(/^([A-Z_]+=\S+ )+/, '');
          const [fits, check] = rules.find(([pattern]) => pattern.test(plain)) ?? [];
          assert.ok(fits, `${name}:${number}: nothing covers '${command}'`);
          try {
            check(plain.match(fits), page, plain);
          } catch (error) {
            error.message = `${name}:${number}: ${error.message}`;
            throw error;
          }
        }
      }
    }
  }
  assert.ok(lines > 20, `the pages have only ${lines} lines of shell`);

  // Each way of the README to use the library by CMake is a test's.
  const consumers = ['add_subdirectory', 'fetch_content', 'cpm', 'find_package'].map((name) => read_file(`tests/consumers/${name}/CMakeLists.txt`)).join('');
  const cmake = read_file('README.md').match(/```cmake\n([^]*?)```/)[1].replace(/\s*#.*$/gm, '');
  for (const [command] of cmake.matchAll(/^(add_subdirectory\(|FetchContent_Declare\(sse |FetchContent_MakeAvailable\(sse\)|CPMAddPackage\(NAME sse |find_package\(sse .*\))/gm))
    assert.ok(consumers.includes(command), `tests/consumers has no ${command}`);
  for (const [, target] of cmake.matchAll(/\b(sse::\w+)/g))
    assert.ok(execFileSync('grep', ['-rl', target, join(top, 'tests/consumers')], { encoding: 'utf8' }) !== '', `tests/consumers has no ${target}`);
  console.log(`ok: ${lines} lines`);
} finally {
  rmSync(scratch, { recursive: true });
}
