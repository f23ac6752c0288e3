#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg_server.py run [--share] [--replica] [--max-connections N] [--durable] -- COMMAND… — real PostgreSQL servers for tests and benches.

Starts a primary, with --replica also a streaming replica of it, on 127.0.0.1 and free ports in a fresh folder; runs COMMAND with JB_TEST_POSTGRES (and JB_TEST_POSTGRES_REPLICA) set to their URLs; stops and removes everything; exits
with COMMAND's status. With --replica, lines like `replica pause`, `primary restart` or `all rebuild` to the socket JB_TEST_POSTGRES_CONTROL do so and are answered by `ok`. Without --durable nothing is ever synced: fast, and as good as gone after a power cut. With --share, COMMAND gets the servers that the environment already names, if it does. As root the servers run as the user postgres. They end with this program, however that ends.

From Python:
    with Cluster(replica=True) as cluster:
        cluster.primary.sql("select 1"); cluster.replica.pause(); cluster.primary.restart(); cluster.replica.promote()
"""
import argparse
import fcntl
import glob
import hashlib
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

USER = "jangbu"
START_SECONDS = 60  # a machine that is busy; it takes a fraction of a second
SETTINGS = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "100000",  # hundreds of tests share a server, each with a database of its own, and some count calls: none may be forgotten
    "wal_level": "replica", "hot_standby": "on", "jit": "off", "lc_messages": "C", "log_timezone": "UTC",
    "timezone": "Asia/Seoul",  # a client that relies on the server's zone is found out
}
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def find_binaries():
    """The newest PostgreSQL that Debian installed."""
    folders = [path for path in glob.glob("/usr/lib/postgresql/*/bin") if os.path.exists(path + "/initdb")]
    if not folders:
        sys.exit("pg_server.py: no PostgreSQL under /usr/lib/postgresql. Install it: script/setup test")
    return max(folders, key=lambda path: int(re.search(r"/(\d+)/bin$", path).group(1)))


BINARIES = find_binaries()
SERVER_USER = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def as_server(name, *words, end=None):
    """The command line that runs a program of PostgreSQL as its user; `end`: the signal it gets when we die."""
    user = [f"--reuid={SERVER_USER.pw_uid}", f"--regid={SERVER_USER.pw_gid}", "--init-groups"] if os.getuid() == 0 else []
    if not user and not end:
        return [os.path.join(BINARIES, name), *words]
    return ["setpriv", *user, *(["--pdeathsig", end] if end else []), "--", os.path.join(BINARIES, name), *words]


def run_tool(name, *words, stdin=None):
    done = subprocess.run(as_server(name, *words), cwd="/", input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed with {done.returncode}: {done.stdout[-2000:]}")


def write_settings(data, settings):
    """Later lines win."""
    with open(os.path.join(data, "postgresql.conf"), "a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())


def make_folder(path):
    os.mkdir(path, 0o700)
    os.chown(path, SERVER_USER.pw_uid, SERVER_USER.pw_gid)


def base_folder():
    """Holds the template, which is made once, and a folder for each cluster that runs; what killed runs left is removed. Returns it and its lock, to be closed."""
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"jb-postgres-{os.getuid()}")
    if not os.path.isdir(path):
        try:
            make_folder(path)
        except FileExistsError:
            pass
    if os.lstat(path).st_uid != SERVER_USER.pw_uid:
        sys.exit(f"pg_server.py: {path} belongs to somebody else. Remove it, or set TMPDIR.")
    lock = open(os.path.join(path, "lock"), "a", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for folder in glob.glob(os.path.join(path, "run-*")):
        try:
            with open(os.path.join(folder, "lock"), "a", encoding="utf-8") as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # it runs, or it went by itself
    return path, lock


def template(base):
    """A data folder as initdb makes it, and its password. Called under the base folder's lock."""
    key = hashlib.sha256(repr((BINARIES, SETTINGS)).encode()).hexdigest()[:12]
    path = os.path.join(base, f"template-{key}")
    if not os.path.isdir(path):
        making = path + ".making"
        shutil.rmtree(making, ignore_errors=True)
        make_folder(making)
        data, password = os.path.join(making, "data"), os.path.join(making, "password")
        with open(password, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(16))
        os.chmod(password, 0o600)
        os.chown(password, SERVER_USER.pw_uid, SERVER_USER.pw_gid)
        run_tool("initdb", "--no-sync", "--username", USER, "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "-D", data)
        write_settings(data, SETTINGS)
        run_tool("postgres", "--single", "-F", "-D", data, "postgres", stdin="create extension pg_stat_statements\n")
        os.rename(making, path)
    with open(os.path.join(path, "password"), encoding="utf-8") as file:
        return os.path.join(path, "data"), file.read()


def free_port():
    """Below the range of outgoing connections, so that a stopped server finds its port again."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """One server over an existing data folder."""

    def __init__(self, data, password, settings):
        self.data, self.password = data, password
        self.log = data + ".log"
        self.process = None
        self.port = free_port()
        self.settings = settings
        self.configure()

    def configure(self):
        write_settings(self.data, {**self.settings, "port": self.port})

    def url(self, database="postgres"):
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Returns when it takes connections."""
        limit = time.monotonic() + START_SECONDS
        self._launch()
        while not self._ready():
            if self.process.poll() is not None:
                text = self.log_text()
                # another's port, or memory of a server that was killed a moment ago
                if "could not create any TCP/IP sockets" in text:
                    self.port = free_port()
                    write_settings(self.data, {"port": self.port})
                elif "is still in use" not in text:
                    raise RuntimeError(f"the server ended with {self.process.returncode}:\n{text[-2000:]}")
                self._launch()
            if time.monotonic() > limit:
                raise RuntimeError(f"the server does not start:\n{self.log_text()[-2000:]}")
            time.sleep(0.005)

    def _launch(self):
        self.log_start = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(as_server("postgres", "-D", self.data, end="QUIT"), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _ready(self):
        """Line 8 of postmaster.pid says so, line 1 of which start."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def log_text(self):
        """What the server wrote since it was started last."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(self.log_start)
            return file.read()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGINT):
        """SIGINT: rolls back and shuts down; SIGQUIT: at once, to recover at the next start; SIGTERM: waits for the clients to leave."""
        if self.running():
            self.process.send_signal(how)
            self.resume()
            self.process.wait(START_SECONDS)

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def _processes(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as file:
            return [self.process.pid, *map(int, file.read().split())]

    def _signal_all(self, number):
        for pid in self._processes() if self.running() else []:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self):
        """Everything stands still: connections stay, nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    def kill(self):
        """As if the machine had died, but for its disk."""
        self._signal_all(signal.SIGKILL)
        self.process.wait(START_SECONDS)

    def promote(self):
        """The replica becomes a primary; returns when it takes writes."""
        run_tool("pg_ctl", "promote", "-w", "-t", str(START_SECONDS), "-D", self.data)

    def sql(self, text, database="postgres"):
        """Runs statements; the rows as lists of texts."""
        done = subprocess.run([os.path.join(BINARIES, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-d", self.url(database)], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]


class Cluster:
    """A primary, and a replica that streams from it through the slot `replica`, in a folder of their own."""

    def __init__(self, replica=False, max_connections=200, durable=False):
        self.settings = {**({} if durable else FAST), "max_connections": max_connections}
        self.replica_wanted = replica
        self.primary = self.replica = None

    def __enter__(self):
        base, lock = base_folder()
        with lock:
            self.folder = tempfile.mkdtemp(prefix="run-", dir=base)
            os.chown(self.folder, SERVER_USER.pw_uid, SERVER_USER.pw_gid)
            self.lock = open(os.path.join(self.folder, "lock"), "a", encoding="utf-8")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            data, password = template(base)
        try:
            copy = os.path.join(self.folder, "primary")
            subprocess.run(["cp", "-a", "--reflink=auto", data, copy], check=True)
            self.primary = Server(copy, password, self.settings)
            self.primary.start()
            if self.replica_wanted:
                copy = os.path.join(self.folder, "replica")
                self.primary.sql("select pg_create_physical_replication_slot('replica')")
                self._copy_primary(copy)
                self.replica = Server(copy, password, self.settings)
                self.replica.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _copy_primary(self, path):
        run_tool("pg_basebackup", "-D", path, "-d", self.primary.url() + "?application_name=replica", "--write-recovery-conf", "--slot", "replica", "--checkpoint", "fast", "--no-sync")

    def rebuild(self):
        """As in the beginning, whatever has happened: the primary runs, the replica is a fresh copy of it."""
        self.replica.stop(signal.SIGQUIT)
        self.primary.resume()
        if not self.primary.running():
            self.primary.start()
        shutil.rmtree(self.replica.data)
        self._copy_primary(self.replica.data)
        self.replica.configure()
        self.replica.start()

    def obey(self, line):
        """What the control socket was told: `replica pause`."""
        who, what = line.split()
        if what not in ("pause", "resume", "stop", "start", "restart", "kill", "promote", "rebuild"):
            raise ValueError(f"no such thing to do: {what}")
        getattr({"primary": self.primary, "replica": self.replica, "all": self}[who], what)()

    def control(self):
        """Opens the socket, and a thread that does what comes in, one thing at a time. Servers end with the thread that starts them, so it never ends."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.folder, "control"))
        listener.listen()

        def serve():
            while True:
                client, _ = listener.accept()
                with client, client.makefile("rw") as talk:
                    try:
                        self.obey(talk.readline())
                        talk.write("ok\n")
                    except Exception as error:  # whatever went wrong is for the test
                        talk.write(f"{error!r}\n")

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()

    def __exit__(self, *_):
        for server in (self.replica, self.primary):
            if server:
                server.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()

    def tell(self):
        """What the servers wrote last, for whoever asks why something failed."""
        for name, server in (("primary", self.primary), ("replica", self.replica)):
            if server:
                print(f"the {name}'s log ends:\n{server.log_text()[-4000:]}", file=sys.stderr)

    def environment(self):
        urls = {"JB_TEST_POSTGRES": self.primary.url()}
        return {**urls, "JB_TEST_POSTGRES_REPLICA": self.replica.url()} if self.replica else urls


class Signalled(Exception):
    pass


def run(command, tells=True, **how):
    """COMMAND's status; a signal is passed on to it, and ends the servers after it. `tells`: a failure is followed by the ends of the servers' logs."""
    def note(number, _):
        raise Signalled(number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, note)
    process = None
    try:
        with Cluster(**how) as cluster:
            try:
                control = {"JB_TEST_POSTGRES_CONTROL": cluster.control()} if cluster.replica else {}
                process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], env={**os.environ, **cluster.environment(), **control})
                status = process.wait()
                if status != 0 and tells:
                    cluster.tell()
                return status if status >= 0 else 128 - status
            finally:
                # the servers stop undisturbed
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                if process and process.poll() is None:
                    process.terminate()
                    process.wait()
    except Signalled as why:
        return 128 + why.args[0]


def main():
    parser = argparse.ArgumentParser(prog="pg_server.py")
    words = parser.add_subparsers(required=True).add_parser("run")
    words.add_argument("--share", action="store_true")
    words.add_argument("--replica", action="store_true")
    words.add_argument("--max-connections", type=int, default=200)
    words.add_argument("--durable", action="store_true")
    words.add_argument("command", nargs="+")
    given = parser.parse_args()
    if given.share and "JB_TEST_POSTGRES" in os.environ:
        os.execvp(given.command[0], given.command)
    return run(given.command, tells=not given.share, replica=given.replica, max_connections=given.max_connections, durable=given.durable)


if __name__ == "__main__":
    sys.exit(main())
