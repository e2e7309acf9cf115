import { test_proxy } from './lib_proxy.mjs';

await test_proxy({
  program: 'caddy',
  configuration: 'Caddyfile',
  cuts: false,
  times_out: false,
  replacements: ({ directory, port, certificate, key, upstream }) => [
    ['example.org {', `{\n\tadmin unix/${directory}/admin\n\tauto_https disable_redirects\n\tstorage file_system ${directory}\n}\n` +
      `localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`],
    ['127.0.0.1:8080', upstream],
  ],
  arguments: ({ configuration }) => ['run', '--config', configuration, '--adapter', 'caddyfile'],
  reload: ({ configuration, directory }, child, run) =>
    run(['reload', '--force', '--config', configuration, '--adapter', 'caddyfile', '--address', `unix/${directory}/admin`]),
});
