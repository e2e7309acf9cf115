// Runs the benchmarks' programs: one command a line in, one line of JSON out.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

export const directory = process.env.SSE_BENCHMARKS ?? 'build/release/tests/benchmarks';

const can_pin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

// What is measured has core 0 and the load client the last one, so that the scheduler has no say. A server of two threads
// has two cores; on a machine of two, one of them is the client's too.
export const server_core = '0';
export const both_cores = '0,1';
export const client_core = String(Math.min(2, availableParallelism() - 1));

export class Program {
  constructor(cores, command, args, options = {}) {
    const line = [command, ...args.map(String)];
    if (can_pin && cores) line.unshift('taskset', '-c', cores);
    this.name = command.split('/').pop();
    this.process = spawn(line[0], line.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], ...options });
    this.process.on('error', (error) => (this.failure = error));
    this.process.stdin.on('error', () => {}); // it has ended, which its missing answer tells
    this.ended = once(this.process, 'close');
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw this.failure ?? new Error(`${this.name} has ended before it answered`);
    return JSON.parse(value);
  }
  tell(command) {
    this.process.stdin.write(`${command}\n`);
  }
  ask(command) {
    this.tell(command);
    return this.answer();
  }
  async stop() {
    this.tell('quit');
    this.process.stdin.end();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/// What a program prints that takes no commands.
export async function run(cores, command, args, options) {
  const program = new Program(cores, command, args, options);
  try {
    return await program.answer();
  } finally {
    await program.stop();
  }
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/// A B, B A, A B …: what each of them gave.
export async function alternately(pairs, a, b) {
  const all = { a: [], b: [] };
  for (let i = 0; i < pairs; ++i)
    for (const [side, measure] of i % 2 ? [['b', b], ['a', a]] : [['a', a], ['b', b]]) all[side].push(await measure());
  return all;
}
/// So many times, what it gave.
export async function repeatedly(count, measure) {
  const runs = [];
  for (let i = 0; i < count; ++i) runs.push(await measure());
  return runs;
}
export const ratios = (a, b) => a.map((value, i) => value / b[i]);
