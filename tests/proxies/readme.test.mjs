// The README shows the very configurations that are tested.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const readme = read('../../README.md');
for (const [file, language] of [['nginx.conf', 'nginx'], ['Caddyfile', 'caddy'], ['haproxy.cfg', 'haproxy']])
  assert.ok(readme.includes(`\`\`\`${language}\n${read(file)}\`\`\`\n`), `README.md does not show tests/proxies/${file} as it is`);
