"""Tries to open a run in a folder that refuses writes."""

from common import attempt, build, report


def main():
    def open_run():
        build().run.start()

    report(error=attempt(open_run)[1])


if __name__ == "__main__":
    main()
