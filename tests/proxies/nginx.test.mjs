import { test_proxy } from './lib_proxy.mjs';

const common = ({ directory, configuration }) => ['-p', directory, '-c', configuration, '-e', `${directory}/log`];

await test_proxy({
  program: 'nginx',
  configuration: 'nginx.conf',
  reload_cuts: true,
  times_out: true,
  compresses: true,
  waits: false,
  replacements: ({ directory, port, certificate, key, upstream, read_timeout }) => [
    ['worker_shutdown_timeout 10s;', 'worker_shutdown_timeout 1s;'],
    ['listen 443 ', `listen 127.0.0.1:${port} `],
    ['/etc/ssl/example.org.crt', certificate],
    ['/etc/ssl/example.org.key', key],
    ['127.0.0.1:8080;', `${upstream};\n      proxy_read_timeout ${read_timeout}s;`],
    ['http {', `pid ${directory}/pid;\nhttp {\n  access_log off;\n  gzip on;\n  gzip_types text/event-stream;\n` +
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `  ${what}_temp_path ${directory}/${what};\n`).join('')],
  ],
  arguments: (place) => [...common(place), '-g', 'daemon off;'],
  reload: (place, child, run) => run([...common(place), '-s', 'reload']),
});
