// Every public name of the headers has a comment: one of its declarations has, where there are overloads. Constructors,
// inherited ones too, destructors and assignments speak for themselves.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const top = new URL('../..', import.meta.url).pathname;
const output = mkdtempSync(join(tmpdir(), 'reference-'));
try {
  const settings = `${readFileSync(join(top, 'tests/docs/Doxyfile'), 'utf8')}
INPUT = include/sse
OUTPUT_DIRECTORY = ${output}
GENERATE_HTML = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
`;
  const doxygen = spawnSync('doxygen', ['-'], { cwd: top, input: settings, encoding: 'utf8' });
  if (doxygen.error?.code === 'ENOENT') {
    console.log('skipped: there is no doxygen');
    process.exitCode = 77;
  } else {
    assert.equal(doxygen.status, 0, doxygen.stderr);
    check(join(output, 'xml'));
  }
} finally {
  rmSync(output, { recursive: true });
}

function check(directory) {
  const text_of = (xml, tag) => xml.match(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`))?.[1] ?? '';
  const has_comment = (xml) =>
    ['briefdescription', 'detaileddescription'].some((tag) => text_of(xml, tag).replace(/<[^>]*>/g, '').trim() !== '');
  const undocumented = new Set();
  let names = 0;
  const take = (scope, name, documented) => {
    ++names;
    if (!documented) undocumented.add(`${scope}::${name}`);
  };
  for (const file of readdirSync(directory).filter((name) => /^(class|struct|namespace).*\.xml$/.test(name))) {
    const xml = readFileSync(join(directory, file), 'utf8');
    const scope = text_of(xml, 'compoundname');
    if (!scope.startsWith('sse') || /<compounddef [^>]*prot="private"/.test(xml)) continue;
    const outside = xml.replace(/<sectiondef[^]*<\/sectiondef>/, '');
    if (!file.startsWith('namespace') && !scope.includes('&lt;')) take(scope.replace(/::[^:]*$/, ''), scope.match(/[^:]*$/)[0], has_comment(outside));

    const members = new Map();
    for (const [member, kind] of xml.matchAll(/<memberdef kind="(\w+)"[^>]*prot="public"[^]*?<\/memberdef>/g)) {
      const name = text_of(member, 'name');
      const own = scope.match(/[^:]*$/)[0];
      if (kind === 'friend' || name === own || name === `~${own}` || name === 'operator=' || name === 'Error' || name.startsWith('operator std::')) continue;
      const values = [...member.matchAll(/<enumvalue[^]*?<\/enumvalue>/g)].map(([value]) => value);
      for (const value of values) take(`${scope}::${name}`, text_of(value, 'name'), has_comment(value));
      const itself = values.reduce((rest, value) => rest.replace(value, ''), member);
      members.set(name, (members.get(name) ?? false) || has_comment(itself));
    }
    for (const [name, documented] of members) take(scope, name, documented);
  }
  assert.ok(names > 200, `Doxygen has found only ${names} names`);
  assert.ok(undocumented.size === 0, `public names without a comment:\n${[...undocumented].sort().join('\n')}`);
  console.log(`ok: ${names} names`);
}
