// sse.js in Chromium: lib_scenarios.mjs.
import { launch } from './lib_browser.mjs';
import { run_scenarios } from './lib_scenarios.mjs';

await run_scenarios(() => launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] }));
