"""Reports what the public readers show of a run."""

from common import OPTIONS, attempt, build, report


def safe(value):
    """Return a value as strict JSON: floats that are no numbers get a name."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe(item) for item in value]
    return value


def main():
    seen, errors = {}, {}
    with build().run as exp:
        calls = {
            **{f"metric:{m}": lambda m=m: exp.metrics(m).read(0, 10_000_000)["data"]
               for m in OPTIONS.get("metrics", [])},
            **{f"stats:{m}": exp.metrics(m).stats for m in OPTIONS.get("metrics", [])},
            **{f"track:{t}": lambda t=t: exp.tracks(t).read(format="json")["entries"]
               for t in OPTIONS.get("tracks", [])},
            "params": exp.params.get,
            "files": exp.files.list,
        }
        for name, call in calls.items():
            result, error = attempt(call)
            if error:
                errors[name] = error
            else:
                seen[name] = safe(result)
    report(seen=seen, errors=errors)


if __name__ == "__main__":
    main()
