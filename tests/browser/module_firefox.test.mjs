// sse.js in Firefox: lib_scenarios.mjs.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { run_scenarios } from './lib_scenarios.mjs';

const executablePath = [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox']
  .find((path) => path && existsSync(path));
if (!executablePath) {
  console.log('skipped: there is no Firefox');
  process.exit(77);
}
const { firefox } = createRequire(import.meta.url)('playwright-core');
await run_scenarios(() => firefox.launch({ channel: 'moz-firefox', executablePath }));
