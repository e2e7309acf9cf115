// sse.js without a browser: the minified files are those of the source, the types hold under `tsc --strict`, and the parser reads
// the C++ parser's published cases as that does, however the bytes are cut.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from '../../include/sse/browser/sse.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
console.log(execFileSync('node', [here('minify.mjs'), '--check'], { encoding: 'utf8' }).trim());

// Types
const folder = mkdtempSync(join(tmpdir(), 'sse-types-'));
try {
  writeFileSync(join(folder, 'page.ts'), `import { subscribe } from ${JSON.stringify(here('../../include/sse/browser/sse.js'))};
interface Order { number: number }
const feed = subscribe<{ order: Order; price: number }>('/events', {
  snapshot: async ({ signal }) => (await fetch('/orders', { signal })).headers.get('id'),
  on: { order: (order) => order.data.number.toFixed(), price: (price) => price.data.toFixed() },
  state: (name, why) => console.log(name === 'live', why?.length),
  gap: ({ dropped }) => console.log((dropped ?? 0) + 1),
  headers: async ({ refresh }) => ({ Authorization: refresh ? 'new' : 'old' }),
  shared: true,
});
const off: () => void = feed.on('order', (order) => order.data.number);
off();
// @ts-expect-error there is no such type of events
feed.on('nothing', () => {});
// @ts-expect-error a price is a number
feed.on('price', (price) => price.data.length);
feed.close();
`);
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  execFileSync('node', [tsc, '--strict', '--noEmit', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler',
    '--lib', 'es2022,dom', join(folder, 'page.ts')], { stdio: 'inherit' });
} finally {
  rmSync(folder, { recursive: true });
}

// The parser
const cases = JSON.parse(readFileSync(here('../unit/parser_published.json'), 'utf8'));
const bytes_of = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const text_of = (hex) => Buffer.from(hex, 'hex').toString('utf8');
function read(bytes, cuts) {
  const reading = { messages: [], id: '', retry: undefined };
  const parser = new Parser((type, id, has_id, text) => {
    reading.id = id;
    if (text !== undefined) reading.messages.push([type, text, id]);
  });
  const decoder = new TextDecoder();
  let begin = 0;
  for (const cut of [...cuts, bytes.length]) {
    parser.feed(decoder.decode(bytes.subarray(begin, cut), { stream: true }));
    begin = cut;
  }
  if (parser.retry !== undefined) reading.retry = Math.min(parser.retry, 2 ** 63); // as in C++
  return reading;
}
let seed = 1;
const random = (below) => ((seed = (seed * 1103515245 + 12345) % 2 ** 31), Math.floor((seed / 2 ** 31) * below));
const variants = cases.flatMap((one) => {
  if (!one.any_line_end) return [one];
  const with_ends = (end) => Buffer.from(Buffer.from(one.bytes, 'hex').toString('latin1').replaceAll('\n', end), 'latin1').toString('hex');
  return [one, { ...one, bytes: with_ends('\r') }, { ...one, bytes: with_ends('\r\n') }, { ...one, bytes: 'efbbbf' + one.bytes }];
});
for (const { name, bytes: hex, messages, id, retry } of variants) {
  const bytes = bytes_of(hex);
  const expected = { messages: messages.map((fields) => fields.map(text_of)), id: text_of(id), retry: retry ?? undefined };
  const ways = [[], Array.from({ length: bytes.length }, (_, i) => i)];
  for (let i = 0; i < bytes.length; ++i) ways.push([i]);
  for (let i = 0; i < 20; ++i) ways.push(Array.from({ length: random(6) }, () => random(bytes.length + 1)).sort((a, b) => a - b));
  for (const cuts of ways) assert.deepEqual(read(bytes, cuts), expected, `${name}, cut at ${cuts}`);
}
assert.ok(variants.length > 600);
console.log(`ok: ${variants.length} cases of the parser`);
