"""Writes a part of a run: numbers, one parameter and one file; then reads everything back."""

from common import OPTIONS, Heard, attempt, build, report


def main():
    heard = Heard()
    start, stop = OPTIONS["range"]
    with build().run as exp:
        for number in range(start, stop):
            exp.metrics("train").log(n=number)
            exp.log("step", metadata={"n": number})
            exp.tracks("pose").append(_ts=float(number), n=number)
        error = attempt(exp.params.set, **{f"k{start}": start})[1]
        exp.files("kept").save_text(str(start), to=f"{start}.txt")
        exp.flush()
        seen = {
            "points": attempt(lambda: exp.metrics("train").read(0, 10_000)["data"]),
            "entries": attempt(lambda: exp.tracks("pose").read(format="json")["entries"]),
            "params": attempt(exp.params.get),
            "files": attempt(lambda: [record["filename"] for record in exp.files.list()]),
            "stats": attempt(lambda: exp.metrics("train").stats()["totalDataPoints"]),
        }
    report(error=error, seen=seen, **heard.facts())


if __name__ == "__main__":
    main()
