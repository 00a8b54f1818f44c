"""What a profile says of where the servers' time goes: shares of the stages of a call (DESIGN.md section 8).

A sample belongs to the innermost function on its stack that a table names; so no timer stands on the hot path."""
import collections
import subprocess

# stage: functions (a trailing * stands for anything), those of a stage above that calls one below do not count for it
VAULTD = {
    "wipe": ["arena_reset", "wipe", "body_wipe"],
    "unpack": ["scan_message", "protobuf_c_message_unpack", "body_bytes"],
    "fetch": ["store_residents_by_*", "store_search*", "store_ids_*"],
    "prove": ["record_prove"],
    "decide": ["policy_decide", "judge_by_area", "put_judge", "unique_judge"],
    "seal": ["put_prepare"],
    "line": ["line_make", "call_facts", "record_cipher"],
    "append": ["ledger_append*", "ledger_place", "store_begin", "store_commit"],
    "write": ["put_write", "kept_write"],
    "receipt": ["appended_path", "appended_sign", "receipt_line", "make_receipt"],
    "finish": ["open_values", "item_issue", "item_value"],
    "pack": ["answer_message", "call_answers"],
    "identify": ["gate_admit", "peer_identify", "item_token", "cabinet_natural_key", "format_normalise", "tokens_batch_*", "tokens_reveal",
                 "records_*", "put_read_*"],
    "rest of the part": ["run_part", "batch_run"],
    "transport": ["*"],
}
POSTGRES = {
    "commit": ["CommitTransaction*", "XLogFlush", "RecordTransactionCommit"],
    "insert": ["ExecModifyTable", "CopyFrom*", "DoCopy", "BeginCopyFrom"],
    "fetch": ["IndexNext*", "ExecIndexScan*", "index_*", "heap_*", "ExecScan"],
    "rows out": ["printtup*", "SendFunctionCall", "socket_*", "internal_*"],
    "parameters": ["exec_bind_message", "OidReceiveFunctionCall", "array_recv", "PrepareToInvalidateCacheTuple"],
    "rest": ["*"],
}


def finder(table):
    exact, starts = {}, []
    for stage, names in table.items():
        for name in names:
            if name.endswith("*"):
                starts.append((name[:-1], stage))
            else:
                exact[name] = stage
    known = {}

    def of(function):
        if function not in known:
            known[function] = exact.get(function) or next((s for start, s in starts if start and function.startswith(start)), None)
        return known[function]
    return of


def stacks(file):
    """(process name, functions from the innermost out) of each sample."""
    reader = subprocess.Popen(["perf", "script", "-i", str(file), "-F", "pid,ip,sym", "--no-inline"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    pid, functions = None, []
    for text in reader.stdout:
        words = text.split()
        if not words:
            if pid is not None:
                yield pid, functions
            pid, functions = None, []
        elif pid is None:
            pid = int(words[0])
        else:
            functions.append(words[1] if len(words) > 1 else "")
    reader.wait()


def shares(file, vaultd):
    """{"vaultd": {stage: share}, "postgres": {stage: share}} of a profile."""
    sides = {"vaultd": (finder(VAULTD), collections.Counter(), "transport"), "postgres": (finder(POSTGRES), collections.Counter(), "rest")}
    for pid, functions in stacks(file):
        of, counts, other = sides["vaultd" if pid == vaultd else "postgres"]
        counts[next(filter(None, map(of, functions)), other)] += 1
    return {side: {stage: count / counts.total() for stage, count in counts.most_common()} for side, (_, counts, _) in sides.items() if counts}


def stages(line, file, vaultd):
    """The line with microseconds of each stage: the shares of the profile, of the CPU time that was measured without it."""
    for side, found in shares(file, vaultd).items():
        line[f"stages_us_{side}"] = {stage: round(share * line[f"cpu_us_{side}"], 2) for stage, share in found.items()}
    return line
