// The rows of the logs: `run.sh log`. Each measurement has files of its own, in the directory $TMPDIR or /var/tmp.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { alternately, directory, median, ratios, repeatedly, run } from './programs.mjs';

const place = process.env.TMPDIR ?? '/var/tmp'; // on a disk, unlike many a /tmp

/// On all cores: a log has three threads.
async function once(...words) {
  const files = mkdtempSync(join(place, 'sse-log-'));
  try {
    return await run(undefined, `${directory}/log`, [...words, files]);
  } finally {
    rmSync(files, { recursive: true });
  }
}
const several = (count, ...words) => repeatedly(count, () => once(...words));
const pick = (runs, name) => runs.map((each) => each[name]);
const milli = (runs, name = 'p50_ms') => `${median(pick(runs, name)).toFixed(3)} ms`;
const thousands = (runs) => pick(runs, 'events_per_second').map((rate) => rate / 1000);

export const logs = [
  {
    name: 'log',
    figure: 'a log: emits, appends, opening, idle, Redis',
    measure: async (quick) => {
      const count = quick ? 1 : 5;
      const emit = await alternately(count, () => once('emit', 'process'), () => once('emit', 'memory'));
      const disk = await alternately(count, () => once('emit', 'disk'), () => once('sync'));
      const append = await several(count, 'append', 'process', 256);
      const open = await several(quick ? 1 : 3, 'open');
      const foreign = await several(quick ? 1 : 3, 'foreign');
      const idle = await several(quick ? 1 : 3, 'idle');
      const locked = await several(count, 'locked');
      const redis = (figure, result) => ({ figure: `Redis: ${figure}`, ...result });
      const ping = await several(1, 'redis', 'ping');
      const rows = [
        {
          figure: 'SQLite: emit to reader, process level, 1,000/s / memory',
          most: 3.5,
          values: ratios(pick(emit.a, 'p50_ms'), pick(emit.b, 'p50_ms')),
          note: `p50 ${milli(emit.a)}, ${milli(emit.b)}`,
        },
        {
          figure: 'the same, disk level, less 0.3 ms / write + fdatasync',
          most: 1.5,
          values: ratios(pick(disk.a, 'p50_ms').map((ms) => Math.max(ms - 0.3, 0)), pick(disk.b, 'p50_ms')),
          note: `p50 ${milli(disk.a)}, ${milli(disk.b)}`,
        },
        { figure: 'append in batches of 256, process level', least: 100, unit: 'k/s', values: thousands(append) },
        { figure: 'open 10,000 of 1,000,000 events', most: 100, unit: ' ms', values: pick(open, 'ms') },
        {
          figure: "another process's event seen, p99",
          most: 15,
          unit: ' ms',
          values: pick(foreign, 'p99_ms'),
          note: `p50 ${milli(foreign)}`,
        },
        { figure: 'alone and idle, of a core', most: 0.05, unit: ' %', values: pick(idle, 'percent') },
        ...['emit', 'add', 'stats'].map((call) => ({
          figure: `${{ emit: 'emit_event', add: 'add_connection', stats: 'stats' }[call]} while the file is locked, p99`,
          most: 1,
          unit: ' ms',
          values: pick(locked, `${call}_p99_ms`),
        })),
      ];
      if (ping[0].skipped) return [...rows, redis('append to read', { least: 100, unit: 'k/s', skipped: ping[0].skipped })];
      const flat = await several(count, 'redis', 256);
      const paced = await several(count, 'redis', 'paced');
      return [
        ...rows,
        redis('append to read, flat out', { least: 100, unit: 'k/s', values: thousands(flat) }),
        redis('append to read, 1,000/s, p50', { most: 0.2, unit: ' ms', values: pick(paced, 'p50_ms'), note: `PING ${milli(ping)}` }),
      ];
    },
  },
];
