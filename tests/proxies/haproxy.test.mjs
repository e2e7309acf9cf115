import { test_proxy } from './lib_proxy.mjs';

await test_proxy({
  program: 'haproxy',
  configuration: 'haproxy.cfg',
  cuts: true,
  times_out: true,
  replacements: ({ port, both, upstream, read_timeout }) => [
    [':443', `127.0.0.1:${port}`],
    ['/etc/haproxy/example.org.pem', both],
    ['127.0.0.1:8080', upstream],
    ['hard-stop-after 10s', 'hard-stop-after 1s'],
    ['timeout client 60s', `timeout client ${read_timeout}s`],
    ['timeout server 60s', `timeout server ${read_timeout}s`],
  ],
  arguments: ({ configuration }) => ['-W', '-f', configuration], // as Debian's service runs it, and reloads it
  reload: (place, child) => child.kill('SIGUSR2'),
});
