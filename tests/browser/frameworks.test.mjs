// The page's components for React, Vue and Svelte, as include/sse/browser/README.md shows them, with the real packages: each
// event once, also in React's strict mode, which mounts twice, and no stream is left when the component goes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { kill_all, launch, patience, until } from './lib_browser.mjs';
import { Site } from './lib_module.mjs';

const require = createRequire(import.meta.url);
const esbuild = require('esbuild');
const readme = await readFile(new URL('../../include/sse/browser/README.md', import.meta.url), 'utf8');
const shown = (language) => readme.match(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``))[1];

const vue = () => {
  const { compileScript, parse } = require('vue/compiler-sfc');
  const { descriptor } = parse(shown('vue'));
  return compileScript(descriptor, { id: 'orders', inlineTemplate: true }).content;
};
const svelte = async () => (await import('svelte/compiler')).compile(shown('svelte'), { filename: 'Orders.svelte' }).js.code;

/** Each: its component's module, and a program that mounts it and sets window.unmount. */
const frameworks = {
  react: [() => `${shown('jsx')}\nexport default Orders;`, `
    import { createElement, StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    import Orders from 'component';
    const root = createRoot(document.body);
    root.render(createElement(StrictMode, null, createElement(Orders, { url: '/events' })));
    window.unmount = () => root.unmount();`],
  vue: [vue, `
    import { createApp } from 'vue';
    import Orders from 'component';
    const app = createApp(Orders);
    app.mount(document.body);
    window.unmount = () => app.unmount();`],
  svelte: [svelte, `
    import { mount, unmount } from 'svelte';
    import Orders from 'component';
    const app = mount(Orders, { target: document.body });
    window.unmount = () => unmount(app);`],
};

async function bundle([component, program]) {
  const text = await component();
  const { outputFiles } = await esbuild.build({
    stdin: { contents: program, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    plugins: [{ name: 'component', setup(build) {
      build.onResolve({ filter: /^component$/ }, () => ({ path: 'component', namespace: 'component' }));
      build.onLoad({ filter: /./, namespace: 'component' }, () => ({ contents: text, loader: 'jsx', resolveDir: fileURLToPath(new URL('.', import.meta.url)) }));
    } }],
    bundle: true, write: false, format: 'esm', external: ['/sse.js'], jsx: 'automatic', conditions: ['browser', 'development'],
    define: { 'process.env.NODE_ENV': '"development"' }, logLevel: 'error',
  });
  return outputFiles[0].text;
}

async function check(browser, name) {
  const site = await Site.make({ type: 'order', files: { '/app.js': await bundle(frameworks[name]) } });
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  // React's strict mode mounts twice: the stream that counts is the one that is left, and the service has answered.
  const asked = new Map();
  const is_events = (request) => new URL(request.url()).pathname === '/events';
  page.on('request', (request) => is_events(request) && asked.set(request, 'asked'));
  page.on('response', (response) => asked.has(response.request()) && asked.set(response.request(), 'answered'));
  page.on('requestfailed', (request) => asked.delete(request));
  page.on('requestfinished', (request) => asked.delete(request));
  await page.goto(`${site.url}/app`);
  await until('it follows the stream', () => site.streams === 1 && [...asked.values()].join() === 'answered');
  const items = (wanted) =>
    page.waitForFunction((w) => JSON.stringify([...document.querySelectorAll('li')].map(({ textContent }) => textContent)) === w,
      JSON.stringify(wanted), patience).catch(async () => assert.deepEqual(await page.locator('li').allTextContents(), wanted, problems.join()));
  site.child.stdin.write('{"number":1,"what":"tea"}\n{"number":2,"what":"<i>cake</i>"}\n');
  await items(['tea', '<i>cake</i>']);
  site.cut();
  site.child.stdin.write('{"number":3,"what":"more"}\n');
  await items(['tea', '<i>cake</i>', 'more']);
  assert.equal(site.streams, 1);
  await page.evaluate(() => unmount());
  await until('its stream is closed', () => site.streams === 0);
  assert.deepEqual(problems.filter((text) => !/Failed to load resource|net::ERR_/.test(text)), []);
  await site.close();
  console.log(`ok: ${name}`);
}

let browser;
try {
  browser = await launch();
  await Promise.all(Object.keys(frameworks).map((name) => check(browser, name)));
} finally {
  await browser?.close();
  kill_all();
}
