# SPDX-License-Identifier: MIT
"""nginx in front of a server, as docs/operating.md says, and its own account of what it let through.

    proxy = Proxy(stage, server)            listens on proxy.address
    proxy.stop()
    proxy.forwarded('/c17')                 how many requests below this path it handed on
"""
import shutil
import signal
import socket
import time

from door import split_address
from sotto import own_address
from tap import skip
from under_test import deadline, patient

CONF = '''
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    log_format seen '$request_uri $upstream_addr';
    access_log {folder}/access.log seen;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_header_timeout 1s; client_body_timeout 1s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 60s;
        }}
    }}
}}
'''


class Proxy:
    def __init__(self, stage, server):
        program = shutil.which('nginx', path='/usr/sbin:/usr/bin:/sbin:/bin')
        if not program:
            skip('nginx is not installed')
        self.folder = stage.folder / 'nginx'
        self.folder.mkdir()
        with socket.create_server((own_address(), 0)) as listener:
            self.address = '%s:%d' % listener.getsockname()
        conf = self.folder / 'nginx.conf'
        conf.write_text(CONF.format(folder=self.folder, address=self.address, upstream=server.ready['http']),
                        encoding='utf-8')
        self.process = stage.process([program, '-e', 'stderr', '-p', self.folder, '-c', conf], self.folder / 'stderr')
        self.wait_open()

    def wait_open(self):
        end = deadline()
        while True:
            try:
                socket.create_connection(split_address(self.address), patient()).close()
                return
            except ConnectionRefusedError:
                assert self.process.running and time.monotonic() < end, self.process.error_text()

    def stop(self):
        """Lets it finish what it has begun."""
        self.process.signal(signal.SIGQUIT)
        return self.process.wait()

    def forwarded(self, path):
        lines = (self.folder / 'access.log').read_text(encoding='utf-8', errors='replace').splitlines()
        return sum(line.startswith(path) and not line.endswith(' -') for line in lines)
