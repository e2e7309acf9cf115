// events FILE: reads a stream that was saved as it came, says on standard output what each event is, one a line, and
// fails on a byte that no frame of one `data:` line, with or without an id, explains.
import { readFileSync } from 'node:fs';

const bytes = readFileSync(process.argv[2]);
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
if (/[\r\0]/.test(text)) throw new Error('CR or NUL in the stream');
const frames = text.split('\n\n');
if (frames.pop() !== '') throw new Error('the stream ends inside a frame');
for (const frame of frames) {
  if (/^:[^\n]*$/.test(frame) || /^retry: \d+$/.test(frame)) continue;
  const match = /^(id: \d+-\d+\n)?data: ([^\n]*)$/.exec(frame);
  if (!match) throw new Error(`no frame: ${JSON.stringify(frame.slice(0, 200))}`);
  const event = JSON.parse(match[2]);
  if (match[1] && event.type === 'disconnect') throw new Error(`${event.type} with an id`);
  const keys = Object.keys(event).join();
  if (typeof event.timestamp !== 'number') throw new Error(`no timestamp: ${match[2].slice(0, 200)}`);
  if (event.type === 'connection') console.log('connection');
  else if (event.type === 'disconnect') console.log('disconnect');
  else if (event.type === 'overflow') console.log(`overflow ${event.dropped}`);
  else if (keys !== 'type,data,timestamp') throw new Error(`keys are ${keys}`);
  else console.log(`${event.type} ${JSON.stringify(event.data)}`);
}
