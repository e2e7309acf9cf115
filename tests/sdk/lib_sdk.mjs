// For the tests with the SDKs of others: the package or a skip, and the example.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const directory = process.env.SSE_BIN_DIR ?? assert.fail('set SSE_BIN_DIR to the directory of the example binaries');
const limit = setTimeout(() => {
  console.error('FAIL: the test has not ended');
  process.exit(1);
}, 100_000);
limit.unref();

/** A module of a package. Without it the test is skipped by its name. */
export async function use(module) {
  try {
    return await import(module);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.log(`skipped: npm has not installed ${module} in tests/sdk`);
    process.exit(77);
  }
}

/** Asks again and again, till it holds. */
export async function until(what, holds) {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    if (Date.now() > end) assert.fail(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Starts an example on a free port, which is the first line that it prints. */
export async function start(name) {
  const child = spawn(`${directory}/${name}`, ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const [url] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => assert.fail(`${name} has ended`)),
  ]);
  const memory = () => Number(readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]);
  const stop = async () => {
    const end = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await end, [0, null]);
  };
  return { url, memory, stop };
}

/** The failure of a promise that must fail. */
export const failure_of = (promise) => promise.then(() => assert.fail('it has not failed'), (error) => error);
