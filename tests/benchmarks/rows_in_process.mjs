// The rows without sockets.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokio_program } from './peers.mjs';
import { alternately, both_cores, directory, median, ratios, repeatedly, run, server_core } from './programs.mjs';

const in_process_once = (cores, ...args) => run(cores, `${directory}/in_process`, args);
const micro = (ns) => `${(ns / 1000).toFixed(1)} µs`;

const pick = (runs, name) => runs.map((run) => run[name]);
const both = (a, b, name) => ratios(pick(a, name), pick(b, name));

export const in_process = [
  {
    name: 'emit-waiting',
    figure: 'emit_event to 1,000 waiting streams',
    measure: async (quick) => {
      const rounds = quick ? 500 : 3000;
      const sse = () => in_process_once(server_core, 'waiting', 'sse', 1000, rounds);
      const channel = () => in_process_once(server_core, 'waiting', 'channel', 1000, rounds);
      const tokio = (kind) => () => run(server_core, tokio_program, ['broadcast', kind, 1000, rounds]);
      const against = async (peer, name, most) => {
        const { a, b } = await alternately(quick ? 1 : 5, sse, peer);
        const result = (figure, of, most) => ({
          figure: `${figure} / ${name}`,
          most,
          values: both(a, b, of),
          note: `sse ${micro(median(pick(a, of)))}, ${name} ${micro(median(pick(b, of)))}`,
        });
        return [
          result('emit_event to 1,000 waiting streams', 'emit_ns', most),
          result('the same, until all have read it', 'all_ns', peer === channel ? 0.8 : most),
        ];
      };
      const rows = await against(channel, 'a channel each', 0.333);
      if (!existsSync(tokio_program))
        return [...rows, { figure: 'the same / tokio broadcast', most: 1, skipped: 'cargo or librust-tokio-dev is not installed' }];
      rows.push(...(await against(tokio('current'), 'tokio broadcast', 1)));
      rows.push(...(await against(tokio('worker'), 'tokio broadcast, a worker', 1)));
      return rows;
    },
  },
  ...[
    [1000, 20],
    [10_000, 50],
  ].map(([streams, most]) => ({
    name: `emit-queued-${streams}`,
    figure: `emit_event, ${streams.toLocaleString('en')} streams with full queues, for each`,
    measure: async (quick) => {
      const values = [];
      for (let i = 0; i < (quick ? 2 : 7); ++i)
        values.push((await in_process_once(server_core, 'queued', streams, quick ? 200 : 1000)).stream_ns);
      return { most, unit: ' ns', values, note: `${micro(median(values) * streams)} an emit` };
    },
  })),
  {
    name: 'topics',
    figure: 'emit_event to 1,000 waiting streams of one topic / without topics',
    measure: async (quick) => {
      const streams = (topics) => () => in_process_once(server_core, 'topics', topics, 1000, quick ? 200 : 1000);
      const { a, b } = await alternately(quick ? 1 : 5, streams(1), streams(0));
      const rate = (runs) => `${(median(pick(runs, 'burst_per_second')) / 1e6).toFixed(1)} M/s`;
      const hundred = [];
      for (let i = 0; i < (quick ? 1 : 5); ++i) hundred.push((await streams(100)()).emit_ns / 1000);
      return [
        { most: 1.3, values: both(a, b, 'emit_ns'), note: `one topic ${micro(median(pick(a, 'emit_ns')))}, none ${micro(median(pick(b, 'emit_ns')))}` },
        {
          figure: 'burst to 1,000 streams of one topic / without topics',
          least: 0.95,
          values: both(a, b, 'burst_per_second'),
          note: `one topic ${rate(a)}, none ${rate(b)}`,
        },
        { figure: 'emit_event to one of 100 topics with 10 streams each', unit: ' µs', values: hundred },
      ];
    },
  },
  {
    name: 'filters',
    figure: 'burst to 1,000 streams with one shared filter / without a filter',
    measure: async (quick) => {
      const streams = (kind) => () => in_process_once(server_core, 'filters', kind, 1000, quick ? 200 : 1000);
      const rate = (runs) => `${(median(pick(runs, 'burst_per_second')) / 1e6).toFixed(1)} M/s`;
      const against = async (kind, name, least) => {
        const { a, b } = await alternately(quick ? 2 : 6, streams(kind), streams('none'));
        return [
          { figure: `burst to 1,000 streams with ${name} / without a filter`, least, values: both(a, b, 'burst_per_second'), note: `${rate(a)}, none ${rate(b)}` },
          {
            figure: `emit_event to 1,000 waiting streams with ${name} / without a filter`,
            values: both(a, b, 'emit_ns'),
            note: `${micro(median(pick(a, 'emit_ns')))}, none ${micro(median(pick(b, 'emit_ns')))}`,
          },
        ];
      };
      return [...(await against('shared', 'one shared filter', 0.9)), ...(await against('own', 'a filter each', 0.4))];
    },
  },
  {
    name: 'blocked',
    figure: 'p99 of what an emit to 100,000 keeps another thread',
    measure: async (quick) => {
      const runs = await repeatedly(quick ? 1 : 3, () => in_process_once(both_cores, 'blocked', 100_000, quick ? 20 : 100));
      const result = (what, name) => ({
        figure: `p99 of what an emit to 100,000 keeps another thread from ${what}`,
        most: 1,
        unit: ' ms',
        values: runs.map((each) => each[`${name}_p99_ns`] / 1e6),
        note: `median ${micro(median(pick(runs, `${name}_p50_ns`)))}; the emit itself ${micro(median(pick(runs, 'emit_ns')))}`,
      });
      return [result('get_connection_count', 'count'), result('add_connection', 'add')];
    },
  },
  {
    name: 'drain',
    figure: '2 threads that drain 1,000 streams each / one thread',
    measure: async (quick) => {
      const rounds = quick ? 30 : 150;
      const two = () => in_process_once(both_cores, 'drain', 2, 1000, rounds);
      const one = () => in_process_once(both_cores, 'drain', 1, 1000, rounds);
      const { a, b } = await alternately(quick ? 1 : 7, two, one);
      const rate = (runs) => `${(median(pick(runs, 'events_per_second')) / 1e6).toFixed(1)} M/s`;
      return { least: 1.6, values: both(a, b, 'events_per_second'), note: `two ${rate(a)}, one ${rate(b)}` };
    },
  },
  {
    name: 'allocations',
    figure: "allocations of an emit beyond those of nlohmann's dump",
    measure: async () => {
      const counts = await run(server_core, `${directory}/allocations`, []);
      const all = Object.entries(counts).flatMap(([state, of]) => Object.entries(of).map(([n, count]) => ({ state, n, count })));
      return {
        figure: "allocations of an emit beyond nlohmann's dump, to 1, 100, 10,000",
        most: 2,
        values: [Math.max(...all.map(({ count }) => count))],
        note: all.map(({ state, n, count }) => `${n} ${state}: ${count}`).join(', '),
      };
    },
  },
  {
    name: 'compile',
    figure: "compile time with sse/sse.hpp / with asio's and nlohmann/json's headers",
    measure: async (quick) => {
      const place = mkdtempSync(join(tmpdir(), 'sse-compile-'));
      const dependencies = '#include <asio.hpp>\n#include <nlohmann/json.hpp>\n';
      writeFileSync(join(place, 'with.cpp'), `${dependencies}#include <sse/sse.hpp>\n`);
      writeFileSync(join(place, 'without.cpp'), dependencies);
      // CPU time: other work on the machine says less than in the time on the clock.
      const seconds = (name) => () => {
        const command = 'TIMEFORMAT="%U %S"; time "$0" "$@"';
        const compiler = [process.env.CXX ?? 'g++', '-std=c++20', '-O2', '-Iinclude', '-c', join(place, name), '-o', '/dev/null'];
        const { status, stderr } = spawnSync('bash', ['-c', command, ...compiler], { encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
        return stderr.trim().split(' ').reduce((sum, part) => sum + Number(part), 0);
      };
      try {
        const { a, b } = await alternately(quick ? 1 : 5, seconds('with.cpp'), seconds('without.cpp'));
        return { most: 1.15, values: ratios(a, b), note: `${median(a).toFixed(2)} s, ${median(b).toFixed(2)} s; g++ -std=c++20 -O2` };
      } finally {
        rmSync(place, { recursive: true });
      }
    },
  },
];
