// Makes include/sse/browser/sse.min.js and browser.hpp of sse.js: node tests/browser/minify.mjs
// With --check it only compares, and fails if they are not what it would make.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const require = createRequire(import.meta.url); // require: it looks at NODE_PATH, too
const { minify } = require('terser');
const file = (name) => fileURLToPath(new URL(`../../include/sse/${name}`, import.meta.url));
const licence = '// SPDX-License-Identifier: MIT\n';

/** Literals of at most 12,000 bytes: MSVC ends one at 16 KB. */
function literals(text) {
  const pieces = [];
  for (let at = 0; at < text.length; at += 12_000) pieces.push(`    R"js(${text.slice(at, at + 12_000)})js"`);
  return pieces.join('\n');
}

const source = await readFile(file('browser/sse.js'), 'utf8');
const { code } = await minify(source, {
  module: true,
  ecma: 2020,
  compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
  mangle: { properties: { regex: /_$/ } },
  format: { ascii_only: true, max_line_len: 118 },
});
const text = licence + code + '\n';
const header = `${licence}// The module of browser/sse.js, minified, for ServeOptions::script. Made by tests/browser/minify.mjs.

#pragma once

#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A JavaScript module for pages that follow a stream: \`import { subscribe } from '/sse.js'\`. Its documentation is
/// include/sse/browser/README.md.
// clang-format off
inline constexpr std::string_view browser_script =
${literals(text)};
// clang-format on

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
`;
for (const [name, made] of [['browser/sse.min.js', text], ['browser.hpp', header]]) {
  if (!process.argv.includes('--check')) await writeFile(file(name), made);
  else if ((await readFile(file(name), 'utf8')) !== made) throw new Error(`include/sse/${name} is not of this sse.js: node tests/browser/minify.mjs`);
}
const size = gzipSync(text, { level: 9 }).length;
console.log(`sse.min.js: ${text.length} bytes, ${size} gzipped`);
if (size > 4096) throw new Error('more than 4,096 bytes gzipped');

// As a page without `shared` may have it: README.md, "In your project".
const undefined_names = { 'globalThis.SharedWorker': 'undefined', 'globalThis.SharedWorkerGlobalScope': 'undefined' };
const shaken = require('esbuild').buildSync({ entryPoints: [file('browser/sse.js')], bundle: true, minify: true, format: 'esm', write: false,
  define: undefined_names });
const shaken_size = gzipSync(shaken.outputFiles[0].text, { level: 9 }).length;
console.log(`without shared: ${shaken_size} gzipped`);
if (shaken_size > 3400) throw new Error('more than 3,400 bytes gzipped without `shared`');
