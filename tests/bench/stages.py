"""What a profile says of where the servers' time goes: shares of the stages of a call (DESIGN.md section 8).

A sample belongs to the innermost function on its stack that a table names (of PostgreSQL, to the first stage of the table): so no timer
stands on the hot path."""
import collections
import subprocess

# stage: functions; a trailing * stands for anything. Assembler of OpenSSL and libgcrypt breaks some stacks off: what stands last
# tells those that have nothing else.
VAULTD = {
    "wipe": ["arena_reset", "wipe", "body_wipe"],
    "unpack": ["scan_message", "protobuf_c_message_unpack", "body_bytes"],
    "fetch": ["store_residents_by_*", "store_search*", "store_ids_*"],
    "prove": ["record_prove"],
    "decide": ["policy_decide", "judge_by_area", "put_judge", "unique_judge"],
    "seal": ["put_prepare"],
    "line": ["line_make", "call_facts", "record_cipher", "view_of_*"],
    "append": ["ledger_append*", "ledger_place", "store_begin", "store_commit"],
    "write": ["put_write", "kept_write"],
    "receipt": ["appended_path", "appended_sign", "receipt_line", "make_receipt"],
    "finish": ["open_values", "item_issue", "item_value"],
    "pack": ["answer_message", "call_answers"],
    "identify": ["gate_admit", "peer_identify", "item_token", "cabinet_natural_key", "format_normalise", "tokens_batch_*", "tokens_reveal",
                 "records_*", "put_read_*", "kept_find"],
    "rest of the part": ["run_part", "batch_run"],
    "transport": ["grpc_*", "calls_flush", "calls_send_left", "poll_*", "queue_*"],
}
VAULTD_BROKEN = {
    "line": ["put_string", "put_key", "put_text", "put_id", "put_number", "base64_*", "sha256*", "SHA256_*"],
    "cipher, of whatever stage": ["aead_*", "gcry_*", "prf_*", "text_*"],
}
# The first stage that any function of the stack belongs to.
POSTGRES = {
    "commit": ["CommitTransaction*", "XLogFlush", "RecordTransactionCommit"],
    "insert": ["ExecModifyTable", "CopyFrom*", "DoCopy", "BeginCopyFrom", "heap_insert", "heap_multi_insert", "btinsert", "_bt_doinsert",
               "ExecInsertIndexTuples"],
    "fetch": ["IndexNext*", "ExecIndexScan*", "index_*", "ExecNestLoop*", "heap_*", "_bt_*"],
    "rows out": ["printtup*", "SendFunctionCall", "internal_flush", "secure_write"],
    "parameters": ["exec_bind_message", "OidReceiveFunctionCall", "array_recv", "secure_read"],
    "planning": ["pg_plan_queries", "pg_analyze_and_rewrite*"],
    "background": ["WalWriterMain", "CheckpointerMain", "BackgroundWriterMain", "AutoVac*"],
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


def innermost(table, broken):
    of, otherwise = finder(table), finder(broken)
    return lambda functions: next(filter(None, map(of, functions)), None) or next(filter(None, map(otherwise, functions)), "transport and others")


def first(table):
    of, order = finder(table), list(table)
    return lambda functions: min(filter(None, map(of, functions)), key=order.index, default="rest")


def shares(file, vaultd):
    """{"vaultd": {stage: share}, "postgres": {stage: share}} of a profile."""
    stage_of = {"vaultd": innermost(VAULTD, VAULTD_BROKEN), "postgres": first(POSTGRES)}
    counts = {side: collections.Counter() for side in stage_of}
    for pid, functions in stacks(file):
        side = "vaultd" if pid == vaultd else "postgres"
        counts[side][stage_of[side](functions)] += 1
    return {side: {stage: count / found.total() for stage, count in found.most_common()} for side, found in counts.items() if found}


def stages(line, file, vaultd):
    """The line with microseconds of each stage: the shares of the profile, of the CPU time that was measured without it."""
    for side, found in shares(file, vaultd).items():
        line[f"stages_us_{side}"] = {stage: round(share * line[f"cpu_us_{side}"], 2) for stage, share in found.items()}
    return line
