// A test: the programs run, and every event arrives, in order and once. Nothing here looks at the time it takes.
import assert from 'node:assert/strict';
import { directory, Program, run } from './programs.mjs';

const connections = 30;

async function delivers(program, ...args) {
  const server = new Program('', `${directory}/${program}`, args);
  const { port } = await server.answer();
  const client = new Program('', `${directory}/client`, [port, connections]);
  assert.equal((await client.answer()).ready, connections);
  const load = async (counting, command) => {
    client.tell(counting);
    assert.ok((await client.answer()).armed);
    await server.ask(command);
    const { least, most } = await client.answer();
    const goal = Number(counting.split(' ')[1]);
    assert.deepEqual({ program, command, least, most }, { program, command, least: goal, most: goal });
  };
  await load('check 50 30', 'pace 200 50');
  await load('check 500 30', 'burst 500');
  await load(`expect ${172 * 500} 30`, 'burst 500');
  await load('frames 500 30', 'burst 500');
  assert.equal((await server.ask('usage')).overflows, 0);
  await client.stop();
  await server.stop();
}

await delivers('bare');
await delivers('server', '--queue', 500);
await delivers('server', '--queue', 500, '--threads', 2);
for (const args of [['waiting', 'sse', 10, 10], ['waiting', 'channel', 10, 10], ['queued', 10, 10], ['blocked', 10, 10], ['topics', 2, 10, 10], ['filters', 'shared', 10, 10], ['filters', 'own', 10, 10], ['drain', 2, 10, 10]])
  assert.ok(Object.values(await run('', `${directory}/in_process`, args)).every((value) => value >= 0), args.join(' '));
assert.ok(await run('', `${directory}/allocations`, []));
