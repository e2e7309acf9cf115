// table.mjs [--quick] [--markdown] [--list] [ROW|GROUP...]: measures, and prints one table. Each row is a ratio of two
// sides that were measured in turn, in both orders; the median counts, and least and most stand beside it. The exit status
// is 1 if a row could not be measured or an event was lost; a figure that is not what is wanted is no failure.
import { median } from './programs.mjs';
import { browser } from './rows_browser.mjs';
import { in_process } from './rows_in_process.mjs';
import { logs } from './rows_log.mjs';
import { beside_peers, sockets } from './rows_sockets.mjs';

const rows = [...sockets, ...in_process, ...logs, ...browser, ...beside_peers];

// A name may also be that of a group of rows.
const groups = { fan: ['emit-waiting', 'topics', 'filters', 'blocked', 'paced', 'audience', 'burst', 'latency', 'setup', 'resume'] };

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('--'));
const names = words.filter((word) => !word.startsWith('--')).flatMap((word) => groups[word] ?? [word]);
const [quick, markdown, list] = ['--quick', '--markdown', '--list'].map((option) => options.includes(option));
const unknown =
  options.find((option) => !['--quick', '--markdown', '--list'].includes(option)) ??
  names.find((name) => !rows.some((row) => row.name === name));
if (unknown) {
  console.error(`table.mjs: there is no row or option '${unknown}': --list names the rows`);
  process.exit(2);
}
if (list) {
  for (const { name, figure } of rows) console.log(`${name.padEnd(18)} ${figure}`);
  for (const [name, members] of Object.entries(groups)) console.log(`${name.padEnd(18)} ${members.join(', ')}`);
  process.exit(0);
}

const text = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2));
const lines = [['figure', 'wanted', 'measured', 'least … most', 'met', 'in figures']];
const add = (figure, { most, least, unit = '', values, note = '', wrong, skipped }) => {
  const wanted = most !== undefined ? `≤ ${most}${unit}` : least !== undefined ? `≥ ${least}${unit}` : '';
  if (skipped) return lines.push([figure, wanted, 'skipped', '', '', skipped]);
  const value = median(values);
  const met = !wrong && (most === undefined || value <= most) && (least === undefined || value >= least);
  if (wrong) process.exitCode = 1;
  lines.push([
    figure,
    wanted,
    text(value) + unit,
    `${text(Math.min(...values))} … ${text(Math.max(...values))}`,
    wrong ? 'wrong' : !wanted ? '' : met ? 'yes' : 'no',
    wrong ? `${wrong}; ${note}` : note,
  ]);
};

for (const row of rows) {
  if (names.length && !names.includes(row.name)) continue;
  process.stderr.write(`${row.name} …\n`);
  try {
    for (const result of [await row.measure(quick)].flat()) add(result.figure ?? row.figure, result);
  } catch (error) {
    process.exitCode = 1;
    lines.push([row.figure, '', 'failed', '', 'wrong', error.message]);
  }
}

if (markdown) {
  for (const line of [lines[0], lines[0].map(() => '---'), ...lines.slice(1)]) console.log(`| ${line.join(' | ')} |`);
} else {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const print = (line) => console.log(line.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
  print(lines[0]);
  print(widths.map((width) => '-'.repeat(width)));
  lines.slice(1).forEach(print);
}
