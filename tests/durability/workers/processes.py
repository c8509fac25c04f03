"""Threads, processes and forks that write one run; each case is a function."""

import atexit
import multiprocessing
import os
import sys
import threading

from common import OPTIONS, Heard, attempt, build, report

N = OPTIONS.get("n", 0)


def together(*targets):
    """Run functions in threads that start at the same moment; return their errors."""
    barrier = threading.Barrier(len(targets))
    errors = []

    def run(target):
        barrier.wait()
        _, error = attempt(target)
        if error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def log_points(exp, start, stop, name="train"):
    points = exp.metrics(name)
    for number in range(start, stop):
        points.log(n=number)


def log_each(exp, start, stop):
    """Log numbers as every kind."""
    for number in range(start, stop):
        exp.metrics("train").log(n=number)
        exp.log("step", metadata={"n": number})
        exp.tracks("pose").append(_ts=float(number), n=number)


def threads_metric(exp):
    errors = together(*[lambda w=w: log_points(exp, w * N, (w + 1) * N) for w in range(2)])
    exp.flush()
    return {"errors": errors}


def threads_log(exp):
    def log(worker):
        for number in range(worker * N, (worker + 1) * N):
            exp.log("step", metadata={"n": number})

    errors = together(lambda: log(0), lambda: log(1))
    exp.flush()
    return {"errors": errors}


def threads_each(exp):
    errors = together(lambda: log_each(exp, 0, N), lambda: log_each(exp, N, 2 * N))
    return {"errors": errors}


def threads_names(exp):
    """Two threads make the same new metrics at the same time, with hasty switching."""
    sys.setswitchinterval(1e-6)

    def log(worker):
        for name in range(N):
            exp.metrics(f"m{name:04}").log(n=worker)

    errors = together(lambda: log(0), lambda: log(1))
    exp.flush()
    return {"errors": errors}


def threads_topic(exp):
    """Two threads append to one topic, and the main one flushes meanwhile."""
    def append(worker):
        track = exp.tracks("pose")
        for number in range(worker * N, (worker + 1) * N):
            track.append(_ts=float(number), n=number)

    def flush():
        for _ in range(10):
            exp.tracks.flush()

    errors = together(lambda: append(0), lambda: append(1), flush)
    exp.flush()
    return {"errors": errors}


def summary_race(exp):
    """One thread buffers values while another summarises them."""
    sys.setswitchinterval(1e-5)
    done = threading.Event()

    def fill():
        for _ in range(N):
            exp.metrics("buffered").buffer(v=1.0)
        done.set()

    def summarise():
        while not done.is_set():
            exp.metrics.buffer.log_summary("count")

    errors = together(fill, summarise)
    exp.metrics.buffer.log_summary("count")
    exp.flush()
    return {"errors": errors}


def kinds(exp):
    """What one of several processes does: N of each kind, 200 parameters."""
    worker = OPTIONS["rank"]
    log_each(exp, worker * N, (worker + 1) * N)
    for number in range(OPTIONS.get("params", 0)):
        exp.params.set(**{f"w{worker}.k{number}": number})
    exp.flush()
    return {}


def one_metric(exp):
    log_points(exp, OPTIONS["rank"] * N, (OPTIONS["rank"] + 1) * N)
    exp.flush()
    return {}


def write_params(exp):
    for number in range(N):
        exp.params.set(**{f"w{OPTIONS['rank']}.k{number}": number})
    return {}


def read_params(exp):
    """Read parameters until both writers are seen to be done."""
    exp.params.set(reader=1)
    reads = empty = torn = highest = 0
    while highest < 2 * N and reads < 100_000:
        found, error = attempt(exp.params.get)
        reads += 1
        empty += found == {}
        torn += error is not None
        count = len(found or {}) - 1
        torn += count < highest
        highest = max(highest, count)
    return {"reads": reads, "empty": empty, "torn": torn, "highest": highest}


def fork_child(exp):
    """A forked child logs and leaves, one way or another, while the parent's run goes on."""
    log_each(exp, 0, 100)
    child = os.fork()
    if child == 0:
        log_each(exp, 1000, 1000 + N)
        if OPTIONS["leave"] == "complete":
            exp.run.complete()
            os._exit(0)
        if OPTIONS["leave"] == "flush":
            exp.flush()
            os._exit(0)
        if OPTIONS["leave"] == "os_exit":
            os._exit(0)
        sys.exit(0)  # leaves the `with` block and runs the exit handlers
    _, code = os.waitpid(child, 0)
    document = os.path.join(OPTIONS["root"], OPTIONS["prefix"], "experiment.json")
    with open(document) as file:
        report(child=code, document_while_running=file.read())
    log_each(exp, 100, 200)
    return {}


def fork_both_flush(exp):
    """50 records before the fork; both sides flush."""
    log_each(exp, 0, 50)
    child = os.fork()
    if child == 0:
        exp.flush()
        os._exit(0)
    os.waitpid(child, 0)
    exp.flush()
    return {}


def many_forks(exp):
    """150 forks while another thread logs; each child logs one point."""
    stop = threading.Event()
    counts = {"thread": 0}

    def log():
        while not stop.is_set():
            log_each(exp, 10_000 + counts["thread"], 10_001 + counts["thread"])
            counts["thread"] += 1

    thread = threading.Thread(target=log)
    thread.start()
    codes = []
    for number in range(N):
        child = os.fork()
        if child == 0:
            log_each(exp, number, number + 1)
            exp.flush()
            os._exit(0)
        codes.append(os.waitpid(child, 0)[1])
    stop.set()
    thread.join()
    exp.flush()
    return {**counts, "codes": codes}


def same_new_names(exp):
    """Four forked processes make the same new metrics and tracks, in step."""
    children = []
    waiting, opening = os.pipe()
    for rank in range(4):
        child = os.fork()
        if child == 0:
            os.close(opening)
            os.read(waiting, 1)  # returns when the parent closes its end: all start together
            for name in range(N):
                exp.metrics(f"m{name:03}").log(n=rank)
                exp.tracks(f"t{name:03}").append(_ts=float(rank), n=rank)
            exp.flush()
            os._exit(0)
        children.append(child)
    os.close(waiting)
    os.close(opening)
    return {"codes": [os.waitpid(child, 0)[1] for child in children]}


def forked_worker(worker):
    """Log through the run that the parent opened."""
    log_each(SHARED, worker * N, (worker + 1) * N)


def spawned_worker(options, worker):
    """Open the run again, in a fresh interpreter, and log."""
    OPTIONS.update(options)
    n = options["n"]
    with build().run as exp:
        log_each(exp, worker * n, (worker + 1) * n)


SHARED = None


def pool(exp):
    """Start 4 workers with `multiprocessing`."""
    global SHARED
    SHARED = exp
    context = multiprocessing.get_context(OPTIONS["method"])
    if OPTIONS["method"] == "fork":
        workers = [context.Process(target=forked_worker, args=(w,)) for w in range(4)]
    else:
        workers = [context.Process(target=spawned_worker, args=(OPTIONS, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"codes": [worker.exitcode for worker in workers]}


def ids(exp):
    """Make ids in the parent and in a forked child."""
    from ml_dash.snowflake import generate_id

    generate_id()
    theirs = os.path.join(OPTIONS["root"], "ids")
    child = os.fork()
    mine = [str(generate_id()) for _ in range(N)]
    if child == 0:
        with open(theirs, "w") as file:
            file.write("\n".join(mine))
        os._exit(0)
    os.waitpid(child, 0)
    with open(theirs) as file:
        others = file.read().split()
    return {"equal": len(set(mine) & set(others)), "repeated": 2 * N - len({*mine, *others})}


def broken_stdout(exp):
    """Log 200 lines with the echo on a pipe that nobody reads, and warnings as errors."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    errors = []
    for number in range(200):
        for call in (lambda: exp.log("step", metadata={"n": number}),  # noqa: B023
                     lambda: exp.metrics("train").log(n=number)):  # noqa: B023
            error = attempt(call)[1]
            if error:
                errors.append(error)
    atexit.register(os._exit, 0)
    return {"errors": errors}


def main():
    heard = None if OPTIONS["case"] == "broken_stdout" else Heard()
    with build().run as exp:
        facts = globals()[OPTIONS["case"]](exp)
        report(**facts)
    if heard:
        report(**heard.facts())


if __name__ == "__main__":
    main()
