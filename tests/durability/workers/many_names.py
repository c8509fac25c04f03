"""Uses far more metrics and tracks than the process may have open files."""

import resource

from common import OPTIONS, Heard, build, report


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPTIONS["limit"], hard))
    heard = Heard()
    with build().run as exp:
        for number in range(3):
            for name in range(OPTIONS["names"]):
                exp.metrics(f"m{name:03}").log(n=number)
                exp.tracks(f"t{name:03}").append(_ts=float(number), n=number)
    report(**heard.facts())


if __name__ == "__main__":
    main()
