// The example answers, seen by the package openai.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { failure_of, start, until, use } from './lib_sdk.mjs';

const { default: OpenAI, APIError } = await use('openai');
const gateway = await start('answers');
const client = new OpenAI({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 });
const sources = async () => (await fetch(new URL('/sources', gateway.url))).json();
const ask = (model, content, more = {}) => ({ model, messages: [{ role: 'user', content }], ...more });
const stream = (model, content, more) => client.chat.completions.create(ask(model, content, { stream: true, ...more }));

{ // whole
  const answer = await client.chat.completions.create(ask('steady', 'one two three'));
  assert.equal(answer.choices[0].message.content, 'one two three');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.deepEqual(answer.usage, { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 });
}

{ // streamed, with the usage in the last chunk
  const chunks = [];
  for await (const chunk of await stream('steady', 'ein zwei drei', { max_tokens: 2, stream_options: { include_usage: true } })) chunks.push(chunk);
  assert.deepEqual(chunks.slice(0, -1).map(({ choices }) => choices[0].delta.content), ['', 'ein', ' zwei', undefined]);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.at(-2).choices[0].finish_reason, 'length');
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.deepEqual(chunks.at(-1).usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
}

{ // every token of a burst, by the SDK's own helper
  const numbers = Array.from({ length: 10_000 }, (_, number) => `${number}`).join(' ');
  const runner = client.chat.completions.stream(ask('burst', numbers));
  let tokens = 0;
  runner.on('content', () => ++tokens);
  assert.equal(await runner.finalContent(), numbers);
  assert.equal(tokens, 10_000);
}

{ // failures: a status before the first token, an error event after it
  const refused = await failure_of(stream('refusing', 'x'));
  assert.deepEqual([refused.status, refused.error.message, refused.type], [503, 'The model is overloaded', 'server_error']);
  assert.equal(refused.headers.get('Retry-After'), '1');
  const tokens = [];
  const broken = await failure_of((async () => {
    for await (const chunk of await stream('failing', 'a b c d e')) tokens.push(chunk.choices[0].delta.content);
  })());
  assert.ok(broken instanceof APIError, broken.stack);
  assert.equal(broken.error.message, 'The model is overloaded');
  assert.deepEqual(tokens, ['', 'a', ' b', ' c']);
  assert.equal((await failure_of(client.chat.completions.create(ask('failing', 'a b c d e')))).status, 503);
  assert.equal((await failure_of(stream('nonsense', 'x'))).status, 404);
  assert.equal((await failure_of(client.chat.completions.create({ model: 'burst' }))).status, 400);
  assert.equal((await failure_of(client.chat.completions.create(ask('burst', 'x'.repeat(1024 * 1024))))).status, 413);
  assert.equal((await failure_of(client.models.list())).status, 404);
}

{ // an aborted request ends its source, whether that speaks, is silent, or has not begun
  const speaking = await stream('steady', 'again', { max_tokens: 1_000_000 });
  for await (const chunk of speaking) if (chunk.choices[0].delta.content === 'again') break; // the SDK aborts
  const silent = await stream('silent', 'a b c d');
  (async () => { for await (const chunk of silent) if (chunk.choices[0].delta.content === ' c') silent.controller.abort(); })().catch(() => {});
  for (const streams of [true, false]) {
    const controller = new AbortController();
    const mute = failure_of(client.chat.completions.create(ask('mute', 'x', { stream: streams }), { signal: controller.signal }));
    await until('a source that is mute', async () => (await sources()).running > 0);
    controller.abort();
    await mute;
  }
  await until('the end of all sources', async () => (await sources()).running === 0);
}

{ // a slow reader slows its source, and memory stays level
  const wanted = 500_000; // of about 190 bytes each
  const { tokens: before } = await sources(), memory = gateway.memory();
  const request = http.request(`${gateway.url}/chat/completions`, { method: 'POST', agent: false });
  request.on('error', () => {}).end(JSON.stringify(ask('burst', 'token', { stream: true, max_tokens: wanted })));
  const [response] = await once(request, 'response'); // nobody reads it
  let last = -1, same = 0;
  await until('a source that waits for its reader', async () => {
    const { tokens } = await sources();
    same = tokens === last ? same + 1 : 0;
    last = tokens;
    return same === 20;
  });
  assert.ok(last - before < wanted, `the source did not wait: ${last - before} tokens`);
  assert.ok(gateway.memory() - memory < 16 * 1024, `${gateway.memory() - memory} KiB more`);
  response.on('error', () => {}).resume();
  await until('a source that goes on', async () => (await sources()).tokens > last + 1_000);
  request.destroy();
  await until('the end of the source', async () => (await sources()).running === 0);
}

await gateway.stop();
console.log('ok');
