// The example answers, seen by the package @anthropic-ai/sdk.
import assert from 'node:assert/strict';
import { failure_of, start, until, use } from './lib_sdk.mjs';

const { default: Anthropic, APIError } = await use('@anthropic-ai/sdk');
const gateway = await start('answers');
const client = new Anthropic({ baseURL: new URL('/', gateway.url).href, apiKey: 'none', maxRetries: 0 });
const sources = async () => (await fetch(new URL('/sources', gateway.url))).json();
const ask = (model, content, max_tokens = 20_000) => ({ model, max_tokens, messages: [{ role: 'user', content }] });
const words = (text, count) => Array(count).fill(text).join(' ');

{ // whole, and with the content in parts
  const answer = await client.messages.create(ask('steady', [{ type: 'text', text: 'one two three' }], 2));
  assert.deepEqual(answer.content, [{ type: 'text', text: 'one two' }]);
  assert.equal(answer.stop_reason, 'max_tokens');
  assert.deepEqual(answer.usage, { input_tokens: 3, output_tokens: 2 });
}

{ // streamed: every token of a burst, put together by the SDK
  const numbers = Array.from({ length: 10_000 }, (_, number) => `${number}`).join(' ');
  const stream = client.messages.stream(ask('burst', numbers, 10_000));
  let tokens = 0;
  stream.on('text', () => ++tokens);
  const message = await stream.finalMessage();
  assert.deepEqual([message.content[0].text, tokens], [numbers, 10_000]);
  assert.deepEqual([message.stop_reason, message.usage.output_tokens], ['end_turn', 10_000]);
}

{ // the events by name
  const types = [];
  for await (const event of await client.messages.create({ ...ask('burst', 'a b', 2), stream: true })) types.push(event.type);
  assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop',
    'message_delta', 'message_stop']);
}

{ // pings while the source is silent, and its end with the request's
  const controller = new AbortController();
  const response = await fetch(`${gateway.url}/messages`, { method: 'POST', body: JSON.stringify({ ...ask('silent', words('x', 5), 5), stream: true }),
    signal: controller.signal });
  let text = '';
  for await (const bytes of response.body) {
    text += Buffer.from(bytes).toString();
    if (text.includes('event: ping\ndata: {"type":"ping"}\n\n')) break; // which cancels it
  }
  assert.equal(text.split('event: content_block_delta\n').length, 4);
  controller.abort();
  await until('the end of the source', async () => (await sources()).running === 0);
}

{ // failures: a status before the first token, an error event after it
  const refused = await failure_of(client.messages.create({ ...ask('refusing', 'x', 1), stream: true }));
  assert.deepEqual([refused.status, refused.error.error.type], [503, 'overloaded_error']);
  const stream = client.messages.stream(ask('failing', 'a b c d', 4));
  let got = '';
  stream.on('text', (text) => (got += text));
  const broken = await failure_of(stream.done());
  assert.ok(broken instanceof APIError, broken.stack);
  assert.match(broken.message, /overloaded_error/);
  assert.equal(got, 'a b c');
  assert.equal((await failure_of(client.messages.create(ask('nonsense', 'x')))).status, 404);
}

{ // an aborted stream ends its source
  const stream = client.messages.stream(ask('steady', 'again and again', 20_000));
  stream.on('text', () => stream.abort());
  await failure_of(stream.done());
  await until('the end of the source', async () => (await sources()).running === 0);
}

await gateway.stop();
console.log('ok');
