#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs http_malformed.py of JB_SHARED against a server: run_malformed.py build/test/net/http_echo [OPTION…]. Exit status 77: there is no JB_SHARED."""
import os
import signal
import subprocess
import sys

script = os.path.join(os.environ.get("JB_SHARED", ""), "cases", "http_malformed.py")
if not os.path.exists(script):
    print("skipped: JB_SHARED has no cases/http_malformed.py")
    sys.exit(77)
server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
address = server.stdout.readline().split()[1]
# Under sanitizers answers take longer than the script's 0.35 s of silence.
result = subprocess.run([sys.executable, script, address, "--tier", "all", "--strict-close", "--idle", "0.8", "--timeout", "5", "-v", *sys.argv[2:]])
server.send_signal(signal.SIGTERM)
status = server.wait(30)
print("the server ended with", status)
sys.exit(result.returncode or (1 if status else 0))
