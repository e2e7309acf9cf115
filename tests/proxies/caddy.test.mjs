import { test_proxy } from './lib_proxy.mjs';

// As examples/proxies/README.md says it: Caddy 2.6.2 holds back a stream that it compresses.
const encode = '@pages not path /events\n\tencode @pages gzip';
const common = ({ configuration }) => ['--config', configuration, '--adapter', 'caddyfile'];

await test_proxy({
  program: 'caddy',
  configuration: 'Caddyfile',
  reload_cuts: false,
  times_out: false,
  compresses: false,
  waits: true,
  replacements: ({ directory, port, certificate, key, upstream }) => [
    ['grace_period 10s', `grace_period 1s\n\tadmin unix/${directory}/admin\n\tauto_https disable_redirects\n\tstorage file_system ${directory}\n\t`],
    ['example.org {', `localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}\n\t${encode}`],
    ['127.0.0.1:8080', upstream],
  ],
  arguments: (place) => ['run', ...common(place)],
  reload: (place, child, run) => run(['reload', '--force', ...common(place), '--address', `unix/${place.directory}/admin`]),
});
