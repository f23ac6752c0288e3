# SPDX-License-Identifier: Apache-2.0
"""A real nginx in front of a server, as people have it: it gives up (504) on an answer that does not begin within five seconds."""
import contextlib
import os
import shutil
import socket
import subprocess
import time

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONF = """daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 256; }}
http {{
  log_format plain '$status $request_method $uri';
  access_log {folder}/nginx-access.log plain;
  client_max_body_size 1g; client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-f; uwsgi_temp_path {folder}/nginx-u; scgi_temp_path {folder}/nginx-s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection ""; proxy_read_timeout 5s; }}
  }}
}}
"""


class Front:
    def __init__(self, folder, address):
        self.folder, self.address = folder, address

    def answers(self):
        """What it has answered so far: [("303", "POST", "/admin/…"), …]."""
        with open(os.path.join(self.folder, "nginx-access.log"), encoding="utf-8") as file:
            return [tuple(line.split(" ", 2)) for line in file.read().splitlines()]


@contextlib.contextmanager
def nginx(folder, upstream):
    """Runs one in the folder; its address is another one on loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(CONF.format(folder=folder, port=port, upstream=upstream))
    process = subprocess.Popen([NGINX, "-c", conf, "-e", os.path.join(folder, "nginx-error.log")])
    try:
        limit = time.monotonic() + 60
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < limit, "nginx did not start"
            time.sleep(0.02)
        yield Front(folder, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()
