"""What a bench stands on: a private PostgreSQL, a vault of its own, programs that obey, and the CPU time of each."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from stages import stages

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests/support"
TICK = os.sysconf("SC_CLK_TCK")
PROGRAMS = ["vaultd", "vaultctl", "vault-generate", "bench-load", "bench-bare", "bench-log", "bench-tokens", "bench-keys", "bench-rewrap", "bench-scan",
            "bench-policy", "bench-replay", "bench-verify", "bench-questions"]


def say(*words):
    print("#", *words, file=sys.stderr, flush=True)


def output(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True, **more).stdout.strip()


def build():
    """The release build, made when it is missing; VAULT_BUILD names another folder."""
    folder = pathlib.Path(os.environ.get("VAULT_BUILD", ROOT / "build"))
    if not (folder / "build.ninja").exists():
        output("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", stderr=sys.stderr)
    try:
        output("ninja", "-C", folder, *PROGRAMS, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as failed:
        sys.exit(f"bench: the build failed\n{failed.stdout[-4000:]}")
    settings = (folder / "CMakeCache.txt").read_text()
    if "CMAKE_BUILD_TYPE:STRING=Debug" in settings or "SANITIZE:STRING=address" in settings:
        say(f"{folder} is no release build: its figures mean nothing")
    return folder


def go_ahead(pid="self"):
    """Before other processes: the nice value counts within a session only, its group (sched(7), autogroup) among sessions."""
    if pid == "self":
        os.nice(-15)
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text("-15")


# --- CPU ---

def stat(pid):
    """Fields of /proc/PID/stat from the third on, or None."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_of(pid):
    """Seconds that all threads of a process have used."""
    fields = stat(pid)
    return sum(map(int, fields[11:13])) / TICK if fields else 0.0


def cpu_of_tree(pid):
    """A process, its children, and those that it has buried."""
    fields = stat(pid)
    total = sum(map(int, fields[11:15])) / TICK if fields else 0.0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            child = stat(entry)
            if child and child[1] == str(pid):
                total += sum(map(int, child[11:13])) / TICK
    return total


def cpu_of_machine():
    """Seconds that any process has used, on all CPUs."""
    user, nice, system, _, _, irq, soft, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + soft) / TICK


# --- programs that obey (tests/bench/bench.h) ---

class Program:
    def __init__(self, path, *arguments):
        self.name = path.name
        self.process = subprocess.Popen([path, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.pid = self.process.pid

    def line(self):
        said = self.process.stdout.readline()
        if not said:
            sys.exit(f"bench: {self.name} ended with {self.process.wait()}")
        return said.strip()

    def expect(self, word):
        said = self.line()
        if said.split(" ")[0] != word:
            sys.exit(f"bench: {self.name} said '{said}', not '{word}'")
        return said[len(word):].strip()

    def obey(self, *words, watch=None, profile=None):
        """Runs one command; adds the seconds of CPU of what is watched: name -> function that reads."""
        watch = watch or {}
        recorder = profile() if profile else None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.expect("go")
        before = {name: read() for name, read in watch.items()}
        self.expect("end")
        after = {name: read() for name, read in watch.items()}
        if recorder:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(60)
        result = json.loads(self.expect("done"))
        result["cpu"] = {name: after[name] - before[name] for name in watch}
        return result

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


# --- PostgreSQL and the vault ---

class Machine:
    """Made on demand, deleted at the end: folder, PostgreSQL, certificates, vaultd, the programs that run against it."""

    def __init__(self, options):
        self.options = options
        self.programs = build()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vault-bench-", dir=os.environ.get("TMPDIR", "/tmp")))
        self.folder.chmod(0o711)
        self.conninfo = self.vaultd = self.app = None
        self.cluster = pathlib.Path(options.keep).resolve() if options.keep else self.folder / "pg"
        self.open_programs = []
        self.loaded = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.open_programs:
            program.process.kill()
        self.stop_vaultd()
        if self.conninfo:
            output(SUPPORT / "pg", "stop" if self.options.keep else "remove", self.cluster)
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name, *arguments):
        found = next(p for p in self.programs.rglob(name) if p.is_file() and os.access(p, os.X_OK))
        program = Program(found, *arguments)
        self.open_programs.append(program)
        return program

    # PostgreSQL

    def database(self):
        if not self.conninfo:
            self.conninfo = output(SUPPORT / "pg", "start", self.cluster, "--shared-buffers", "2GB", "--set", "max_wal_size=8GB",
                                   *(word for setting in self.options.set for word in ("--set", setting)))
            self.postmaster = int((self.cluster / "data/postmaster.pid").read_text().split()[0])
            if self.options.ahead:
                go_ahead(self.postmaster)
        return self.conninfo

    def sql(self, text):
        return output(SUPPORT / "pg", "psql", self.cluster, "-qAt", input=text)

    def new_database(self, name):
        self.database()
        if not self.options.keep or not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.sql(f"CREATE DATABASE {name} OWNER vault")
        return self.conninfo.replace("dbname=vault", f"dbname={name}")

    def cpu_of_postgres(self):
        return cpu_of_tree(self.postmaster)

    # the vault

    def documents(self, name="init", persons=0, rules=0):
        """The example registers, an app that may do all of this, and its rules; more persons, and more rules, if asked for."""
        folder = self.folder / name
        folder.mkdir()
        texts = {name: json.loads((ROOT / f"tests/support/town/{name}.json").read_text())
                 for name in ("schema", "principals", "persons", "purposes", "sharing", "browsing")}
        people = next(c for c in texts["schema"]["collections"] if c["name"] == "residents")
        names = [field["name"] for field in people["fields"]]
        areas = ["320411"]
        texts["principals"]["apps"].append({"id": "bench", "department": "public-security", "uri": "vault://dev/apps/bench", "certificates": []})
        for one in (p for kind in ("apps", "officers", "administrators") for p in texts["principals"][kind]):
            one["certificates"] = [{"sha256": self.certificate(one["id"], one["uri"])}]
        texts["purposes"]["purposes"].append({"id": "bench", "title": "测量", "basis": "PIPL 13(1)(3)", "notice": "测量用的虚构数据。",
                                              "forms": ["plain", "masked", "token", "predicate", "count", "nothing"], "retention": "P3Y",
                                              "assessment": {"id": "PIA-BENCH", "until": "2099-12-31"}, "consumers": ["bench"]})
        texts["purposes"]["purposes"].append({**texts["purposes"]["purposes"][-1], "id": "bench/counted", "consumers": []})
        same = {"consumer": "bench", "purpose": "bench", "areas": areas, "acting": "app", "valid": {"from": "2020-01-01", "until": "2099-12-31"}}
        texts["policy"] = {"rules": [
            *json.loads((ROOT / "tests/support/town/policy.json").read_text())["rules"],
            {"id": "bench-put", "action": "put", "fields": names, "form": "plain", **same},
            {"id": "bench-search", "action": "search", "fields": [field["name"] for field in people["fields"] if field["index"]], "form": "token",
             "results": 4096, **same},
            {"id": "bench-issue", "action": "issue", "fields": ["id_number"], "form": "nothing", **same},
            {"id": "bench-reveal", "action": "reveal", "fields": ["name", "phone", "residence_address"], "form": "plain", **same},
            {"id": "counted-reveal", "action": "reveal", "fields": ["name", "phone", "residence_address"], "form": "plain", **same,
             "purpose": "bench/counted"},
        ]}
        texts["policy"]["budgets"] = [{"id": "counted-day", "per": "consumer", "consumers": ["bench"], "purposes": ["bench/counted"],
                                       "roles": "any", "fields": "any", "period": "day", "residents": 10 ** 9}]
        texts["persons"]["persons"] += [
            {"id": f"worker-{hex(i * 7919 + 4096)[2:].replace('0', 'x').replace('1', 'y')}", "name": f"网格员{i}", "department": "civil-affairs",
             "role": "grid-worker", "areas": [f"320411{i % 20 + 1:03}{i % 40 + 1:03}"], "contract": {"from": "2026-01-01", "until": "2028-12-31"},
             "suspended": False} for i in range(persons)]
        texts["policy"]["rules"] += [
            {"id": f"more-{chr(97 + i // 26 // 26)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}", "action": "reveal", "consumer": "bench", "purpose": f"more/p{i // 8}",
             "fields": ["name"], "form": "plain", "areas": [f"32{i % 8 + 1:02}"], "acting": "app", "valid": {"from": "2020-01-01", "until": "2099-12-31"}}
            for i in range(rules)]
        more = {**texts["purposes"]["purposes"][-1], "id": "more"}
        if rules:
            texts["purposes"]["purposes"] += [more, *({**more, "id": f"more/p{i}", "consumers": []} for i in range((rules + 7) // 8))]
        for name, text in texts.items():
            (folder / f"{name}.json").write_text(json.dumps(text, ensure_ascii=False))
        return folder

    def certificate(self, name, uri):
        """Made if it is not there; its fingerprint."""
        output(SUPPORT / "ca", "client", self.folder / "ca", name, uri)
        return output(SUPPORT / "ca", "fingerprint", self.folder / "ca", name)

    def start_vaultd(self):
        if self.vaultd:
            return
        config = self.configure("vaultd", self.database())
        output(self.programs / "vaultd", "--config", config, "--init", self.documents(), "--name", "resident-vault/bench")
        self.log = open(self.folder / "vaultd.log", "w+")
        self.vaultd = subprocess.Popen([self.programs / "vaultd", "--config", config], stderr=self.log)
        self.server = self.address()

    def configure(self, name, database):
        """Root key, authority, and a config file."""
        ca, config, key = self.folder / "ca", self.folder / f"{name}.json", self.folder / "root.key"
        output(SUPPORT / "ca", "make", ca)
        if not key.exists():
            output(self.programs / "vaultd", "--make-root-key", key)
        config.write_text(json.dumps({
            "listen": "127.0.0.1:0", "metrics": "127.0.0.1:0", "database": database, "root_key": {"file": str(key), "unattended_restart": True},
            "tls": {"ca": f"{ca}/ca.crt", "certificate": f"{ca}/server.crt", "key": f"{ca}/server.key"},
            "checkpoint_file": str(self.folder / f"{name}.checkpoint"), "workers": self.options.workers, "pollers": self.options.pollers,
        }))
        return config

    # starts

    def crowd(self, name, persons, rules):
        """A vault of its own, made but not started: its config."""
        config = self.configure(name, self.new_database(name))
        output(self.programs / "vaultd", "--config", config, "--init", self.documents(f"init-{name}", persons, rules), "--name", "resident-vault/bench")
        return config

    def time_start(self, config):
        """Seconds from exec to server.ready."""
        began = time.monotonic()
        vaultd = subprocess.Popen([self.programs / "vaultd", "--config", config], stderr=subprocess.PIPE, text=True)
        for line in vaultd.stderr:
            if '"server.ready"' in line:
                break
        else:
            sys.exit("bench: vaultd does not start")
        took = time.monotonic() - began
        vaultd.terminate()
        vaultd.communicate(timeout=60)
        return took

    # imports

    def csv(self, count):
        """A file of residents with the 20 core fields."""
        path = self.folder / "residents.csv"
        with open(path, "wb") as out:
            subprocess.run([self.programs / "tests/generator/vault-generate", "--seed", "1", "--count", str(count), "--fields", "20"], check=True, stdout=out)
        return path

    def vaultctl_import(self, path, profile=None):
        """One run of vaultctl import, from the beginning: units, seconds, CPU and its memory."""
        ca, about = self.folder / "ca", {"vaultd": lambda: cpu_of(self.vaultd.pid), "postgres": self.cpu_of_postgres, "machine": cpu_of_machine}
        for left in self.folder.glob("residents.csv.*"):
            left.unlink()
        recorder = profile() if profile else None
        before, began = {name: read() for name, read in about.items()}, time.monotonic()
        vaultctl = subprocess.Popen([self.programs / "vaultctl", "import", path, "--json", "--server", self.server, "--ca", ca / "ca.crt", "--cert",
                                     ca / "bench.crt", "--key", ca / "bench.key", "--purpose", "bench"], stdout=subprocess.PIPE, text=True)
        said = vaultctl.stdout.read()
        _, status, used = os.wait4(vaultctl.pid, 0)
        seconds = time.monotonic() - began
        vaultctl.returncode = os.waitstatus_to_exitcode(status)
        if recorder:
            recorder.send_signal(signal.SIGINT)
            recorder.wait()
        if vaultctl.returncode:
            sys.exit(f"bench: vaultctl import ended with {vaultctl.returncode}: {said}")
        cpu = {name: read() - before[name] for name, read in about.items()}
        return {"units": json.loads(said.splitlines()[-1])["created"], "seconds": seconds, "p50_ms": 0, "p99_ms": 0,
                "cpu": {**cpu, "client": used.ru_utime + used.ru_stime}, "rss_mb": used.ru_maxrss / 1024}

    def peak_of_vaultd(self):
        """The most memory that vaultd has had, in MB."""
        status = pathlib.Path(f"/proc/{self.vaultd.pid}/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)

    def address(self):
        for _ in range(600):
            for line in (self.folder / "vaultd.log").read_text().splitlines():
                if '"server.ready"' in line:
                    return json.loads(line)["detail"].split(" ")[0]
            if self.vaultd.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit("bench: vaultd does not start\n" + (self.folder / "vaultd.log").read_text()[-2000:])

    def stop_vaultd(self):
        if self.vaultd and self.vaultd.poll() is None:
            self.vaultd.terminate()
            try:
                self.vaultd.wait(30)
            except subprocess.TimeoutExpired:
                self.vaultd.kill()
        self.vaultd = None

    def client(self):
        """bench-load, connected to the vault."""
        if not self.app:
            self.start_vaultd()
            ca = self.folder / "ca"
            self.app = self.program("bench-load", "--server", self.server, "--ca", ca / "ca.crt", "--cert", ca / "bench.crt", "--key", ca / "bench.key",
                                    "--residents", self.options.residents, "--connections", self.options.connections)
        return self.app

    def residents(self):
        """All residents in the vault, and a token for each in bench-load."""
        client = self.client()
        if not self.loaded:
            put = client.obey("put", 4)
            issued = client.obey("issue", 2)
            if put["units"] != self.options.residents or issued["units"] != self.options.residents:
                sys.exit(f"bench: {put['units']} put, {issued['units']} issued of {self.options.residents}")
            say(f"{put['units']} residents put in {put['seconds']:.1f} s, tokens issued in {issued['seconds']:.1f} s")
            self.sql("VACUUM (ANALYZE, FREEZE) resident, resident_key, resident_term, line; CHECKPOINT")
            self.loaded = True
        return client

    def profile(self, name):
        """What starts `perf record` of vaultd and of PostgreSQL's processes, for Program.obey; None without --profile."""
        if not self.options.profile:
            return None
        file = pathlib.Path(self.options.profile, name.replace("=", "-") + ".perf")
        file.parent.mkdir(parents=True, exist_ok=True)

        return lambda: self.record(file)

    def stages(self, line, run):
        """With --stages, one more run, recorded: where the servers' CPU time goes."""
        if not self.options.stages:
            return line
        file = self.folder / "stages.perf"
        run(lambda: self.record(file))
        return stages(line, file, self.vaultd.pid)

    def record(self, file):
        """Starts perf: again where one of PostgreSQL's short processes had gone before perf came to it."""
        for _ in range(20):
            servers = [str(self.postmaster)] + [e for e in os.listdir("/proc") if e.isdigit() and (stat(e) or ["", ""])[1] == str(self.postmaster)]
            pids = ",".join(servers + ([str(self.vaultd.pid)] if self.vaultd else []))
            recorder = subprocess.Popen(["perf", "record", "-q", "-F", "997", "--call-graph", "dwarf,8192", "-e", "cpu-clock", "-p", pids, "-o", file],
                                        stderr=subprocess.PIPE, text=True)
            try:
                recorder.wait(0.5)
            except subprocess.TimeoutExpired:
                return recorder
        sys.exit(f"bench: perf does not record: {recorder.stderr.read()[-400:]}")

    def watch(self, client):
        """What CPU is read of, for Program.obey."""
        return {
            **({"vaultd": lambda: cpu_of(self.vaultd.pid)} if self.vaultd else {}),
            "postgres": self.cpu_of_postgres,
            "client": lambda: cpu_of(client.pid),
            "machine": cpu_of_machine,
        }
