// The rows that go through the kernel: `serve` against loops of bare system calls.
import { existsSync } from 'node:fs';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import zlib from 'node:zlib';
import { answer_peers, peers, usage_of } from './peers.mjs';
import { alternately, both_cores, client_core, directory, median, Program, ratios, repeatedly, run, server_core, sleep } from './programs.mjs';

const frame_size = 172;
const milli = (seconds) => `${(1000 * seconds).toFixed(1)} ms`;
const micro = (seconds) => `${(1e6 * seconds).toFixed(2)} µs`;
const millions = (rate) => `${(rate / 1e6).toFixed(2)} M/s`;

// The sides: how to start one, and what its client waits for.
const program = (cores, name, ...args) => ({ start: () => new Program(cores, `${directory}/${name}`, args) });
const sse = (...args) => program(args.includes('--threads') ? both_cores : server_core, 'server', ...args);
const bare = program(server_core, 'bare', '--greeting', 268); // the size of serve's head and `connection` event

/// A server and so many clients of it; `use` gets both. undefined: there is no such server.
async function with_clients(side, connections, use, client_args = []) {
  const server = side.start();
  try {
    const { port } = await server.answer();
    if (port === 0) return undefined;
    const empty = await server.ask('usage');
    if (side.greeting) client_args = [...client_args, '--greeting', side.greeting];
    const connect = async (count, args) => {
      const client = new Program(client_core, `${directory}/client`, [port, count, ...args]);
      return { client, ready: await client.answer() };
    };
    const { client, ready } = await connect(connections, client_args);
    try {
      return await use({ server, client, empty, ready, connect });
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
    ...read,
    seconds: (read.end - sent.start) / 1e9,
    cpu: after.cpu - before.cpu,
    client_cpu: read.cpu,
    busy: sent.busy,
    wrong: whole ? undefined : `not every event was delivered: ${read.least} to ${read.most} of ${goal} by ${counting.split(' ')[0]}`,
  };
}
const wrong_of = (...runs) => runs.flat().find((run) => run.wrong)?.wrong;

const pace = (server, client, rate, count) =>
  load(server, client, `expect ${count * frame_size} ${count / rate + 10}`, `pace ${rate} ${count}`);

/// The rate at which the bare loop is busy for 90 % of the time: it grows until it is.
async function full_rate(connections, seconds) {
  return with_clients(bare, connections, async ({ server, client }) => {
    let rate = 30_000 / connections;
    for (let i = 0; i < 8; ++i) {
      const { busy } = await pace(server, client, rate, Math.max(2, Math.round(rate * seconds)));
      if (busy > 0.88 && busy < 0.92) break;
      rate *= Math.min(2, 0.9 / busy);
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

/// One write an event at fixed rates, CPU time of a delivery: against the bare loop at that rate.
async function paced_rows(quick) {
  const rows = [];
  for (const [connections, rate, most] of [[1000, 10, 1.05], [1000, 50, 1.05], [10_000, 10, 1.06], [1000, 350, 0.4]]) {
    const count = Math.max(20, Math.round(rate * (quick ? 1 : 4)));
    const measure = (side) => () =>
      with_clients(side, connections, async ({ server, client }) => {
        await pace(server, client, rate, Math.max(5, Math.round(rate / 4))); // warm
        return pace(server, client, rate, count);
      });
    const { a, b } = await alternately(quick ? 2 : 4, measure(burst_server()), measure(bare));
    const each = (runs) => runs.map((run) => run.cpu / count / connections);
    rows.push({
      figure: `${connections.toLocaleString('en')} connections at ${rate} events/s${rate === 350 ? ', more than the bare loop can write' : ''}: CPU time / bare loop`,
      most,
      values: ratios(each(a), each(b)),
      wrong: wrong_of(a, b),
      note: `a delivery: sse ${micro(median(each(a)))}, bare ${micro(median(each(b)))}`,
    });
  }
  return rows;
}

/// 1,000 clients that want one topic, and 1,000 that name none.
async function audience_rows(quick) {
  const pairs = quick ? 2 : 5, rate = 50, count = quick ? 50 : 200;
  const paced = (...args) => () => with_clients(sse(...args), 1000, ({ server, client }) => pace(server, client, rate, count));
  const bursting = (...args) => () => burst(burst_server(...args), quick);
  const bursts = await alternately(pairs, bursting('--topics', 1), bursting());
  const writes = await alternately(pairs, paced('--topics', 1), paced());
  const rates = (runs) => runs.map((run) => run.rate);
  const each = (runs) => runs.map((run) => run.cpu / count / 1000);
  return [
    {
      figure: 'burst to 1,000 connections of one topic / without topics: deliveries/s',
      least: 0.95,
      values: ratios(rates(bursts.a), rates(bursts.b)),
      wrong: wrong_of(bursts.a, bursts.b),
      note: `one topic ${millions(median(rates(bursts.a)))}, none ${millions(median(rates(bursts.b)))}`,
    },
    {
      figure: '50 events/s to 1,000 connections of one topic / without topics: CPU time',
      most: 1.05,
      values: ratios(each(writes.a), each(writes.b)),
      wrong: wrong_of(writes.a, writes.b),
      note: `a delivery: one topic ${micro(median(each(writes.a)))}, none ${micro(median(each(writes.b)))}`,
    },
  ];
}

/// Deliveries a second of a burst of `events` to each of 1,000, once the rings have grown.
async function burst(side, quick, events = 1000, connections = 1000) {
  return with_clients(side, connections, async ({ server, client }) => {
    const once = () => load(server, client, `expect ${events * frame_size} 60`, `burst ${events}`);
    await once();
    const runs = await repeatedly(quick ? 1 : 3, once);
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
  const values = await repeatedly(quick ? 1 : 3, () => idle_memory(side, quick));
  if (values[0] === undefined) return { most, unit: ' KiB', skipped: 'not offered: serve takes a tcp::acceptor only' };
  return { most, unit: ' KiB', values, note: `${Math.round(1024 * median(values))} bytes a connection` };
}

/// CPU time of 10,000 that wait, in per cent of a core. All of it is spent on looking at deadlines: no comment is due yet.
async function idle_cpu(quick) {
  return with_clients(sse(), 10_000, async ({ server, client }) => {
    await sleep(500);
    client.tell(`expect ${1 << 30} ${quick ? 4 : 8}`);
    await client.answer();
    const before = await server.ask('usage');
    const read = await client.answer();
    const after = await server.ask('usage');
    return {
      percent: (100 * (after.cpu - before.cpu) * 1e9) / (after.now - before.now),
      wrong: read.total === 0 ? undefined : `${read.total} bytes were written meanwhile: the connects took too long`,
    };
  });
}

/// How long after emit_event 99 % of the deliveries are read, at 10 events a second.
async function late(side, quick) {
  const count = quick ? 20 : 60;
  return with_clients(side, 1000, ({ server, client }) => load(server, client, `check ${count} ${count}`, `pace 10 ${count}`));
}

/// What a client finds that has not read for a while, beyond the events of its queue.
async function stale(quick) {
  const queue = 100, rate = 6000, seconds = quick ? 3 : 5;
  return with_clients(sse('--queue', queue), 1, async ({ server, client }) => {
    const emitting = server.ask(`pace ${rate} ${rate * (seconds + 2)}`);
    await sleep(1000 * seconds);
    const found = await client.ask('stale 1');
    await emitting;
    return { ...found, beyond: (found.old_bytes - queue * frame_size) / 1024 };
  });
}

/// The same over a compressed stream: seconds of events that the client finds beyond max_queue_size.
async function stale_gzip(quick) {
  const rate = 6000, seconds = quick ? 3 : 5;
  const server = sse('--queue', 1000, '--gzip', 1).start(); // a loss before the client's window is full would be stored text
  try {
    const { port } = await server.answer();
    const socket = net.connect(port, '127.0.0.1');
    const parts = [];
    socket.on('data', (part) => parts.push(part));
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n');
    await server.ask('pace 100 60'); // then it follows
    socket.pause();
    const text = () => {
      const bytes = Buffer.concat(parts), body = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
      return zlib.gunzipSync(body, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString();
    };
    const before = text().length;
    await server.ask(`pace ${rate} ${rate * seconds}`);
    const read = Buffer.concat(parts).length;
    socket.resume();
    await sleep(500);
    socket.destroy();
    const found = text().slice(before), lost = found.lastIndexOf('"overflow"');
    const events = found.slice(0, lost).split('\n\n').length - 1;
    return { age: events / rate, bytes: (Buffer.concat(parts).length - read) / found.split('\n\n').length, wrong: lost < 0 ? 'no loss was told' : undefined };
  } finally {
    await server.stop();
  }
}

/// Seconds that so many resumes at once take, each with so many events missing. The sockets are connected before.
async function resume(missing, connections) {
  const kept = 200;
  return with_clients(sse('--history', kept), 0, async ({ server, connect }) => {
    await server.ask(`burst ${kept}`);
    const last = await connect(1, []);
    await last.client.stop();
    const [start, n] = last.ready.id.split('-');
    const resume_of = async (count, command) => {
      const { client } = await connect(count, ['--last-event-id', `${start}-${n - missing}`, '--hold', 1]);
      try {
        return await client.ask(command);
      } finally {
        await client.stop();
      }
    };
    const bytes = (await resume_of(1, `go ${1 << 30} 0.5`)).total;
    const read = await resume_of(connections, `go ${bytes} 60`);
    const whole = bytes > missing * frame_size && read.least === bytes && read.most === bytes;
    return {
      seconds: (read.end - read.start) / 1e9,
      wrong: whole ? undefined : `a resume is not whole: ${read.least} to ${read.most} of ${bytes} bytes`,
    };
  });
}
/// What each event adds to a resume, and what it costs with its share of the request and the head.
async function resumed_event() {
  const connections = 10_000, missing = 100;
  const nothing = await resume(0, connections), all = await resume(missing, connections);
  const each = (seconds) => seconds / connections / missing;
  return { added: each(all.seconds - nothing.seconds), whole: each(all.seconds), wrong: wrong_of(nothing, all) };
}

// Two threads against one, the client where it is for both.
const cores_note = availableParallelism() > 2 ? '' : '; on 2 cores the client shares one with them';
async function threads_rows(quick) {
  const pairs = quick ? 1 : 5;
  const two = ['--threads', 2];
  const bursts = await alternately(pairs, () => burst(burst_server(...two), quick), () => burst(burst_server(), quick));
  const rates = (runs) => runs.map((run) => run.rate);
  const rate = await full_rate(1000, quick ? 0.5 : 1);
  const paced = (...args) => () =>
    with_clients(sse(...args), 1000, ({ server, client }) => pace(server, client, rate, Math.round(rate * (quick ? 1 : 2))));
  const writes = await alternately(quick ? 1 : 3, paced(...two), paced());
  const seconds = (runs) => runs.map((run) => run.seconds);
  return [
    {
      figure: '2 threads / 1, burst: deliveries/s',
      least: 1,
      values: ratios(rates(bursts.a), rates(bursts.b)),
      wrong: wrong_of(bursts.a, bursts.b),
      note: `two ${millions(median(rates(bursts.a)))}, one ${millions(median(rates(bursts.b)))}${cores_note}`,
    },
    {
      figure: '2 threads / 1, one write an event, 1,000 connections: deliveries/s',
      least: 1,
      // Both end a moment after the last event; what is less than a hundredth is that moment's.
      values: ratios(seconds(writes.b), seconds(writes.a)).map((value) => Math.round(100 * value) / 100),
      wrong: wrong_of(writes.a, writes.b),
      note: `${rate.toFixed(1)} events/s; CPU time ${ratios([median(writes.a.map((run) => run.cpu))], [median(writes.b.map((run) => run.cpu))])[0].toFixed(2)} ×${cores_note}`,
    },
  ];
}

// Compressed streams against plain ones. Their length is not known before: a load ends when nothing has come for a while.
async function gzip_load(gzip, command, deliveries, warm) {
  return with_clients(
    sse('--queue', 1000, ...(gzip ? ['--gzip', 1] : [])),
    1000,
    async ({ server, client, ready }) => {
      for (let i = 0; i < 2; ++i) {
        client.tell('quiet 60');
        await client.answer();
        await server.ask(warm);
        await client.answer();
      }
      client.tell('quiet 60');
      await client.answer();
      const before = await server.ask('usage'), was = await server.ask('delivered');
      const sent = await server.ask(command);
      const read = await client.answer();
      const after = await server.ask('usage'), is = await server.ask('delivered');
      const whole = is.delivered - was.delivered === deliveries && after.overflows === before.overflows;
      return {
        seconds: (read.end - sent.start) / 1e9,
        cpu: after.cpu - before.cpu,
        client_cpu: read.cpu,
        bytes: read.total / deliveries,
        wrong: whole ? undefined : `${is.delivered - was.delivered} of ${deliveries} events were delivered`,
      };
    },
    gzip ? ['--gzip', 1] : [],
  );
}
async function gzip_rows(quick) {
  const pairs = quick ? 2 : 5, events = 1000, rate = 100, paced = quick ? 100 : 200;
  const measure = (gzip, command, count, warm) => () => gzip_load(gzip, command, count * 1000, warm);
  const both = (command, count, warm) =>
    alternately(pairs, measure(true, command, count, warm), measure(false, command, count, warm));
  const writes = await both(`pace ${rate} ${paced}`, paced, `pace ${rate} 60`);
  const bursts = await both(`burst ${events}`, events, `burst ${events}`);
  const memory = await alternately(1, () => gzip_memory(true, quick), () => gzip_memory(false, quick));
  const of = (runs, name) => runs.map((run) => run[name]);
  const bytes = (runs) => `${median(of(runs.a, 'bytes')).toFixed(1)} bytes an event, plain ${median(of(runs.b, 'bytes')).toFixed(1)}`;
  const row = (figure, runs, a, b, limit) => ({ figure: `gzip / plain, 1,000 clients: ${figure}`, ...limit, values: ratios(a, b), wrong: wrong_of(runs.a, runs.b), note: bytes(runs) });
  return [
    row('CPU time, one write an event', writes, of(writes.a, 'cpu'), of(writes.b, 'cpu'), { most: 1.05 }),
    row('deliveries/s of the burst', bursts, of(bursts.b, 'seconds'), of(bursts.a, 'seconds'), { least: 1.3 }),
    row('CPU time of the burst', bursts, of(bursts.a, 'cpu'), of(bursts.b, 'cpu'), { most: 0.6 }),
    {
      figure: 'idle gzip connection (of 10,000) above a plain one',
      most: 112,
      unit: ' bytes',
      values: memory.a.map((value, i) => 1024 * (value - memory.b[i])),
      note: `${median(memory.a).toFixed(3)} and ${median(memory.b).toFixed(3)} KiB`,
    },
  ];
}
const gzip_memory = (gzip, quick) =>
  with_clients(
    sse(...(gzip ? ['--gzip', 1] : [])),
    10_000,
    async ({ server, empty }) => {
      await sleep(quick ? 500 : 2000);
      return ((await server.ask('usage')).rss - empty.rss) / 10_000 / 1024;
    },
    gzip ? ['--gzip', 1] : [],
  );

// HTTP/2 by prior knowledge against HTTP/1.1: as many streams, on fewer connections.
async function http2(connections, streams, use) {
  const server = sse('--http2', 1, '--queue', 1000).start();
  try {
    const { port } = await server.answer();
    const empty = await server.ask('usage');
    const client = new Program(client_core, `${directory}/client_http2`, [port, connections, streams]);
    try {
      await client.answer();
      return await use({ server, client, empty });
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
  }
}
async function http2_memory(connections, streams, quick) {
  return http2(connections, streams, async ({ server, empty }) => {
    await sleep(quick ? 500 : 2000);
    return ((await server.ask('usage')).rss - empty.rss) / 1024;
  });
}
async function http2_rows(quick) {
  if (!existsSync(`${directory}/client_http2`)) return { skipped: 'built without nghttp2' };
  const pairs = quick ? 1 : 5, rate = 50, paced = quick ? 100 : 250, events = 1000;
  const text = (count) => `expect ${count * frame_size} ${count / rate + 60}`;
  const counted = (command, count) => ({ server, client }) => load(server, client, text(count), command);
  const plain = (command, count) => () => with_clients(sse('--queue', 1000), 1000, counted(command, count));
  const shape = (connections, streams, command, count) => () => http2(connections, streams, counted(command, count));
  const cpu_of = (runs) => runs.map((run) => run.cpu);
  const rows = [];
  for (const [connections, streams, most] of [[1000, 1, 1.5], [100, 10, 0.5], [10, 100, 0.25]]) {
    const { a, b } = await alternately(pairs, shape(connections, streams, `pace ${rate} ${paced}`, paced), plain(`pace ${rate} ${paced}`, paced));
    const writes = a.map((run) => run.segments / paced);
    rows.push({
      figure: `HTTP/2, ${connections} x ${streams} / HTTP/1.1: CPU time, one write an event`,
      most,
      values: ratios(cpu_of(a), cpu_of(b)),
      wrong: wrong_of(a, b),
      note: `${median(writes).toFixed(1)} TCP segments an event`,
    });
  }
  const bursts = await alternately(pairs, shape(1000, 1, `burst ${events}`, events), plain(`burst ${events}`, events));
  rows.push({ figure: 'HTTP/2, 1000 x 1 / HTTP/1.1: CPU time of the burst', most: 1.1, values: ratios(cpu_of(bursts.a), cpu_of(bursts.b)), wrong: wrong_of(bursts.a, bursts.b) });
  const alone = await http2_memory(2000, 1, quick), one = await http2_memory(100, 1, quick), many = await http2_memory(100, 100, quick);
  rows.push({ figure: 'HTTP/2: idle connection with one stream (of 2,000)', most: 17, unit: ' KiB', values: [alone / 2000] });
  rows.push({ figure: 'HTTP/2: each further stream (100 x 100)', most: 1.2, unit: ' KiB', values: [(many - one) / 9900] });
  return rows;
}

// The peers count frames, whatever is in them; sse does the same beside them.
async function peer_rows(peer, quick) {
  const missing = peer.missing();
  if (missing) return [{ figure: `${peer.name} / sse`, skipped: missing }];
  const side = { start: peer.start, greeting: 'head' };
  const pairs = quick ? 1 : 3;
  const frames = (which, command, count) =>
    with_clients(which, 1000, async ({ server, client }) => {
      await sleep(500);
      return load(server, client, `frames ${count} 60`, command);
    });
  const rate = 50, count = quick ? 50 : 100, burst_size = 1000;
  const paced = (which) => () => frames(which, `pace ${rate} ${count}`, count);
  const writes = await alternately(pairs, paced(side), paced(sse()));
  const bursting = (which) => () => frames(which, `burst ${burst_size}`, burst_size);
  const bursts = await alternately(pairs, bursting(side), bursting(burst_server()));
  const memory = await alternately(1, () => idle_memory(side, quick), () => idle_memory(sse(), quick));
  const cpu = (runs) => runs.map((run) => run.cpu / count / 1000);
  const rates = (runs) => runs.map((run) => (burst_size * 1000) / run.seconds);
  const row = (what, a, b, text) => ({
    figure: `${peer.name} / sse: ${what}`,
    values: ratios(a, b),
    note: `${text(median(a))}, sse ${text(median(b))}`,
  });
  return [
    { ...row(`CPU time, one write an event`, cpu(writes.a), cpu(writes.b), micro), wrong: wrong_of(writes.a, writes.b) },
    { ...row('deliveries/s of the burst', rates(bursts.a), rates(bursts.b), millions), wrong: wrong_of(bursts.a, bursts.b) },
    row('memory of an idle connection', memory.a, memory.b, (value) => `${value.toFixed(2)} KiB`),
  ];
}

/// 1,000 answers at once, of 200 tokens each, 50 a second: CPU time, and resident memory in their middle, from outside.
async function answers_at_once(side) {
  const count = 1000, goal = 200 + (side.frames_before ?? 0);
  return with_clients(
    side,
    count,
    async ({ server, client, empty }) => {
      const pid = server.process.pid;
      await sleep(500);
      const before = usage_of(pid);
      client.tell('answers 60');
      await sleep(2000);
      const middle = usage_of(pid);
      const { ended, least, most } = await client.answer();
      return {
        cpu: usage_of(pid).cpu - before.cpu,
        memory: (middle.rss - before.rss) / count / 1024,
        with_connection: (middle.rss - empty.rss) / count / 1024,
        wrong: ended === count && least === goal && most === goal ? undefined : `${ended} of ${count} ended, with ${least} to ${most} of ${goal} frames`,
      };
    },
    ['--hold', 1],
  );
}
async function answers_rows(quick) {
  const sse_side = program(server_core, 'answers'), serve_side = program(server_core, 'answers', '--serve', 1);
  const peers_here = answer_peers.filter((peer) => !peer.missing());
  const sse_runs = [], serve_runs = [], peer_runs = peers_here.map(() => []);
  for (let i = 0; i < (quick ? 1 : 3); ++i) {
    sse_runs.push(await answers_at_once(sse_side));
    serve_runs.push(await answers_at_once(serve_side));
    for (const [at, peer] of peers_here.entries()) peer_runs[at].push(await answers_at_once(peer));
  }
  const of = (runs, part) => runs.map((run) => run[part]);
  const kib = (runs) => `${median(of(runs, 'with_connection')).toFixed(2)} KiB`;
  const each = (runs) => micro(median(of(runs, 'cpu')) / 200_000);
  const memory = (figure, runs) => ({ figure, most: 6, unit: ' KiB', values: of(runs, 'memory'), wrong: wrong_of(runs), note: `a token: ${each(runs)}` });
  return [
    memory('running answer above its connection (1,000 at once)', sse_runs),
    memory('the same in a handler of serve', serve_runs),
    ...answer_peers.flatMap((peer) => {
      const figure = `1,000 answers at once, sse / ${peer.name}`;
      if (peer.missing()) return [{ figure, skipped: peer.missing() }];
      const runs = peer_runs[peers_here.indexOf(peer)];
      const wrong = wrong_of(sse_runs, runs), by_serve = `in a handler ${each(serve_runs)}`;
      return [
        { figure: `${figure}: CPU time`, most: 1, values: ratios(of(sse_runs, 'cpu'), of(runs, 'cpu')), wrong, note: `a token: sse ${each(sse_runs)} (${by_serve}), ${peer.name} ${each(runs)}` },
        { figure: `${figure}: memory`, most: 1, values: ratios(of(sse_runs, 'with_connection'), of(runs, 'with_connection')), wrong, note: `an answer with its connection: sse ${kib(sse_runs)}, ${peer.name} ${kib(runs)}` },
      ];
    }),
  ];
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
  { name: 'paced', figure: 'one write an event at fixed rates: CPU time / bare loop', measure: paced_rows },
  { name: 'audience', figure: '1,000 connections of one topic / without topics', measure: audience_rows },
  {
    name: 'memory',
    figure: 'memory of an idle connection of serve, 10,000 of them',
    measure: async (quick) => [
      { figure: 'idle connection of serve (of 10,000), type-erased executor', ...(await memory_row(sse(), 1.25, quick)) },
      { figure: "idle connection of serve (of 10,000), io_context's executor", ...(await memory_row(sse('--executor', 'io'), 1, quick)) },
    ],
  },
  {
    name: 'idle',
    figure: '10,000 idle connections of serve, keep-alive 15 s: CPU time, of a core',
    measure: async (quick) => {
      const runs = await repeatedly(quick ? 1 : 5, () => idle_cpu(quick));
      return { most: 0.05, unit: ' %', values: runs.map((run) => run.percent), wrong: wrong_of(runs), note: 'between two keep-alives' };
    },
  },
  {
    name: 'tls',
    figure: 'TLS of serve, 2,000 idle clients: memory, CPU time',
    measure: async (quick) => {
      if (!existsSync(`${directory}/tls`)) return { skipped: 'built without OpenSSL' };
      const side = (name) => () => run(both_cores, `${directory}/tls`, [2000, name]);
      const { a, b } = await alternately(quick ? 1 : 3, side('tls'), side('plain'));
      const of = (runs, name) => runs.map((one) => one[name]);
      const wrong = [...a, ...b].every((one) => one.all_here) ? undefined : 'a client has gone';
      const both = (name) => `${median(of(a, name)).toFixed(2)} µs with TLS, ${median(of(b, name)).toFixed(2)} µs without`;
      return [
        { figure: 'idle client over TLS (of 2,000)', most: 18, unit: ' KiB', values: of(a, 'idle').map((bytes) => bytes / 1024), wrong },
        { figure: 'one write an event, 2,000 over TLS: CPU time / without', values: ratios(of(a, 'event_us'), of(b, 'event_us')), wrong, note: both('event_us') },
        { figure: 'a connection over TLS: CPU time / without', values: ratios(of(a, 'connect_us'), of(b, 'connect_us')), wrong, note: both('connect_us') },
      ];
    },
  },
  {
    name: 'slow-client',
    figure: 'a client that has not read: what it finds beyond max_queue_size',
    measure: async (quick) => {
      const runs = await repeatedly(quick ? 1 : 3, () => stale(quick));
      return {
        most: 256,
        unit: ' KiB',
        values: runs.map((run) => run.beyond),
        wrong: runs.some((run) => run.misplaced > 0) ? 'a loss was not told in its place' : undefined,
        note: `6,000 events/s; ${runs.at(-1).old_frames} old events found, ${runs.at(-1).dropped} told as lost`,
      };
    },
  },
  {
    name: 'slow-gzip',
    figure: 'the same, of a compressed stream: seconds of events',
    measure: async (quick) => {
      const runs = await repeatedly(quick ? 1 : 3, () => stale_gzip(quick));
      return {
        most: 0.4,
        unit: ' s',
        values: runs.map((run) => run.age),
        wrong: wrong_of(runs),
        note: `6,000 events/s of ${runs.at(-1).bytes.toFixed(1)} bytes; the window of the client's system, 64 KiB, holds ${(65536 / runs.at(-1).bytes / 6000).toFixed(2)} s of them`,
      };
    },
  },
  { name: 'gzip', figure: 'compressed streams / plain ones', measure: gzip_rows },
  { name: 'answers', figure: '1,000 answers at once: CPU time, memory', measure: answers_rows },
  { name: 'http2', figure: 'HTTP/2 / HTTP/1.1', measure: http2_rows },
  {
    name: 'latency',
    figure: 'p99 from emit_event to the read, 1,000 connections, 10/s / bare loop',
    measure: async (quick) => {
      const { a, b } = await alternately(quick ? 1 : 3, () => late(sse(), quick), () => late(bare, quick));
      const of = (runs, part) => runs.map((run) => run[part]);
      const both = (part) => `${milli(median(of(a, part)))} and ${milli(median(of(b, part)))}`;
      const row = (part, name, most) => ({
        figure: `${name} from emit_event to the read, 1,000 connections, 10/s / bare loop`,
        most,
        values: ratios(of(a, part), of(b, part)),
        wrong: wrong_of(a, b),
        note: `sse and bare: ${both(part)}`,
      });
      return [row('p99', 'p99', 1.3), row('p50', 'median', 1.05)];
    },
  },
  { name: 'threads', figure: '2 threads that run the io_context / 1', measure: threads_rows },
  {
    name: 'setup',
    figure: '10,000 connects until each has its first event: rate / accept loop',
    measure: async (quick) => {
      const seconds = (side) => () => with_clients(side, 10_000, ({ ready }) => ready.seconds);
      const { a, b } = await alternately(quick ? 2 : 7, seconds(sse()), seconds(bare));
      const rate = (times) => `${Math.round(10_000 / median(times))}/s`;
      return { least: 0.8, values: ratios(b, a), note: `sse ${rate(a)}, accept loop ${rate(b)}` };
    },
  },
  {
    name: 'resume',
    figure: "10,000 resumes at once, 100 events each: what an event adds / burst's time",
    measure: async (quick) => {
      const { a, b } = await alternately(quick ? 1 : 5, resumed_event, () => burst(burst_server(), quick));
      const of = (name) => a.map((run) => run[name]);
      const bursts = b.map((run) => 1 / run.rate);
      return {
        most: 1,
        values: ratios(of('added'), bursts),
        wrong: wrong_of(a, b),
        note: `${micro(median(of('added')))}, with its share of request and head ${micro(median(of('whole')))}; burst ${micro(median(bursts))}`,
      };
    },
  },
];

export const beside_peers = peers.map((peer) => ({
  name: peer.name.split(/[, ]/)[0],
  figure: `${peer.name} beside sse`,
  measure: (quick) => peer_rows(peer, quick),
}));
