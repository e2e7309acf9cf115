// The rows that go through the kernel: `serve` against loops of bare system calls.
import { alternately, both_cores, client_core, median, Program, ratios, server_core, sleep } from './programs.mjs';

const directory = process.env.SSE_BENCHMARKS ?? 'build/release/tests/benchmarks';
const frame_size = 172;
const milli = (seconds) => `${(1000 * seconds).toFixed(1)} ms`;
const micro = (seconds) => `${(1e6 * seconds).toFixed(2)} µs`;
const millions = (rate) => `${(rate / 1e6).toFixed(2)} M/s`;

const sse = (...args) => ({ program: 'server', args, cores: args.includes('--threads') ? both_cores : server_core });
// Its response has the size of serve's head and `connection` event.
const greeting_size = 268;
const bare = { program: 'bare', args: ['--greeting', greeting_size], cores: server_core };

/// A server and so many clients of it; `use` gets both.
async function with_clients(side, connections, use, client_args = []) {
  const server = new Program(side.cores, `${directory}/${side.program}`, side.args);
  try {
    const { port } = await server.answer();
    if (port === 0) return undefined;
    const empty = await server.ask('usage');
    const client = new Program(client_core, `${directory}/client`, [port, connections, ...client_args]);
    try {
      return await use({ server, client, empty, port, ready: await client.answer() });
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
  }
}

/// Sends `command`, and waits until each connection has what `counting` says.
async function load(server, client, counting, command) {
  client.tell(counting);
  await client.answer();
  const before = await server.ask('usage');
  const sent = await server.ask(command);
  const read = await client.answer();
  const after = await server.ask('usage');
  const goal = Number(counting.split(' ')[1]);
  const whole = read.least === goal && read.most === goal && after.overflows === before.overflows;
  return {
    seconds: (read.end - sent.start) / 1e9,
    cpu: after.cpu - before.cpu,
    client_cpu: read.cpu,
    wrong: whole ? undefined : `not every event was delivered: ${read.least} to ${read.most} of ${goal} by ${counting.split(' ')[0]}`,
    ...read,
  };
}
const wrong_of = (...runs) => runs.flat().find((run) => run.wrong)?.wrong;

const pace = (server, client, rate, count) =>
  load(server, client, `expect ${count * frame_size} ${count / rate + 10}`, `pace ${rate} ${count}`);

/// The rate at which the bare loop uses 90 % of a core: it grows until it does. CPU time tells, and not how long it took,
/// which on a machine that has other work says nothing.
async function full_rate(connections, seconds) {
  return with_clients(bare, connections, async ({ server, client }) => {
    let rate = 30_000 / connections;
    for (let i = 0; i < 8; ++i) {
      const count = Math.max(2, Math.round(rate * seconds));
      const use = ((await pace(server, client, rate, count)).cpu / count) * rate;
      if (use > 0.88 && use < 0.92) break;
      rate *= Math.min(2, 0.9 / use);
    }
    return rate;
  });
}

/// One write an event, at that rate: CPU time against the bare loop's.
async function one_write(connections, quick, side = sse()) {
  const seconds = quick ? 1 : 3;
  const rate = await full_rate(connections, quick ? 0.5 : 1);
  const count = Math.round(rate * seconds);
  const measure = (which) => () =>
    with_clients(which, connections, async ({ server, client }) => {
      await pace(server, client, rate / 2, Math.max(2, Math.round(rate / 4))); // warm
      return pace(server, client, rate, count);
    });
  const { a, b } = await alternately(quick ? 1 : 5, measure(side), measure(bare));
  const each = (runs) => median(runs.map((run) => run.cpu)) / count / connections;
  return { a, b, rate, count, each };
}
async function cpu_row(connections, quick) {
  const { a, b, rate, count, each } = await one_write(connections, quick);
  const busy = (runs, name) => Math.round(100 * median(runs.map((run) => run[name] / run.seconds)));
  return {
    most: 1.15,
    values: ratios(a.map((run) => run.cpu), b.map((run) => run.cpu)),
    wrong: wrong_of(a, b),
    note: `${rate.toFixed(1)} events/s × ${connections}; a delivery: sse ${micro(each(a))}, bare ${micro(each(b))}; busy: sse ${busy(a, 'cpu')} %, bare ${busy(b, 'cpu')} %, client ${busy(a, 'client_cpu')} %; ${count} events`,
  };
}

/// Deliveries a second of a burst of `events` to each of 1,000, once the rings have grown.
async function burst(side, quick, events = 1000, connections = 1000) {
  return with_clients(side, connections, async ({ server, client }) => {
    const once = () => load(server, client, `expect ${events * frame_size} 60`, `burst ${events}`);
    await once();
    const runs = [];
    for (let i = 0; i < (quick ? 1 : 3); ++i) runs.push(await once());
    return { rate: (events * connections) / median(runs.map((run) => run.seconds)), wrong: wrong_of(runs) };
  });
}
const burst_server = (...args) => sse('--queue', 1000, ...args);

/// Resident memory of each of 10,000 that wait, above the empty server's.
async function idle_memory(side, quick) {
  return with_clients(side, 10_000, async ({ server, empty }) => {
    await sleep(quick ? 500 : 2000);
    return ((await server.ask('usage')).rss - empty.rss) / 10_000 / 1024;
  });
}
async function memory_row(side, most, quick) {
  const values = [];
  for (let i = 0; i < (quick ? 1 : 3); ++i) values.push(await idle_memory(side, quick));
  if (values[0] === undefined) return { most, unit: ' KiB', skipped: 'not offered: serve takes a tcp::acceptor only' };
  return { most, unit: ' KiB', values, note: `${Math.round(1024 * median(values))} bytes a connection` };
}

export const sockets = [
  {
    name: 'cpu-1000',
    figure: 'one write an event, 1,000 connections: CPU time / bare loop',
    measure: (quick) => cpu_row(1000, quick),
  },
  {
    name: 'cpu-10000',
    figure: 'one write an event, 10,000 connections: CPU time / bare loop',
    measure: (quick) => cpu_row(10_000, quick),
  },
  {
    name: 'burst',
    figure: 'burst, 1,000 events to 1,000: deliveries/s / bare batched loop',
    measure: async (quick) => {
      const { a, b } = await alternately(quick ? 1 : 5, () => burst(burst_server(), quick), () => burst(bare, quick));
      const rates = (runs) => runs.map((run) => run.rate);
      return {
        least: 0.85,
        values: ratios(rates(a), rates(b)),
        wrong: wrong_of(a, b),
        note: `sse ${millions(median(rates(a)))}, bare ${millions(median(rates(b)))}`,
      };
    },
  },
  {
    name: 'memory',
    figure: 'memory of an idle connection of serve, 10,000 of them',
    measure: async (quick) => [
      { figure: 'idle connection of serve (of 10,000), type-erased executor', ...(await memory_row(sse(), 1.25, quick)) },
      { figure: "idle connection of serve (of 10,000), io_context's executor", ...(await memory_row(sse('--executor', 'io'), 1, quick)) },
    ],
  },
];
